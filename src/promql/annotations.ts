import { goQuote } from '../core/go-quote.ts';
import { formatFloatGeneral } from '../core/float-text.ts';
import { goGeneralDigits } from './functions/go-format.ts';
import type { Position } from './parser/ast.ts';
import { lineColumn } from './parser/parse-error.ts';

/** The two kinds of notes on an answer. */
export type AnnotationKind = 'warning' | 'info';

/** What was being done to native histograms when a note about it arose. */
export type HistogramOperation = 'addition' | 'subtraction' | 'aggregation';

/** What a sample is, as notes about operators name it. */
export type SampleType = 'float' | 'histogram';

/** Where and how far classic buckets had to be made monotonic. */
export interface MonotonicityFix {
  readonly tMs: number;
  readonly minBucket: number;
  readonly maxBucket: number;
  readonly maxDiff: number;
}

interface Annotation {
  readonly kind: AnnotationKind;
  readonly position: Position;
  /** Text after the message and before the position. */
  readonly detail: () => string;
}

interface MonotonicityTotal {
  minMs: number;
  maxMs: number;
  minBucket: number;
  maxBucket: number;
  maxDiff: number;
  count: number;
}

const NO_DETAIL = (): string => '';

const MONOTONICITY =
  'input to histogram_quantile needed to be fixed for monotonicity (see https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile)';

function forMetric(message: string, metricName: string): string {
  return metricName === '' ? message : `${message} for metric name ${goQuote(metricName)}`;
}

function rfc3339Seconds(tMs: number): string {
  return new Date(Math.floor(tMs / 1000) * 1000).toISOString().replace('.000Z', 'Z');
}

function labelled(kind: AnnotationKind, message: string): string {
  return `PromQL ${kind}: ${message}`;
}

/**
 * Whether what is at `a` is evaluated after what is at `b`: it is further on in the text, or has no place in it as what
 * reads a subquery.
 */
function isLater(a: Position, b: Position): boolean {
  if (a.end === 0 || b.end === 0) return a.end === 0;
  return a.start > b.start;
}

/**
 * Collects the notes of one evaluation, one method a kind. Notes whose texts are equal (positions aside) are one: it has
 * the position of the one that Prometheus evaluates last, and where a kind counts its occurrences, that of the first. Texts are those of Prometheus.
 *
 * `position` is the expression that a note is about: most kinds want the argument, not the call.
 *
 * @see prometheus util/annotations/annotations.go
 */
export class Annotations {
  readonly #byMessage = new Map<string, Annotation>();
  readonly #monotonicity = new Map<string, MonotonicityTotal>();
  readonly #overlaps = new Map<string, { count: number }>();

