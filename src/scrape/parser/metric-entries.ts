import { compactHistogram } from '../../core/histogram/compact.ts';
import { CounterResetHint } from '../../core/histogram/float-histogram.ts';
import type { FloatHistogram } from '../../core/histogram/float-histogram.ts';
import { validateHistogram } from '../../core/histogram/validate.ts';
import { Labels } from '../../core/labels.ts';
import { ClassicHistogram } from './classic-histogram.ts';
import { Entry, ExpositionError } from './entry.ts';
import type { ExpositionParser, ParsedExemplar } from './exposition-parser.ts';
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

/** Endings of the names of two series. */
interface SumEndings {
  readonly count: string;
  readonly sum: string;
}
const SUM_ENDINGS: SumEndings = { count: '_count', sum: '_sum' };

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
  /** Whether a histogram is of gauges. */
  isGauge = false;
  /** What names of the series of count and sum end in. */
  sumEndings: SumEndings = SUM_ENDINGS;
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
export class MetricEntries {
  /** The metric whose entries are given; to be filled before {@link begin}. */
  readonly metric: Metric = new Metric();
  /** Where the present entry is spelt. */
  readonly spelt: SeriesText = new SeriesText();
  readonly choice: HistogramChoice;
  readonly #steps: Step[] = [];
  #step = 0;
  #place = AT_COUNT;
  #exemplars: readonly (RawExemplar | undefined)[] = [];
  readonly #classic = new ClassicHistogram();

  constructor(choice: HistogramChoice) {
    this.choice = choice;
  }

  /** Exemplars of the present entry. */
  exemplars(): readonly ParsedExemplar[] {
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

  /** Plans the entries of the metric that was just read; {@link next} gives them. */
  begin(): void {
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

  /** Makes the next entry of the metric the present one of a parser; Entry.end when there is none any more. */
  next(parser: ExpositionParser): Entry {
    for (; this.#step < this.#steps.length; this.#step++) {
      const step = this.#steps[this.#step]!;
      this.#exemplars = [];
      if (step === Step.quantiles || step === Step.classic) {
        if (this.#nextField(parser, step)) return Entry.series;
        continue;
      }
      this.#step++;
      if (step === Step.float) {
        this.#exemplars = [this.metric.exemplar];
        parser.value = this.metric.value;
        this.#spell(parser, '', '');
        return Entry.series;
      }
      if (step === Step.native) this.#takeNative(parser);
      else this.#convert(parser);
      this.#exemplars = this.#timedExemplars();
      this.#spell(parser, '', '');
      return Entry.histogram;
    }
    return Entry.end;
  }

  /** Count, sum, then buckets or quantiles. */
  #nextField(parser: ExpositionParser, step: Step): boolean {
    const { bounds, values, bucketExemplars, count, sum, sumEndings } = this.metric;
    const place = this.#place++;
    if (place === AT_COUNT) {
      parser.value = count;
      this.#spell(parser, sumEndings.count, '');
    } else if (place === AT_SUM) {
      parser.value = sum;
      this.#spell(parser, sumEndings.sum, '');
    } else if (step === Step.quantiles) {
      if (place >= bounds.length) return false;
      parser.value = values[place]!;
      this.#spell(parser, '', `quantile="${formatOpenMetricsFloat(bounds[place]!)}"`);
    } else {
      // A bucket up to +Inf is the last one, and made when the target has none.
      if (place > bounds.length || (place > 0 && bounds[place - 1] === Infinity)) return false;
      parser.value = values[place] ?? count;
      this.#exemplars = [bucketExemplars[place]];
      this.#spell(parser, '_bucket', `le="${formatOpenMetricsFloat(bounds[place] ?? Infinity)}"`);
    }
    return true;
  }

  #takeNative(parser: ExpositionParser): void {
    const { native, isWhole } = this.metric;
    // What is not well-formed is left as it is, for whoever stores it to say what is wrong.
    parser.histogram = validateHistogram(native!) === undefined ? compactHistogram(native!, 0) : native;
    parser.isWhole = isWhole;
  }

  #convert(parser: ExpositionParser): void {
    const { count, sum, bounds, values, family, isGauge } = this.metric;
    const classic = this.#classic;
    classic.clear();
    classic.setCount(count);
    classic.setSum(sum);
    for (const [i, bound] of bounds.entries()) classic.addBucket(bound, values[i]!);
    const converted = classic.convert(isGauge ? CounterResetHint.gauge : CounterResetHint.unknown);
    if (typeof converted === 'string')
      throw new ExpositionError(`histogram ${JSON.stringify(family.name)}: ${converted}`);
    parser.histogram = converted.histogram;
    parser.isWhole = converted.isWhole;
  }

  /** Exemplars of a native histogram: its own, else those of classic buckets. Only ones with a time count. */
  #timedExemplars(): readonly (RawExemplar | undefined)[] {
    const { nativeExemplars, bucketExemplars } = this.metric;
    const all = nativeExemplars.length > 0 ? nativeExemplars : bucketExemplars;
    return all.filter((exemplar) => exemplar !== undefined && !Number.isNaN(exemplar.timestampMs));
  }

  #spell(parser: ExpositionParser, ending: string, bound: string): void {
    const { family, labels, timestampMs } = this.metric;
    family.write(this.spelt, ending, labels, bound);
    parser.seriesStart = 0;
    parser.seriesEnd = this.spelt.length;
    parser.timestampMs = timestampMs;
    parser.hinted = parser.isHint(this.spelt.bytes, 0, this.spelt.length);
  }
}
