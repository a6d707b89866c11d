import { compactHistogram } from '../../core/histogram/compact.ts';
import { CounterResetHint } from '../../core/histogram/float-histogram.ts';
import type { FloatHistogram } from '../../core/histogram/float-histogram.ts';
import { validateHistogram } from '../../core/histogram/validate.ts';
import { Labels } from '../../core/labels.ts';
import { ClassicHistogram } from './classic-histogram.ts';
import { Entry, ExpositionError, TYPE_GAUGE_HISTOGRAM } from './entry.ts';
import { ExpositionParser } from './exposition-parser.ts';
import type { ParsedExemplar, StartSource } from './exposition-parser.ts';
import { formatOpenMetricsFloat } from './float.ts';
import { FamilyText, SeriesText } from './series-text.ts';

/** What is made of histograms. */
export interface HistogramChoice {
  /** Native histograms are read; else only what is classic of them. */
  readonly native: boolean;
  /** Classic histograms are kept where there is a native one too. */
  readonly alwaysClassic: boolean;
  /** Classic histograms become native ones with custom buckets. */
  readonly convertClassic: boolean;
}

/** Bytes that the labels of one metric may become in all its series: they are written anew for each. */
const EXPANDED_BYTES_MAX = 1 << 24;

/** An exemplar whose labels are not put together yet. */
export interface RawExemplar {
  /** name, value, name, value … */
  readonly flat: readonly string[];
  readonly value: number;
  /** NaN when it has none. */
  readonly timestampMs: number;
}

/** One metric as formats have it that say all of a histogram or summary at once. Used again for the next one. */
export class Metric {
  kind: 'float' | 'summary' | 'histogram' = 'float';
  family: FamilyText = new FamilyText('unnamed');
  /** Labels as the text formats spell them, without braces. */
  readonly labels: SeriesText = new SeriesText();
  /** NaN when it has none. */
  timestampMs = NaN;
  /** 0 when that isn't told. */
  startMs = 0;
  /** Of a float. */
  value = 0;
  exemplar: RawExemplar | undefined;
  count = 0;
  sum = 0;
  /** Bounds of classic buckets, or quantiles. */
  readonly bounds: number[] = [];
  /** Cumulative counts of classic buckets, or values at quantiles. */
  readonly values: number[] = [];
  /** By place of the bucket. */
  readonly bucketExemplars: (RawExemplar | undefined)[] = [];
  /** As it came; undefined when there is none. */
  native: FloatHistogram | undefined;
  isWhole = false;
  readonly nativeExemplars: RawExemplar[] = [];

  /** Forgets what was read of the one before; its kind and family stay. */
  clear(): void {
    this.labels.clear();
    this.timestampMs = NaN;
    this.startMs = 0;
    this.value = 0;
    this.exemplar = undefined;
    this.count = 0;
    this.sum = 0;
    this.native = undefined;
    this.isWhole = false;
    if (this.kind === 'float') return;
    this.bounds.length = 0;
    this.values.length = 0;
    this.bucketExemplars.length = 0;
    this.nativeExemplars.length = 0;
  }
}

const Step = { float: 0, quantiles: 1, native: 2, classic: 3, converted: 4 } as const;
type Step = (typeof Step)[keyof typeof Step];

/** Place of the entry `…_count`; `…_sum` follows, then buckets or quantiles. */
const AT_COUNT = -2;
const AT_SUM = -1;

/**
 * For formats that say all of a histogram or summary at once: makes entries of one {@link Metric} after the other, as
 * the text formats have them, and native histograms besides.
 *
 * @see prometheus model/textparse/protobufparse.go
 */
export abstract class MetricParser extends ExpositionParser {
  /** The metric whose entries are given; filled by {@link nextMetric}. */
  protected readonly metric: Metric = new Metric();
  protected readonly choice: HistogramChoice;
  /** Where entries are spelt that the body has no text for. */
  protected readonly spelt: SeriesText = new SeriesText();
  readonly #steps: Step[] = [];
  #step = 0;
  #place = AT_COUNT;
  #exemplars: readonly (RawExemplar | undefined)[] = [];
  readonly #classic = new ClassicHistogram();

  constructor(body: Uint8Array, length: number, choice: HistogramChoice) {
    super(body, length);
    this.choice = choice;
  }

  override get body(): Uint8Array {
    return this.spelt.bytes;
  }

  override exemplars(): readonly ParsedExemplar[] {
    const read: ParsedExemplar[] = [];
    for (const exemplar of this.#exemplars) {
      if (exemplar === undefined) continue;
      const entries: [string, string][] = [];
      for (let i = 0; i < exemplar.flat.length; i += 2)
        entries.push([exemplar.flat[i]!, exemplar.flat[i + 1]!]);
      const { value, timestampMs } = exemplar;
      read.push({ labels: Labels.fromEntries(entries), value, timestampMs });
    }
    return read;
  }

