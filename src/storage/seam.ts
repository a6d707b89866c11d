import type { FloatHistogram } from '../core/histogram/float-histogram.ts';
import type { Labels } from '../core/labels.ts';
import type { Matcher } from '../core/matcher.ts';

/**
 * The seam between whoever writes samples (scrape, rules), whoever keeps them (the embedded engine, later a remote
 * one), and whoever reads them (PromQL, the API). Only interfaces and plain values; implementations are in `tsdb/` and
 * `remote/`.
 */

/** Small integer that names a series inside one storage for as long as the process lives; 0 names none. */
export type SeriesRef = number;

/** What became of one appended sample. Everything but `stored` and `same` is counted and left out. */
export const AppendOutcome = {
  /** Taken. */
  stored: 0,
  /** Same time and same bits as the series' last sample: fine, nothing to store. */
  same: 1,
  /** Same time as the series' last sample but another value. */
  duplicate: 2,
  /** Older than the series' last sample, and outside the out-of-order window. */
  outOfOrder: 3,
  /** Older than what the head still takes. */
  outOfBounds: 4,
  /** Further in the future than allowed. */
  tooFarAhead: 5,
  /** A histogram that contradicts itself or is too large; `histogramFault` says how. */
  malformed: 6,
  /** Older than the series' last sample, and than the out-of-order window reaches back. */
  tooOld: 7,
} as const;
export type AppendOutcome = (typeof AppendOutcome)[keyof typeof AppendOutcome];

/** A sample that is more than a float at a time. */
export interface RichSample {
  /** Not looked at when there is a histogram. */
  readonly value: number;
  readonly histogram: FloatHistogram | undefined;
  /** When the counter began, in milliseconds; 0 when that isn't known. */
  readonly startMs: number;
}

/** An example of what a sample counts, to look further into: a trace, as a rule. */
export interface Exemplar {
  readonly labels: Labels;
  readonly value: number;
  /** Without {@link hasTimestamp} the time of the sample that it came with. */
  readonly timestampMs: number;
  /** Whether the source gave a time; one that it did not give does not tell two exemplars apart. */
  readonly hasTimestamp: boolean;
}

/** Exemplars of one series in order of time. */
export interface SeriesExemplars {
  readonly labels: Labels;
  readonly exemplars: readonly Exemplar[];
}

/** What became of an appended exemplar. */
export const ExemplarOutcome = {
  /** Taken, or there already. */
  stored: 0,
  /** Older than the newest one of its series. */
  outOfOrder: 1,
  /** Its labels are too long, or it lies in the future. */
  refused: 2,
} as const;
export type ExemplarOutcome = (typeof ExemplarOutcome)[keyof typeof ExemplarOutcome];

/** What a series' metric is, as its source says. */
export interface SeriesMetadata {
  /** `counter`, `gauge` and so on; `unknown` when the source does not say. */
  readonly type: string;
  readonly unit: string;
  readonly help: string;
}

/**
 * How much haste there is: `now` (the default) where somebody is told that samples are safe; `soon` where nobody is, so that the
 * log may take some transactions together, a few hundredths of a second later.
 */
export type CommitPace = 'now' | 'soon';

/**
 * One transaction of samples. Nothing is visible to readers before `commit`; `rollback` leaves no sample (series made
 * meanwhile may stay). An appender is used once and by one task; several may be open at a time.
 */
