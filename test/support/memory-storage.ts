import { METRIC_NAME, compareText, type Labels } from '../../src/core/labels.ts';
import { emptyHistogram } from '../../src/core/histogram/empty.ts';
import type { FloatHistogram } from '../../src/core/histogram/float-histogram.ts';
import { matchesAll, type Matcher } from '../../src/core/matcher.ts';
import {
  AppendOutcome,
  type Appender,
  type Cardinality,
  type Querier,
  type RichSample,
  type SampleBuffer,
  type SampleStorage,
  type SelectHints,
  type SeriesCursor,
  type SeriesRef,
  type StorageStats,
} from '../../src/storage/index.ts';
import { storedHint } from '../../src/storage/tsdb/rich-chunk.ts';

/** One series: columns that grow; values keep NaN payloads because they live in a Float64Array. */
class MemorySeries {
  readonly ref: SeriesRef;
  readonly labels: Labels;
  timestamps = new Float64Array(16);
  values = new Float64Array(16);
  length = 0;
  /** Histograms and start timestamps, by index of their sample. */
  readonly histograms = new Map<number, FloatHistogram>();
  readonly starts = new Map<number, number>();

  constructor(ref: SeriesRef, labels: Labels) {
    this.ref = ref;
    this.labels = labels;
  }

  push(tMs: number, value: number): void {
    if (this.length === this.timestamps.length) {
      const timestamps = new Float64Array(this.length * 2);
      const values = new Float64Array(this.length * 2);
      timestamps.set(this.timestamps);
      values.set(this.values);
      this.timestamps = timestamps;
      this.values = values;
    }
    this.timestamps[this.length] = tMs;
    this.values[this.length++] = value;
  }

  pushRich(tMs: number, { value, histogram, startMs }: RichSample): void {
    if (histogram !== undefined) {
      const counterResetHint = storedHint(histogram, this.histograms.get(this.length - 1));
      this.histograms.set(this.length, histogram.with({ counterResetHint }));
    }
    if (startMs !== 0) this.starts.set(this.length, startMs);
    this.push(tMs, histogram === undefined ? value : NaN);
  }

  /** Index of the first sample not before `tMs`. */
  lowerBound(tMs: number): number {
    let low = 0;
    let high = this.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.timestamps[middle]! < tMs) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/**
 * The plainest possible storage: a list of series in memory, searched from end to end. Tests of whatever reads or
 * writes samples use it as the reference for the real ones.
 */
export class MemoryStorage implements SampleStorage {
  readonly #byKey = new Map<string, MemorySeries>();
  readonly #byRef: MemorySeries[] = [];
  #sorted: MemorySeries[] | undefined;
  /** How often an appender was asked for a series by its labels. */
  lookups = 0;

