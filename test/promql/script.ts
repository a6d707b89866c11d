import { parseDuration } from '../../src/core/duration.ts';
import { parseFloatText } from '../../src/core/float-text.ts';
import { parseExpr, parseSeriesDescription, type SeriesDescription } from '../../src/promql/index.ts';
import { isStartLine, parseStartLine, type StartLine } from './start-line.ts';

/**
 * The scripting language of Prometheus' PromQL tests: `load`, `clear`, `eval` with `expect` lines.
 *
 * @see prometheus promql/promqltest/README.md
 */

/** Kinds of `expect` lines that speak of errors and annotations. */
type ExpectationKind = 'fail' | 'warn' | 'info' | 'no_warn' | 'no_info' | 'ordered';

/** One `expect` line. */
interface Expectation {
  readonly kind: ExpectationKind;
  readonly matches: (text: string) => boolean;
  readonly shown: string;
  /** Given by the old spelling `eval_warn`: what it doesn't mention may come too. */
  readonly legacy: boolean;
}

/** A series of a `load`, with the start timestamps of its samples: offsets from their times, undefined for none. */
export interface LoadedSeries extends SeriesDescription {
  readonly startOffsetsMs: readonly (number | undefined)[];
}

/** `load <step>` and its series. */
export interface LoadCommand {
  readonly kind: 'load';
  readonly line: number;
  readonly stepMs: number;
  /** `load_with_nhcb`: classic histograms are stored as native ones too. */
  readonly withNativeHistograms: boolean;
  readonly series: readonly LoadedSeries[];
}

/** What an `eval` expects to see. */
type ExpectedValue =
  | { readonly kind: 'scalar'; readonly value: number }
  | { readonly kind: 'string'; readonly text: string }
  | { readonly kind: 'series'; readonly series: readonly SeriesDescription[] };

/** One `eval`. Times are milliseconds. */
export interface EvalCommand {
  readonly kind: 'eval';
  readonly line: number;
  readonly expr: string;
  readonly instant: boolean;
  /** The time of an instant query. */
  readonly atMs: number;
  /** Steps of a range query, or those of the samples of an expected range vector. */
  readonly startMs: number;
  readonly endMs: number;
  readonly stepMs: number;
  readonly expectations: readonly Expectation[];
  readonly expected: ExpectedValue;
  /** Expects a range vector or a string, which range queries don't give. */
  readonly onlyInstant: boolean;
}

/** A step of a script. */
export type Command = { readonly kind: 'clear' } | LoadCommand | EvalCommand;

const LOAD = /^load(?:_(with_nhcb))?\s+(.+?)$/;
const INSTANT = /^eval(?:_(fail|warn|ordered|info))?\s+instant\s+(?:at\s+(.+?))?\s+(.+)$/;
const RANGE = /^eval(?:_(fail|warn|info))?\s+range\s+from\s+(.+)\s+to\s+(.+)\s+step\s+(.+?)\s+(.+)$/;
const EXPECT = /^expect\s+(ordered|fail|warn|no_warn|info|no_info)(?:\s+(regex|msg):(.+))?$/;
const EXPECT_RANGE = /^expect range vector\s+from\s+(.+)\s+to\s+(.+)\s+step\s+(.+)$/;

/** Parses a script; throws Error with the line for what isn't one. */
export function parseScript(text: string): Command[] {
  const lines = text
    .split('\n')
    .map((line) => line.trim())
    .map((line) => (line.startsWith('#') ? '' : line));
  const commands: Command[] = [];
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at]!;
    if (line === '') continue;
    let end = at + 1;
    while (end < lines.length && lines[end] !== '') end++;
    const body = lines.slice(at + 1, end);
    const word = line.split(/\s/, 1)[0]!.toLowerCase();
    if (word === 'clear') {
      commands.push({ kind: 'clear' });
    } else if (word.startsWith('load')) {
      commands.push(parseLoad(line, body, at + 1));
      at = end - 1;
    } else if (word.startsWith('eval')) {
      const { command, used } = new EvalReader(line, at + 1).read(body);
      commands.push(command);
      at += used;
    } else {
      throw new Error(`line ${at + 1}: not a command: ${line}`);
    }
  }
  return commands;
}

function duration(text: string): number {
  const ms = parseDuration(text);
  if (ms === undefined) throw new Error(`not a duration: ${text}`);
  return ms;
}

function parseLoad(line: string, body: readonly string[], number: number): LoadCommand {
  const match = LOAD.exec(line);
  if (match === null) throw new Error(`line ${number}: not a load command: ${line}`);
  // A series that is given twice is the one given last.
  const byKey = new Map<string, LoadedSeries>();
  let start: StartLine | undefined;
  for (const one of body) {
    if (isStartLine(one)) {
      if (start !== undefined) throw new Error(`line ${number}: an @st line without its samples`);
      start = parseStartLine(one);
      continue;
    }
    const series = parseSeriesDescription(one);
    if (start !== undefined && start.labels.key !== series.labels.key) {
      throw new Error(`line ${number}: the @st line before ${one} is of another series`);
    }
    if (start !== undefined && start.offsetsMs.length !== series.values.length) {
      throw new Error(`line ${number}: the @st line before ${one} has ${start.offsetsMs.length} values`);
    }
    byKey.set(series.labels.key, { ...series, startOffsetsMs: start?.offsetsMs ?? [] });
    start = undefined;
  }
  if (start !== undefined) throw new Error(`line ${number}: an @st line without its samples`);
  return {
    kind: 'load',
    line: number,
    stepMs: duration(match[2]!),
    withNativeHistograms: match[1] !== undefined,
    series: [...byKey.values()],
  };
}