  #add(kind: AnnotationKind, message: string, position: Position): void {
    const key = labelled(kind, message);
    const before = this.#byMessage.get(key);
    if (before !== undefined && isLater(before.position, position)) return;
    this.#byMessage.set(key, { kind, position, detail: NO_DETAIL });
  }

  /** φ of a quantile outside [0, 1]. */
  invalidQuantile(phi: number, position: Position): void {
    const got = formatFloatGeneral(phi);
    this.#add('warning', `quantile value should be between 0 and 1, got ${got}`, position);
  }

  /** r of limit_ratio outside [-1, 1]; `cappedTo` is the bound that is used instead. */
  invalidRatio(ratio: number, cappedTo: number, position: Position): void {
    const got = `got ${formatFloatGeneral(ratio)}, capping to ${formatFloatGeneral(cappedTo)}`;
    this.#add('warning', `ratio value should be between -1 and 1, ${got}`, position);
  }

  /** A `le` that is no number. `metricName` '' says nothing of the metric. */
  badBucketLabel(metricName: string, le: string, position: Position): void {
    const message = `bucket label "le" is missing or has a malformed value of ${goQuote(le)}`;
    this.#add('warning', forMetric(message, metricName), position);
  }

  /** A range has floats and histograms, and the function can't handle that. */
  mixedFloatsHistograms(metricName: string, position: Position): void {
    const message = `encountered a mix of histograms and floats for metric name ${goQuote(metricName)}`;
    this.#add('warning', message, position);
  }

  /** An aggregation's group has floats and histograms. */
  mixedFloatsHistogramsInAggregation(position: Position): void {
    this.#add('warning', 'encountered a mix of histograms and floats for aggregation', position);
  }

  /** A classic and a native histogram with the same labels. `metricName` '' says nothing of the metric. */
  mixedClassicNative(metricName: string, position: Position): void {
    const message = 'vector contains a mix of classic and native histograms';
    this.#add('warning', forMetric(message, metricName), position);
  }

  /** A gauge histogram where counters are meant. */
  nativeHistogramNotCounter(metricName: string, position: Position): void {
    const message = `this native histogram metric is not a counter: ${goQuote(metricName)}`;
    this.#add('warning', message, position);
  }

  /** A counter histogram where gauges are meant. */
  nativeHistogramNotGauge(metricName: string, position: Position): void {
    const message = `this native histogram metric is not a gauge: ${goQuote(metricName)}`;
    this.#add('warning', message, position);
  }

  /** Exponential and custom buckets where one histogram has to be made of several. */
  mixedExponentialCustom(metricName: string, position: Position): void {
    const message =
      'vector contains a mix of histograms with exponential and custom buckets schemas for metric name';
    this.#add('warning', `${message} ${goQuote(metricName)}`, position);
  }

  /** rate or increase over a metric whose name doesn't look like a counter's. */
  possibleNonCounter(metricName: string, position: Position): void {
    const message = 'metric might not be a counter, name does not end in _total/_sum/_count/_bucket:';
    this.#add('info', `${message} ${goQuote(metricName)}`, position);
  }

  /** rate or increase over a metric whose `__type__` says that it is no counter. */
  possibleNonCounterLabel(metricName: string, type: string, position: Position): void {
    const message = 'metric might not be a counter, __type__ label is not set to "counter" or "histogram"';
    this.#add('info', `${message}, got ${goQuote(type)}: ${goQuote(metricName)}`, position);
  }

  /** Classic buckets whose counts decrease; all occurrences in a query become one note. */
  forcedMonotonicity(metricName: string, fix: MonotonicityFix, position: Position): void {
    const message = labelled('info', forMetric(MONOTONICITY, metricName));
    const total = this.#monotonicity.get(message);
    if (total === undefined) {
      const made: MonotonicityTotal = { ...fix, minMs: fix.tMs, maxMs: fix.tMs, count: 1 };
      this.#monotonicity.set(message, made);
      this.#byMessage.set(message, { kind: 'info', position, detail: () => monotonicityDetail(made) });
      return;
    }
    total.count++;
    total.minMs = Math.min(total.minMs, fix.tMs);
    total.maxMs = Math.max(total.maxMs, fix.tMs);
    total.minBucket = Math.min(total.minBucket, fix.minBucket);
    total.maxBucket = Math.max(total.maxBucket, fix.maxBucket);
    total.maxDiff = Math.max(total.maxDiff, fix.maxDiff);
  }

  /** An operator that isn't defined between what it stands between; `operator` as it is written. */
  incompatibleTypes(lhs: SampleType, operator: string, rhs: SampleType, position: Position): void {
    const message = `incompatible sample types encountered for binary operator ${goQuote(operator)}`;
    this.#add('info', `${message}: ${lhs} ${operator} ${rhs}`, position);
  }

  /** An aggregation that leaves histograms out. */
  histogramIgnoredInAggregation(aggregation: string, position: Position): void {
    this.#add('info', `ignored histogram in ${aggregation} aggregation`, position);
  }

  /** A function of ranges that leaves the histograms between floats out. */
  histogramIgnoredInMixedRange(metricName: string, position: Position): void {
    const message = 'ignored histograms in a range containing both floats and histograms for metric name';
    this.#add('info', `${message} ${goQuote(metricName)}`, position);
  }

  /** Exponential and custom buckets on the two sides of an operator. */
  incompatibleBucketLayout(operator: string, position: Position): void {
    const message = `incompatible bucket layout encountered for binary operator ${operator}`;
    this.#add('warning', message, position);
  }

  /** `sort` and its kin in a range query. */
  sortInRangeQuery(position: Position): void {
    const message = 'sort is ineffective for range queries since results are always ordered by labels';
    this.#add('warning', message, position);
  }

  /** A quantile that falls among the observations of NaN. `metricName` '' says nothing of the metric. */
  quantileIsNaN(metricName: string, position: Position): void {
    const message = 'input to histogram_quantile has NaN observations, result is NaN';
    this.#add('info', forMetric(message, metricName), position);
  }

  /** A quantile that observations of NaN push upwards. `metricName` '' says nothing of the metric. */
  quantileIsSkewed(metricName: string, position: Position): void {
    const message = 'input to histogram_quantile has NaN observations, result is skewed higher';
    this.#add('info', forMetric(message, metricName), position);
  }

  /** A fraction of a histogram that has observations of NaN. `metricName` '' says nothing of the metric. */
  fractionLeavesNaNsOut(metricName: string, position: Position): void {
    const message = 'input to histogram_fraction has NaN observations, which are excluded from all fractions';
    this.#add('info', forMetric(message, metricName), position);
  }

  /** Two histograms of which one says that the counter was reset and the other that it wasn't. */
  counterResetCollision(operation: HistogramOperation, position: Position): void {
    this.#add('warning', `conflicting counter resets during histogram ${operation}`, position);
  }

  /** Custom buckets with different bounds, of which the common ones were used. */
  customBucketsReconciled(operation: HistogramOperation, position: Position): void {
    this.#add('info', `mismatched custom buckets were reconciled during ${operation}`, position);
  }

  /** A sample that began before the previous one; all occurrences for a metric become one note. */
  startTimeOverlap(metricName: string, position: Position): void {
    const text = `sample has start time that overlaps with previous sample timestamp for metric ${goQuote(metricName)}`;
    const message = labelled('warning', text);
    const seen = this.#overlaps.get(message);
    if (seen !== undefined) {
      seen.count++;
      return;
    }
    const made = { count: 1 };
    this.#overlaps.set(message, made);
    const detail = (): string => (made.count > 1 ? ` (${made.count} occurrences)` : '');
    this.#byMessage.set(message, { kind: 'warning', position, detail });
  }

  /** The notes of one kind as the API shows them, with `(line:column)` in the query's text. */
  texts(kind: AnnotationKind, query: string): string[] {
    const texts: string[] = [];
    for (const [message, annotation] of this.#byMessage) {
      if (annotation.kind !== kind) continue;
      texts.push(`${message}${annotation.detail()} (${lineColumn(query, annotation.position.start)})`);
    }
    return texts;
  }
}

function monotonicityDetail(total: MonotonicityTotal): string {
  const { minBucket, maxBucket, maxDiff, count, minMs, maxMs } = total;
  const buckets = `${formatFloatGeneral(minBucket)} to ${formatFloatGeneral(maxBucket)}`;
  const times = `${rfc3339Seconds(minMs)} to ${rfc3339Seconds(maxMs)}`;
  return `, from buckets ${buckets}, with a max diff of ${goGeneralDigits(maxDiff, 2)}, over ${count} samples from ${times}`;
}

/**
 * At most `limit` notes and, when there are more, a line that counts the rest: what the API returns.
 *
 * @see prometheus util/annotations/annotations.go AsStrings
 */
export function limitAnnotations(
  texts: readonly string[],
  kind: AnnotationKind,
  limit: number = 10,
): readonly string[] {
  if (texts.length <= limit) return texts;
  return [...texts.slice(0, limit), `${texts.length - limit} more ${kind} annotations omitted`];
}
