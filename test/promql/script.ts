import { parseDuration } from '../../src/core/duration.ts';
import { parseFloatText } from '../../src/core/float-text.ts';
import {
  parseSeriesDescription,
  type SequenceValue,
  type SeriesDescription,
} from '../../src/promql/index.ts';

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
}

/** `load <step>` and its series. */
export interface LoadCommand {
  readonly kind: 'load';
  readonly stepMs: number;
  readonly withNativeHistograms: boolean;
  readonly series: readonly SeriesDescription[];
  /** Series whose samples have start timestamps. */
  readonly withStartTimestamps: ReadonlySet<string>;
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
      commands.push(parseLoad(line, body));
      at = end - 1;
    } else if (word.startsWith('eval')) {
      const { command, used } = parseEval(line, body, at + 1);
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

function parseLoad(line: string, body: readonly string[]): LoadCommand {
  const match = LOAD.exec(line);
  if (match === null) throw new Error(`not a load command: ${line}`);
  const withStartTimestamps = new Set<string>();
  const series: SeriesDescription[] = [];
  for (const one of body) {
    const started = /^(\S+)@st\s/.exec(one);
    if (started === null) series.push(parseSeriesDescription(one));
    else withStartTimestamps.add(parseSeriesDescription(`${started[1]} _`).labels.key);
  }
  return {
    kind: 'load',
    stepMs: duration(match[2]!),
    withNativeHistograms: match[1] !== undefined,
    series,
    withStartTimestamps,
  };
}

/** Go's strconv.Unquote of the strings that `expect string` lines have. */
function unquoted(text: string): string {
  if (text.startsWith('`')) return text.slice(1, -1);
  return JSON.parse(text) as string;
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
  };
}

function legacyExpectation(word: string | undefined): Expectation[] {
  if (word === undefined) return [];
  return [{ kind: word as ExpectationKind, shown: '', matches: () => true }];
}

function parseNumber(line: string): number | undefined {
  if (/^[+-]?0[xX][0-9a-fA-F]+$/.test(line)) return Number(line);
  return parseFloatText(line);
}

function parseEval(
  line: string,
  body: readonly string[],
  number: number,
): { readonly command: EvalCommand; readonly used: number } {
  const instant = INSTANT.exec(line);
  const range = instant === null ? RANGE.exec(line) : null;
  const parts = instant ?? range;
  if (parts === null) throw new Error(`line ${number}: not an eval command: ${line}`);
  const expectations = legacyExpectation(parts[1]);
  const series: SeriesDescription[] = [];
  let expected: ExpectedValue | undefined;
  let [startMs, endMs, stepMs] = range === null ? [0, 0, 0] : [2, 3, 4].map((i) => duration(range[i]!));
  let onlyInstant = false;
  let used = 0;
  for (const text of body) {
    used++;
    const vector = EXPECT_RANGE.exec(text);
    if (vector !== null) {
      [startMs, endMs, stepMs] = [1, 2, 3].map((i) => duration(vector[i]!));
      onlyInstant = true;
    } else if (text.startsWith('expect string ')) {
      expected = { kind: 'string', text: unquoted(text.slice('expect string '.length)) };
      onlyInstant = true;
    } else if (text.startsWith('expected_fail_message')) {
      const message = text.slice('expected_fail_message'.length).trim();
      expectations.push({ kind: 'fail', shown: message, matches: (actual) => actual === message });
    } else if (text.split(' ')[0] === 'expect') {
      expectations.push(parseExpectation(text));
    } else {
      const value = parseNumber(text);
      if (value !== undefined) {
        expected = { kind: 'scalar', value };
        break;
      }
      series.push(parseSeriesDescription(text));
    }
  }
  const command: EvalCommand = {
    kind: 'eval',
    line: number,
    expr: instant === null ? range![5]! : instant[3]!,
    instant: instant !== null,
    atMs: instant === null ? 0 : duration(instant[2]!),
    startMs: startMs!,
    endMs: endMs!,
    stepMs: stepMs!,
    expectations,
    expected: expected ?? { kind: 'series', series },
    onlyInstant,
  };
  return { command, used };
}

/** Whether a description has any histogram sample. */
export function hasHistogram(values: readonly SequenceValue[]): boolean {
  return values.some(({ kind }) => kind === 'histogram');
}