  override startSource(): StartSource {
    return { isStart: () => false, startMs: () => this.metric.startMs, keepUp: () => undefined };
  }

  /** Plans the entries of the metric that was just read; {@link nextOfMetric} gives them. */
  protected beginMetric(): void {
    const { kind, native, bounds, labels } = this.metric;
    const { alwaysClassic, convertClassic } = this.choice;
    const steps = this.#steps;
    steps.length = 0;
    this.#step = 0;
    this.#place = AT_COUNT;
    if (kind === 'float') steps.push(Step.float);
    else if (kind === 'summary') steps.push(Step.quantiles);
    else if (native !== undefined && this.choice.native) {
      steps.push(Step.native);
      if (alwaysClassic && bounds.length > 0) steps.push(Step.classic);
    } else {
      if (!convertClassic || alwaysClassic) steps.push(Step.classic);
      if (convertClassic) steps.push(Step.converted);
    }
    if (labels.length * bounds.length > EXPANDED_BYTES_MAX) {
      throw new ExpositionError(
        `metric ${JSON.stringify(this.metric.family.name)}: ${labels.length} bytes of labels for each of ${bounds.length} buckets or quantiles are too much`,
      );
    }
  }

  /** The next entry of the metric, or Entry.end when there is none any more. */
  protected nextOfMetric(): Entry {
    for (; this.#step < this.#steps.length; this.#step++) {
      const step = this.#steps[this.#step]!;
      this.#exemplars = [];
      if (step === Step.quantiles || step === Step.classic) {
        if (this.#nextField(step)) return Entry.series;
        continue;
      }
      this.#step++;
      if (step === Step.float) {
        this.#exemplars = [this.metric.exemplar];
        this.value = this.metric.value;
        this.#spell('', '');
        return Entry.series;
      }
      if (step === Step.native) this.#takeNative();
      else this.#convert();
      this.#exemplars = this.#timedExemplars();
      this.#spell('', '');
      return Entry.histogram;
    }
    return Entry.end;
  }

  /** Count, sum, then buckets or quantiles. */
  #nextField(step: Step): boolean {
    const { bounds, values, bucketExemplars, count, sum } = this.metric;
    const place = this.#place++;
    if (place === AT_COUNT) {
      this.value = count;
      this.#spell('_count', '');
    } else if (place === AT_SUM) {
      this.value = sum;
      this.#spell('_sum', '');
    } else if (step === Step.quantiles) {
      if (place >= bounds.length) return false;
      this.value = values[place]!;
      this.#spell('', `quantile="${formatOpenMetricsFloat(bounds[place]!)}"`);
    } else {
      // A bucket up to +Inf is the last one, and made when the target has none.
      if (place > bounds.length || (place > 0 && bounds[place - 1] === Infinity)) return false;
      this.value = values[place] ?? count;
      this.#exemplars = [bucketExemplars[place]];
      this.#spell('_bucket', `le="${formatOpenMetricsFloat(bounds[place] ?? Infinity)}"`);
    }
    return true;
  }

  #takeNative(): void {
    const { native, isWhole } = this.metric;
    // What is not well-formed is left as it is, for whoever stores it to say what is wrong.
    this.histogram = validateHistogram(native!) === undefined ? compactHistogram(native!, 0) : native;
    this.isWhole = isWhole;
  }

  #convert(): void {
    const { count, sum, bounds, values, family } = this.metric;
    const classic = this.#classic;
    classic.clear();
    classic.setCount(count);
    classic.setSum(sum);
    for (const [i, bound] of bounds.entries()) classic.addBucket(bound, values[i]!);
    const isGauge = this.metricType === TYPE_GAUGE_HISTOGRAM;
    const converted = classic.convert(isGauge ? CounterResetHint.gauge : CounterResetHint.unknown);
    if (typeof converted === 'string')
      throw new ExpositionError(`histogram ${JSON.stringify(family.name)}: ${converted}`);
    this.histogram = converted.histogram;
    this.isWhole = converted.isWhole;
  }

  /** Exemplars of a native histogram: its own, else those of classic buckets. Only ones with a time count. */
  #timedExemplars(): readonly (RawExemplar | undefined)[] {
    const { nativeExemplars, bucketExemplars } = this.metric;
    const all = nativeExemplars.length > 0 ? nativeExemplars : bucketExemplars;
    return all.filter((exemplar) => exemplar !== undefined && !Number.isNaN(exemplar.timestampMs));
  }

  #spell(ending: string, bound: string): void {
    const { family, labels, timestampMs } = this.metric;
    family.write(this.spelt, ending, labels, bound);
    this.seriesStart = 0;
    this.seriesEnd = this.spelt.length;
    this.timestampMs = timestampMs;
    this.hinted = this.isHint(this.spelt.bytes, 0, this.spelt.length);
  }
}