  /** The series with these labels, made when new. */
  series(labels: Labels): MemorySeries {
    let series = this.#byKey.get(labels.key);
    if (series === undefined) {
      series = new MemorySeries(this.#byRef.length + 1, labels);
      this.#byKey.set(labels.key, series);
      this.#byRef.push(series);
      this.#sorted = undefined;
    }
    return series;
  }

  byRef(ref: SeriesRef): MemorySeries {
    return this.#byRef[ref - 1]!;
  }

  /** Every sample by the text of its series' labels; only of one metric when `name` is given. */
  dump(name?: string): Record<string, { readonly tMs: number; readonly value: number }[]> {
    const dump: Record<string, { readonly tMs: number; readonly value: number }[]> = {};
    for (const { labels, timestamps, values, length } of this.sorted()) {
      if (length === 0 || (name !== undefined && labels.metricName !== name)) continue;
      dump[labels.toString()] = Array.from({ length }, (_, i) => ({
        tMs: timestamps[i]!,
        value: values[i]!,
      }));
    }
    return dump;
  }

  /** The values of a metric's samples, series after series. */
  values(name: string): number[] {
    return Object.values(this.dump(name)).flatMap((samples) => samples.map(({ value }) => value));
  }

  /** All series in order of labels. */
  sorted(): readonly MemorySeries[] {
    this.#sorted ??= [...this.#byRef].sort((a, b) => a.labels.compare(b.labels));
    return this.#sorted;
  }

  appender(): Appender {
    return new MemoryAppender(this);
  }

  querier(minMs: number, maxMs: number): Querier {
    return new MemoryQuerier(this, minMs, maxMs);
  }

  stats(): StorageStats {
    let sampleCount = 0;
    let minTimeMs: number | undefined;
    let maxTimeMs: number | undefined;
    for (const { length, timestamps } of this.#byRef) {
      if (length === 0) continue;
      sampleCount += length;
      minTimeMs = Math.min(minTimeMs ?? Infinity, timestamps[0]!);
      maxTimeMs = Math.max(maxTimeMs ?? -Infinity, timestamps[length - 1]!);
    }
    const seriesCount = this.#byRef.length;
    return { seriesCount, chunkCount: 0, sampleCount, labelPairCount: 0, minTimeMs, maxTimeMs, bytes: 0 };
  }

  cardinality(limit: number): Cardinality {
    const counts = new Map<string, number>();
    for (const { labels } of this.#byRef) {
      const name = labels.get(METRIC_NAME);
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
    const rows = [...counts].map(([name, value]) => ({ name, value })).sort((a, b) => b.value - a.value);
    return {
      seriesCountByMetricName: rows.slice(0, limit),
      labelValueCountByLabelName: [],
      memoryInBytesByLabelName: [],
      seriesCountByLabelValuePair: [],
    };
  }
}

class MemoryAppender implements Appender {
  readonly #storage: MemoryStorage;
  readonly #refs: SeriesRef[] = [];
  readonly #times: number[] = [];
  #values = new Float64Array(64);
  readonly #rich = new Map<number, RichSample>();

  constructor(storage: MemoryStorage) {
    this.#storage = storage;
  }

  series(labels: Labels): SeriesRef {
    this.#storage.lookups++;
    return this.#storage.series(labels).ref;
  }

  isLive(): boolean {
    return true;
  }

  append(ref: SeriesRef, tMs: number, value: number): AppendOutcome {
    const series = this.#storage.byRef(ref);
    const last = series.length - 1;
    if (last >= 0 && tMs < series.timestamps[last]!) return AppendOutcome.outOfOrder;
    if (last >= 0 && tMs === series.timestamps[last]) {
      const bits = new BigUint64Array(new Float64Array([series.values[last]!, value]).buffer);
      return bits[0] === bits[1] ? AppendOutcome.same : AppendOutcome.duplicate;
    }
    const count = this.#refs.length;
    if (count === this.#values.length) {
      const grown = new Float64Array(count * 2);
      grown.set(this.#values);
      this.#values = grown;
    }
    this.#values[count] = value;
    this.#refs.push(ref);
    this.#times.push(tMs);
    return AppendOutcome.stored;
  }

  appendRich(ref: SeriesRef, tMs: number, sample: RichSample): AppendOutcome {
    const index = this.#refs.length;
    const outcome = this.append(ref, tMs, sample.histogram === undefined ? sample.value : NaN);
    if (outcome === AppendOutcome.stored) this.#rich.set(index, sample);
    return outcome;
  }

  appendStartZero(ref: SeriesRef, startMs: number, tMs: number, histogram?: FloatHistogram): void {
    if (startMs >= tMs || this.#refs.some((other, i) => other === ref && this.#times[i]! >= startMs)) return;
    if (histogram === undefined) this.append(ref, startMs, 0);
    else this.appendRich(ref, startMs, { value: 0, histogram: emptyHistogram(histogram), startMs: 0 });
  }

  appendColumn(
    refs: Uint32Array,
    values: Float64Array,
    count: number,
    tMs: number,
    outcomes: Uint8Array,
  ): number {
    let refused = 0;
    for (let i = 0; i < count; i++) {
      const outcome = this.append(refs[i]!, tMs, values[i]!);
      outcomes[i] = outcome;
      if (outcome !== AppendOutcome.stored && outcome !== AppendOutcome.same) refused++;
    }
    return refused;
  }

  async commit(): Promise<void> {
    this.#refs.forEach((ref, i) => {
      const rich = this.#rich.get(i);
      const series = this.#storage.byRef(ref);
      if (rich === undefined) series.push(this.#times[i]!, this.#values[i]!);
      else series.pushRich(this.#times[i]!, rich);
    });
    this.rollback();
  }

  rollback(): void {
    this.#refs.length = 0;
    this.#times.length = 0;
    this.#rich.clear();
  }
}

class MemoryCursor implements SeriesCursor {
  readonly #series: readonly MemorySeries[];
  #index = -1;

  constructor(series: readonly MemorySeries[]) {
    this.#series = series;
  }

  get count(): number {
    return this.#series.length;
  }

  next(): boolean {
    return ++this.#index < this.#series.length;
  }

  labels(): Labels {
    return this.#series[this.#index]!.labels;
  }

  ref(): SeriesRef {
    return this.#series[this.#index]!.ref;
  }

  read(minMs: number, maxMs: number, into: SampleBuffer): number {
    const series = this.#series[this.#index]!;
    const from = series.lowerBound(minMs);
    const to = series.lowerBound(maxMs + 1);
    into.clear();
    into.reserve(Math.max(0, to - from));
    into.timestamps.set(series.timestamps.subarray(from, to));
    into.values.set(series.values.subarray(from, to));
    into.length = Math.max(0, to - from);
    for (let i = from; i < to; i++) {
      const histogram = series.histograms.get(i);
      if (histogram !== undefined) into.setHistogram(i - from, histogram);
      const startMs = series.starts.get(i);
      if (startMs !== undefined) into.setStart(i - from, startMs);
    }
    return into.length;
  }
}

class MemoryQuerier implements Querier {
  readonly #storage: MemoryStorage;
  readonly #minMs: number;
  readonly #maxMs: number;

  constructor(storage: MemoryStorage, minMs: number, maxMs: number) {
    this.#storage = storage;
    this.#minMs = minMs;
    this.#maxMs = maxMs;
  }

  #matching(matchers: readonly Matcher[]): MemorySeries[] {
    return this.#storage
      .sorted()
      .filter(
        (series) =>
          matchesAll(matchers, series.labels) &&
          series.lowerBound(this.#maxMs + 1) > series.lowerBound(this.#minMs),
      );
  }

  async select(matchers: readonly Matcher[], { limit }: SelectHints): Promise<SeriesCursor> {
    const series = this.#matching(matchers);
    return new MemoryCursor(limit === 0 ? series : series.slice(0, limit));
  }

  async labelNames(matchers: readonly Matcher[], limit: number): Promise<string[]> {
    const names = new Set(this.#matching(matchers).flatMap(({ labels }) => labels.names()));
    return first([...names].sort(compareText), limit);
  }

  async labelValues(name: string, matchers: readonly Matcher[], limit: number): Promise<string[]> {
    const values = new Set(this.#matching(matchers).map(({ labels }) => labels.get(name)));
    values.delete('');
    return first([...values].sort(compareText), limit);
  }

  close(): void {}
}

function first(texts: string[], limit: number): string[] {
  return limit === 0 ? texts : texts.slice(0, limit);
}
