import { parseDuration } from '../../src/core/duration.ts';
import type { Labels } from '../../src/core/labels.ts';
import { parseMetricLabels } from '../../src/promql/index.ts';

/**
 * Start timestamps in a `load`: a line `metric{labels}@st -1m 0s-1mx2 _` before the line with the samples. Each value is
 * the distance of the start from the time of its sample.
 *
 * @see prometheus promql/promqltest/test.go parseSTSequence
 */

/** The start timestamps of a series: offsets from the samples' times, undefined for none. */
export interface StartLine {
  readonly labels: Labels;
  readonly offsetsMs: readonly (number | undefined)[];
}

const LINE = /^(\S+)@st[ \t]+(.*)$/;
const OMITTED = /^_(?:x(\d+))?$/;
const ITEM = /^([+-]?\d+[a-wyzA-Z]*)(?:([+-])([+-]?\d+[a-wyzA-Z]*))?(?:x(\d+))?$/;

/** Whether a line of a `load` gives start timestamps. */
export function isStartLine(line: string): boolean {
  return /^\S+@st(?=[ \t]|$)/.test(line);
}

/** Throws Error for a line that {@link isStartLine} but isn't a right one. */
export function parseStartLine(line: string): StartLine {
  const match = LINE.exec(line);
  if (match === null) throw new Error(`not an @st line: ${line}`);
  return {
    labels: parseMetricLabels(match[1]!),
    offsetsMs: match[2]!.split(/\s+/).flatMap((item) => parseItem(item)),
  };
}

function parseItem(item: string): (number | undefined)[] {
  const omitted = OMITTED.exec(item);
  if (omitted !== null) return Array<undefined>(Number(omitted[1] ?? 1)).fill(undefined);
  const match = ITEM.exec(item);
  if (match === null) throw new Error(`not a start timestamp: ${item}`);
  const [, base, sign, step, times] = match;
  if (step !== undefined && times === undefined) throw new Error(`a step needs a count: ${item}`);
  const stepMs = step === undefined ? 0 : signedMs(step) * (sign === '-' ? -1 : 1);
  return Array.from({ length: Number(times ?? 0) + 1 }, (_, i) => signedMs(base!) + i * stepMs);
}

function signedMs(text: string): number {
  const ms = parseDuration(text.replace(/^[+-]/, ''));
  if (ms === undefined) throw new Error(`not a duration: ${text}`);
  return text.startsWith('-') ? -ms : ms;
}
