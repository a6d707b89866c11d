import { isUtf8 } from 'node:buffer';
import { compareText, Labels } from '../../core/labels.ts';
import { METRIC_TYPES } from '../../core/metric-types.ts';
import { ExpositionError, TYPE_HISTOGRAM, TYPE_SUMMARY, TYPE_UNKNOWN } from './entry.ts';
import { FloatError, floatState, formatOpenMetricsFloat, parseFloatBytes } from './float.ts';
import { unescapeLabelText } from './series-text.ts';
import { walkSeries } from './series-walk.ts';

/** Labels of one series above which a scrape fails. */
const SERIES_LABELS_MAX = 16_384;
/** So few are sorted by insertion: they mostly come in order. */
const SORTED_BY_INSERTION_MAX = 32;
const NOTHING: ReadonlySet<string> = new Set();

/**
 * The labels in a series' raw bytes, which a parser has accepted before, `__name__` among them. `le` of histograms and
 * `quantile` of summaries get OpenMetrics' float text. Throws an ExpositionError when a name repeats or is not UTF-8.
 *
 * With a `unit` ('' when there is none) the type, unless unknown, and the unit, unless empty, become the labels
 * `__type__` and `__unit__`. Labels of the series by their names, or by `__name__`, are then left out.
 *
 * A label without value counts as none; `empties` is told its name.
 *
 * @see prometheus model/textparse/openmetricsparse.go Labels, schema/labels.go
 */
export function readSeriesLabels(
  bytes: Uint8Array,
  start: number,
  end: number,
  metricType: number,
  unit?: string,
  empties?: string[],
): Labels {
  const source = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start);
  if (!isUtf8(source)) {
    throw new ExpositionError(
      `invalid metric name or label names: ${JSON.stringify(source.toString('utf8'))}`,
    );
  }
  const flat = unit === undefined ? [] : describing(metricType, unit);
  const taken = unit === undefined ? NOTHING : new Set(['__name__', ...flat.filter((_, i) => i % 2 === 0)]);
  readPairs(source, metricType, taken, flat);
  sortPairs(flat);
  for (let i = 2; i < flat.length; i += 2) {
    if (flat[i] === flat[i - 2]) {
      throw new ExpositionError(`label name ${JSON.stringify(flat[i])} is not unique: invalid sample`);
    }
  }
  return Labels.fromSortedFlat(withoutEmpty(flat, empties));
}

/** Sorts name, value, name, value … by names, in place. */
function sortPairs(flat: string[]): void {
  if (flat.length > 2 * SORTED_BY_INSERTION_MAX) {
    const pairs = Array.from(
      { length: flat.length / 2 },
      (_, i) => [flat[2 * i]!, flat[2 * i + 1]!] as const,
    );
    pairs.sort((a, b) => compareText(a[0], b[0]));
    for (const [i, [name, value]] of pairs.entries()) {
      flat[2 * i] = name;
      flat[2 * i + 1] = value;
    }
    return;
  }
  for (let i = 2; i < flat.length; i += 2) {
    const name = flat[i]!;
    const value = flat[i + 1]!;
    let at = i;
    for (; at > 0 && compareText(flat[at - 2]!, name) > 0; at -= 2) {
      flat[at] = flat[at - 2]!;
      flat[at + 1] = flat[at - 1]!;
    }
    flat[at] = name;
    flat[at + 1] = value;
  }
}

function withoutEmpty(flat: string[], empties: string[] | undefined): string[] {
  let kept = 0;
  for (let i = 0; i < flat.length; i += 2) {
    if (flat[i + 1] === '') {
      empties?.push(flat[i]!);
      continue;
    }
    flat[kept++] = flat[i]!;
    flat[kept++] = flat[i + 1]!;
  }
  flat.length = kept;
  return flat;
}

function describing(metricType: number, unit: string): string[] {
  const flat: string[] = [];
  if (metricType !== TYPE_UNKNOWN) flat.push('__type__', METRIC_TYPES[metricType]!);
  if (unit !== '') flat.push('__unit__', unit);
  return flat;
}

/** Adds name and labels, names and values in turn, to `flat`, but for labels whose names are `taken`. */
function readPairs(source: Buffer, metricType: number, taken: ReadonlySet<string>, flat: string[]): void {
  const nameText = (start: number, end: number, quoted: boolean): string =>
    quoted ? unescapeLabelText(source.toString('utf8', start, end)) : source.toString('latin1', start, end);
  walkSeries(source, {
    name: (start, end, quoted) => {
      flat.push('__name__', nameText(start, end, quoted));
    },
    label: (nameStart, nameEnd, quoted, valueStart, valueEnd) => {
      if (flat.length > 2 * SERIES_LABELS_MAX) {
        throw new ExpositionError(`series with more than ${SERIES_LABELS_MAX} labels`);
      }
      const name = nameText(nameStart, nameEnd, quoted);
      if (!taken.has(name)) flat.push(name, readValue(source, valueStart, valueEnd, name, metricType));
    },
  });
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