export interface Appender {
  /**
   * The ref of a series, which is made when it is new; 0 when it is new and there is no memory for more of them. Callers
   * cache refs; one stays valid until its series is reclaimed: see {@link isLive}. A vital series
   * is made all the same: what tocsin itself says of targets and alerts.
   */
  series(labels: Labels, isVital?: boolean): SeriesRef;
  /** Whether a cached ref still names its series. */
  isLive(ref: SeriesRef): boolean;
  /** Adds one sample. `value` may be {@link staleMarker}. */
  append(ref: SeriesRef, tMs: number, value: number): AppendOutcome;
  /**
   * Adds one native histogram, or a float with a start timestamp. The end of a series of histograms is a float too: the
   * stale marker. Histograms come from outside and are looked at first: `malformed` is what is not well-formed.
   */
  appendRich(ref: SeriesRef, tMs: number, sample: RichSample): AppendOutcome;
  /**
   * Adds a 0 where a counter began, for readers that know no start timestamps. That is done when `startMs` is before
   * `tMs`, the time of the sample that follows, and after all that the series has; else nothing happens nor is counted.
   * Where a `histogram` follows, what is added is that histogram with nothing observed.
   */
  appendStartZero(ref: SeriesRef, startMs: number, tMs: number, histogram?: FloatHistogram): void;
  /**
   * Adds one sample for each of `count` series, all at `tMs`: a whole scrape in one call. `outcomes[i]` receives what
   * became of sample i; returns how many were not taken.
   */
  appendColumn(
    refs: Uint32Array,
    values: Float64Array,
    count: number,
    tMs: number,
    outcomes: Uint8Array,
  ): number;
  /** Adds an exemplar. Absent where there is no place for exemplars. */
  appendExemplar?(ref: SeriesRef, exemplar: Exemplar): ExemplarOutcome;
  /** Says what a series' metric is. Absent where that is not kept. */
  updateMetadata?(ref: SeriesRef, metadata: SeriesMetadata): void;
  /** Makes the samples visible to readers and hands them to the log. Resolves when the log has taken them. */
  commit(pace?: CommitPace): Promise<void>;
  rollback(): void;
}

/**
 * Growable columns of samples that the caller owns and readers fill. `values` keeps NaN payloads as raw bits.
 *
 * Nearly all series have floats only, so the columns for other things are made when first wanted: readers empty the
 * buffer with {@link clear}, write `timestamps` and `values`, and call {@link setHistogram} and {@link setStart} where
 * there is more.
 */
export class SampleBuffer {
  timestamps: Float64Array;
  values: Float64Array;
  length = 0;
  /**
   * The native histogram of each sample that is one; its place in `values` has an ordinary NaN. Undefined as long as
   * there are floats only.
   */
  histograms: (FloatHistogram | undefined)[] | undefined;
  /** Start timestamps in milliseconds, 0 where there is none. Undefined as long as no sample has one. */
  starts: Float64Array | undefined;

  constructor(capacity = 512) {
    this.timestamps = new Float64Array(capacity);
    this.values = new Float64Array(capacity);
  }

  /** Makes room for at least `capacity` samples, keeping what is there. */
  reserve(capacity: number): void {
    if (capacity <= this.timestamps.length) return;
    let size = this.timestamps.length * 2;
    while (size < capacity) size *= 2;
    const timestamps = new Float64Array(size);
    const values = new Float64Array(size);
    timestamps.set(this.timestamps.subarray(0, this.length));
    values.set(this.values.subarray(0, this.length));
    this.timestamps = timestamps;
    this.values = values;
    if (this.starts !== undefined) {
      const starts = new Float64Array(size);
      starts.set(this.starts.subarray(0, this.length));
      this.starts = starts;
    }
  }

  /** Becomes empty, for floats only again. Keeps the room. */
  clear(): void {
    this.length = 0;
    this.histograms = undefined;
    this.starts = undefined;
  }

  /** Makes the sample at `index` a histogram. */
  setHistogram(index: number, histogram: FloatHistogram): void {
    this.histograms ??= [];
    this.histograms[index] = histogram;
    this.values[index] = NaN;
  }

  /** Gives the sample at `index` a start timestamp. */
  setStart(index: number, startMs: number): void {
    this.starts ??= new Float64Array(this.timestamps.length);
    this.starts[index] = startMs;
  }
}

/**
 * Walks the series of a selection in order of labels. Synchronous: whatever had to be fetched was fetched by `select`.
 * After `next()` returned true the accessors speak of that series until the next call.
 */
