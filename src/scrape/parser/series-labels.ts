import { isUtf8 } from 'node:buffer';
import { compareText } from '../../core/labels.ts';
import { METRIC_TYPES } from '../../core/metric-types.ts';
import { ExpositionError, TYPE_HISTOGRAM, TYPE_SUMMARY, TYPE_UNKNOWN } from './entry.ts';
import { FloatError, floatState, formatOpenMetricsFloat, parseFloatBytes } from './float.ts';
import { unescapeLabelText } from './openmetrics-parser.ts';
import { walkSeries } from './series-walk.ts';

/** Labels of one series above which a scrape fails. */
const SERIES_LABELS_MAX = 16_384;
const NOTHING: ReadonlySet<string> = new Set();

/**
 * The labels in a series' raw bytes, which a parser has accepted before: pairs sorted by name, `__name__` among them,
 * empty values left out. `le` of histograms and `quantile` of summaries get OpenMetrics' float text. Throws an
 * ExpositionError when a name repeats or is not UTF-8.
 *
 * With a `unit` ('' when there is none) the type, unless unknown, and the unit, unless empty, become the labels
 * `__type__` and `__unit__`. Labels of the series by their names, or by `__name__`, are then left out.
 *
 * @see prometheus model/textparse/openmetricsparse.go Labels, schema/labels.go
 */
export function readSeriesLabels(
  bytes: Uint8Array,
  start: number,
  end: number,
  metricType: number,
  unit?: string,
): [name: string, value: string][] {
  const source = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start);
  if (!isUtf8(source)) {
    throw new ExpositionError(
      `invalid metric name or label names: ${JSON.stringify(source.toString('utf8'))}`,
    );
  }
  const pairs = unit === undefined ? [] : describing(metricType, unit);
  const taken = unit === undefined ? NOTHING : new Set(['__name__', ...pairs.map(([name]) => name)]);
  readPairs(source, metricType, taken, pairs);
  pairs.sort((a, b) => compareText(a[0], b[0]));
  for (let i = 1; i < pairs.length; i++) {
    if (pairs[i]![0] === pairs[i - 1]![0]) {
      throw new ExpositionError(`label name ${JSON.stringify(pairs[i]![0])} is not unique: invalid sample`);
    }
  }
  return pairs.filter(([, value]) => value !== '');
}

function describing(metricType: number, unit: string): [string, string][] {
  const pairs: [string, string][] = [];
  if (metricType !== TYPE_UNKNOWN) pairs.push(['__type__', METRIC_TYPES[metricType]!]);
  if (unit !== '') pairs.push(['__unit__', unit]);
  return pairs;
}

/** Adds name and labels to `pairs`, but for labels whose names are `taken`. */
function readPairs(
  source: Buffer,
  metricType: number,
  taken: ReadonlySet<string>,
  pairs: [string, string][],
): void {
  const nameText = (start: number, end: number, quoted: boolean): string =>
    quoted ? unescapeLabelText(source.toString('utf8', start, end)) : source.toString('latin1', start, end);
  walkSeries(source, {
    name: (start, end, quoted) => {
      pairs.push(['__name__', nameText(start, end, quoted)]);
    },
    label: (nameStart, nameEnd, quoted, valueStart, valueEnd) => {
      if (pairs.length > SERIES_LABELS_MAX) {
        throw new ExpositionError(`series with more than ${SERIES_LABELS_MAX} labels`);
      }
      const name = nameText(nameStart, nameEnd, quoted);
      if (!taken.has(name)) pairs.push([name, readValue(source, valueStart, valueEnd, name, metricType)]);
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