function parseExpectation(line: string): Expectation {
  const match = EXPECT.exec(line);
  if (match === null) throw new Error(`not an expect line: ${line}`);
  const [, kind, how, rest = ''] = match;
  const text = rest.trim();
  const pattern = how === 'regex' ? new RegExp(text) : undefined;
  return {
    kind: kind as ExpectationKind,
    shown: text,
    matches: (actual) =>
      pattern === undefined ? how === undefined || actual === text : pattern.test(actual),
    legacy: false,
  };
}

function legacyExpectation(word: string | undefined): Expectation[] {
  if (word === undefined) return [];
  return [{ kind: word as ExpectationKind, shown: '', matches: () => true, legacy: true }];
}

/** The text of a string literal. */
function unquoted(text: string): string {
  const literal = parseExpr(text);
  if (literal.kind !== 'stringLiteral') throw new Error(`not a string literal: ${text}`);
  return literal.value;
}

function parseNumber(line: string): number | undefined {
  if (/^[+-]?0[xX][0-9a-fA-F]+$/.test(line)) return Number(line);
  return parseFloatText(line);
}

/** Reads one `eval` and the lines below it. */
class EvalReader {
  readonly #parts: RegExpExecArray;
  readonly #instant: boolean;
  readonly #line: number;
  readonly #expectations: Expectation[];
  readonly #series: SeriesDescription[] = [];
  #expected: ExpectedValue | undefined;
  #startMs = 0;
  #endMs = 0;
  #stepMs = 0;
  #onlyInstant = false;
  #rangeVector = false;

  constructor(line: string, number: number) {
    const instant = INSTANT.exec(line);
    const parts = instant ?? RANGE.exec(line);
    if (parts === null) throw new Error(`line ${number}: not an eval command: ${line}`);
    this.#parts = parts;
    this.#instant = instant !== null;
    this.#line = number;
    this.#expectations = legacyExpectation(parts[1]);
    if (!this.#instant) this.#setSteps(parts.slice(2, 5));
  }

  read(body: readonly string[]): { readonly command: EvalCommand; readonly used: number } {
    let used = 0;
    while (used < body.length && this.#take(body[used]!)) used++;
    // The line that ends the body is one of it.
    if (used < body.length) used++;
    this.#validate();
    const command: EvalCommand = {
      kind: 'eval',
      line: this.#line,
      expr: this.#parts[this.#instant ? 3 : 5]!,
      instant: this.#instant,
      atMs: this.#instant ? duration(this.#parts[2]!) : 0,
      startMs: this.#startMs,
      endMs: this.#endMs,
      stepMs: this.#stepMs,
      expectations: this.#expectations,
      expected: this.#expected ?? { kind: 'series', series: this.#series },
      onlyInstant: this.#onlyInstant,
    };
    return { command, used };
  }

  #setSteps(texts: readonly string[]): void {
    const [startMs, endMs, stepMs] = texts.map(duration);
    this.#startMs = startMs!;
    this.#endMs = endMs!;
    this.#stepMs = stepMs!;
    if (this.#endMs < this.#startMs) throw new Error(`line ${this.#line}: ends before it starts`);
  }

  /** Takes one line of the body; false when it is the last one. */
  #take(text: string): boolean {
    const range = EXPECT_RANGE.exec(text);
    if (range !== null) {
      this.#setSteps(range.slice(1, 4));
      this.#rangeVector = true;
      this.#onlyInstant = true;
      return true;
    }
    if (text.startsWith('expect string ')) {
      this.#expected = { kind: 'string', text: unquoted(text.slice('expect string '.length)) };
      this.#onlyInstant = true;
      return true;
    }
    const failure = /^expected_fail_(message|regexp)\s+(.*)$/.exec(text);
    if (failure !== null) {
      const how = failure[1] === 'message' ? 'msg' : 'regex';
      this.#expectations.length = 0;
      this.#expectations.push(parseExpectation(`expect fail ${how}: ${failure[2]!}`));
      return false;
    }
    if (text.split(' ')[0] === 'expect') {
      this.#expectations.push(parseExpectation(text));
      return true;
    }
    const value = parseNumber(text);
    if (value !== undefined) {
      this.#expected = { kind: 'scalar', value };
      return false;
    }
    const series = parseSeriesDescription(text);
    if (series.values.length > 1 && this.#instant && !this.#rangeVector) {
      throw new Error(`line ${this.#line}: several values of an instant query need "expect range vector"`);
    }
    this.#series.push(series);
    return true;
  }

  #validate(): void {
    const has = (kind: ExpectationKind): boolean => this.#expectations.some((one) => one.kind === kind);
    const contradicts = (has('warn') && has('no_warn')) || (has('info') && has('no_info'));
    if (contradicts || this.#expectations.filter(({ kind }) => kind === 'fail').length > 1) {
      throw new Error(`line ${this.#line}: the expect lines contradict each other`);
    }
  }
}
