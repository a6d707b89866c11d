import { isUtf8 } from 'node:buffer';
import { compareText } from '../../core/labels.ts';
import {
  BACKSLASH,
  BRACE_CLOSE,
  BRACE_OPEN,
  CLASSES,
  COMMA,
  EQUAL,
  NAME_PART,
  QUOTE,
  SPACE,
  TAB,
} from './bytes.ts';
import { ExpositionError, TYPE_HISTOGRAM, TYPE_SUMMARY } from './entry.ts';
import { FloatError, floatState, formatOpenMetricsFloat, parseFloatBytes } from './float.ts';
import { unescapeLabelText } from './openmetrics-parser.ts';

/** Labels of one series above which a scrape fails. */
const SERIES_LABELS_MAX = 16_384;

/**
 * The labels in a series' raw bytes, which a parser has accepted before: pairs sorted by name, `__name__` among them,
 * empty values left out. `le` of histograms and `quantile` of summaries get OpenMetrics' float text. Throws an
 * ExpositionError when a name repeats or is not UTF-8.
 */
export function readSeriesLabels(
  bytes: Uint8Array,
  start: number,
  end: number,
  metricType: number,
): [name: string, value: string][] {
  const pairs: [string, string][] = [];
  const source = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start);
  if (!isUtf8(source)) {
    throw new ExpositionError(
      `invalid metric name or label names: ${JSON.stringify(source.toString('utf8'))}`,
    );
  }
  let at = 0;
  while (at < source.length && (CLASSES[source[at]!]! & NAME_PART) !== 0) at++;
  if (at > 0) pairs.push(['__name__', source.toString('latin1', 0, at)]);
  at = skipBlanks(source, at);
  if (source[at] === BRACE_OPEN) readPairs(source, at + 1, metricType, pairs);
  pairs.sort((a, b) => compareText(a[0], b[0]));
  for (let i = 1; i < pairs.length; i++) {
    if (pairs[i]![0] === pairs[i - 1]![0]) {
      throw new ExpositionError(`label name ${JSON.stringify(pairs[i]![0])} is not unique: invalid sample`);
    }
  }
  return pairs.filter(([, value]) => value !== '');
}

function readPairs(source: Buffer, from: number, metricType: number, pairs: [string, string][]): void {
  let at = skipBlanks(source, from);
  while (source[at] !== BRACE_CLOSE) {
    if (pairs.length > SERIES_LABELS_MAX) {
      throw new ExpositionError(`series with more than ${SERIES_LABELS_MAX} labels`);
    }
    const quoted = source[at] === QUOTE;
    const nameEnd = quoted ? quotedEnd(source, at) : bareEnd(source, at);
    const name = quoted
      ? unescapeLabelText(source.toString('utf8', at + 1, nameEnd - 1))
      : source.toString('latin1', at, nameEnd);
    at = skipBlanks(source, nameEnd);
    if (source[at] === EQUAL) {
      const valueStart = skipBlanks(source, at + 1);
      const valueEnd = quotedEnd(source, valueStart);
      pairs.push([name, readValue(source, valueStart + 1, valueEnd - 1, name, metricType)]);
      at = skipBlanks(source, valueEnd);
    } else {
      pairs.push(['__name__', name]);
    }
    if (source[at] === COMMA) at = skipBlanks(source, at + 1);
  }
}

function readValue(source: Buffer, start: number, end: number, name: string, metricType: number): string {
  if (
    (metricType === TYPE_HISTOGRAM && name === 'le') ||
    (metricType === TYPE_SUMMARY && name === 'quantile')
  ) {
    const value = parseFloatBytes(source, start, end);
    if (floatState.error === FloatError.none) return formatOpenMetricsFloat(value);
  }
  return unescapeLabelText(source.toString('utf8', start, end));
}

function skipBlanks(source: Buffer, from: number): number {
  let at = from;
  while (source[at] === SPACE || source[at] === TAB) at++;
  return at;
}

function bareEnd(source: Buffer, from: number): number {
  let at = from;
  while (at < source.length && (CLASSES[source[at]!]! & NAME_PART) !== 0) at++;
  return at;
}

function quotedEnd(source: Buffer, from: number): number {
  let at = from + 1;
  while (at < source.length && source[at] !== QUOTE) at += source[at] === BACKSLASH ? 2 : 1;
  return at + 1;
}