export interface SeriesCursor {
  next(): boolean;
  /** Labels of the present series; made on demand. */
  labels(): Labels;
  /** Ref of the present series within its storage; equal refs are the same series. */
  ref(): SeriesRef;
  /**
   * Replaces `into`'s contents by the samples with minMs <= t <= maxMs in order of time, stale markers included.
   * Returns how many there are.
   */
  read(minMs: number, maxMs: number, into: SampleBuffer): number;
  /**
   * As {@link read} for who only looks at the newest of those samples: others may be left out. Absent where that would
   * not be quicker.
   */
  readNewest?(minMs: number, maxMs: number, into: SampleBuffer): number;
  /** How many series the selection has in all. */
  readonly count: number;
}

/** Notes that travel beside an answer. */
export interface StorageNotes {
  readonly warnings: readonly string[];
}

/** What is done with the samples of a selection. */
export interface SelectPurpose {
  /** The innermost function or aggregation around the selector; '' when there is none. */
  readonly func: string;
  /** Labels of the aggregation right around it. */
  readonly grouping: readonly string[];
  /** Whether the series are grouped by these labels, rather than without them. */
  readonly by: boolean;
  /** The selector's range; 0 when it has none. */
  readonly rangeMs: number;
}

/** What a selection is for; engines may use it to fetch less. */
export interface SelectHints {
  readonly minMs: number;
  readonly maxMs: number;
  /** No more series than this are needed; 0 is no limit. */
  readonly limit: number;
  /** Nobody will ask for samples. */
  readonly labelsOnly?: boolean;
  /** Time between the steps of the query; 0 or absent where there is one. */
  readonly stepMs?: number;
  /** Absent when nobody knows, and when there are several. */
  readonly purpose?: SelectPurpose | undefined;
}

/** A selection that will be asked for. */
export interface ExpectedSelection {
  readonly matchers: readonly Matcher[];
  readonly hints: SelectHints;
}

/** Reads within a span of time; close it when done (it may pin memory). Failures reject with TOCSIN_ERR_STORAGE. */
export interface Querier {
  select(matchers: readonly Matcher[], hints: SelectHints): Promise<SeriesCursor>;
  /**
   * Tells of selections that will be asked for, with these very objects, so that what takes time can begin for all of them. Absent where
   * nothing does.
   */
  expect?(selections: readonly ExpectedSelection[]): void;
  /** Sorted names of labels on series that match; no matchers means all series. */
  labelNames(matchers: readonly Matcher[], limit: number): Promise<string[]>;
  /** Sorted values of a label on series that match. */
  labelValues(name: string, matchers: readonly Matcher[], limit: number): Promise<string[]>;
  /** Gives up what is being fetched: the selections under way end soon, with less. Absent where nothing takes time. */
  cancel?(): void;
  /** What is missing in the selections so far, and why; nothing when absent. */
  readonly warnings?: readonly string[];
  close(): void;
}

/** Figures of a storage, for `/api/v1/status/tsdb` and metrics. */
export interface StorageStats {
  readonly seriesCount: number;
  readonly chunkCount: number;
  readonly sampleCount: number;
  readonly labelPairCount: number;
  readonly minTimeMs: number | undefined;
  readonly maxTimeMs: number | undefined;
  readonly bytes: number;
}

/** One row of `/api/v1/status/tsdb`. */
export interface CardinalityRow {
  readonly name: string;
  readonly value: number;
}

/** The tables of `/api/v1/status/tsdb`, each sorted by value descending. */
export interface Cardinality {
  readonly seriesCountByMetricName: readonly CardinalityRow[];
  readonly labelValueCountByLabelName: readonly CardinalityRow[];
  readonly memoryInBytesByLabelName: readonly CardinalityRow[];
  readonly seriesCountByLabelValuePair: readonly CardinalityRow[];
}

/** A place where samples can be read: all that queries need, and all that threads other than the writer's have. */
export interface ReadableStorage {
  querier(minMs: number, maxMs: number): Querier;
}

/** Everything the program asks of the place where samples are. */
export interface SampleStorage extends ReadableStorage {
  /** `nowMs` bounds how far in the future a sample may lie. */
  appender(nowMs: number): Appender;
  stats(): StorageStats;
  cardinality(limit: number): Cardinality;
}
