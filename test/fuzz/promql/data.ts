import {
  CUSTOM_BUCKETS_SCHEMA,
  CounterResetHint,
  FloatHistogram,
} from '../../../src/core/histogram/float-histogram.ts';
import { Labels, METRIC_NAME } from '../../../src/core/labels.ts';
import { SeededRandom } from '../../../src/core/seeded-random.ts';
import { AppendOutcome, staleMarker, type SampleStorage } from '../../../src/storage/index.ts';

/** Random samples for comparing engines: equal for equal seeds. */

/** One sample: a float, which may be the stale marker, or a native histogram. */
export interface FuzzSample {
  readonly tMs: number;
  readonly value: number;
  readonly stale: boolean;
  readonly histogram: FloatHistogram | undefined;
}

/** A series and its samples in order of time. */
export interface FuzzSeries {
  readonly labels: Labels;
  readonly samples: readonly FuzzSample[];
}

/** What the reference program can take. */
export interface DataOptions {
  readonly seed: number;
  /**
   * Samples may lie on the edges of windows, counters start at zero, all kinds of histograms. Off for Prometheus 2.42,
   * which counted the left edge in and extrapolated to zero in another way.
   */
  readonly full: boolean;
}

/** How long the data lasts; it begins at the epoch, as scripts do. */
export const DATA_END_MS = 2 * 3_600_000;
const SPACING_MS = 15_000;
const GROUPS = ['a', 'ab', 'c'];
const INSTANCES = ['1', '2', '3'];

type Made = Pick<FuzzSample, 'value'> | { readonly stale: true } | { readonly histogram: FloatHistogram };

/** Two hours of gauges, counters, classic and native histograms, gaps, stale markers, and odd values. */
export function makeData(options: DataOptions): FuzzSeries[] {
  return new DataMaker(options).make();
}

class DataMaker {
  readonly #random: SeededRandom;
  readonly #full: boolean;
  readonly #series: FuzzSeries[] = [];

  constructor({ seed, full }: DataOptions) {
    this.#random = new SeededRandom(seed);
    this.#full = full;
  }

  make(): FuzzSeries[] {
    for (const g of GROUPS) for (const i of INSTANCES) this.#floats(g, i);
    for (const i of ['1', '2']) this.#classicHistogram(i);
    for (const g of ['a', 'ab']) for (const i of INSTANCES) this.#nativeHistograms(g, i);
    this.#add('one', {}, () => ({ value: 1 }));
    this.#add('const', { g: 'a' }, () => ({ value: 7 }));
    for (const i of INSTANCES) this.#infoSeries(i);
    return this.#series;
  }

  #floats(g: string, i: string): void {
    const next = (): number => this.#random.next();
    const base = this.#full ? 0 : 1e5;
    let level = 50 + next() * 100;
    this.#add('gauge', { g, i }, () => ({ value: (level += next() * 10 - 5) }));
    let count = base;
    this.#add('c_total', { g, i }, () => ({
      value: (count = next() < 0.02 ? base : count + Math.floor(next() * 20)),
    }));
    this.#add('odd', { g, i }, () => {
      const dice = next();
      if (dice < 0.1) return { value: NaN };
      if (dice < 0.13) return { value: Infinity };
      if (dice < 0.16) return { value: -Infinity };
      return { value: Math.floor(next() * 5) - (this.#full ? 2 : 0) };
    });
    this.#add('gappy', { g, i }, (k) => {
      const phase = Math.floor(k / 40) % 3 === Number(i) % 3;
      if (phase) return k % 40 === 0 ? { stale: true } : undefined;
      return { value: 1e5 + k + Number(i) };
    });
    let wave = base;
    this.#add('sparse', { g, i }, () => {
      // Never down for 2.42, which saw a counter come from zero in another way.
      wave += next() - (this.#full ? 0.3 : 0);
      return next() < 0.25 ? { value: Math.round(wave * 8) / 8 } : undefined;
    });
  }

  /** What `info()` joins, and the series it joins to. */
  #infoSeries(i: string): void {
    const identity = { instance: i, job: 'j' };
    this.#add('up', identity, () => ({ value: this.#random.next() < 0.1 ? 0 : 1 }));
    const version = Number(i) < 3 ? 'v1' : 'v2';
    this.#add('target_info', { ...identity, version }, (k) => (k < 300 ? { value: 1 } : undefined));
    this.#add('target_info', { ...identity, version: 'v3' }, (k) => {
      if (k < 300 && i === '1') return undefined;
      return k >= 300 ? { value: 1 } : undefined;
    });
    this.#add('build_info', { ...identity, build: `b${i}` }, () => ({ value: 1 }));
  }

  #classicHistogram(i: string): void {
    const bounds = [0.1, 0.5, 2, Infinity];
    const counts = bounds.map(() => 0);
    let sum = 0;
    const steps = Array.from({ length: DATA_END_MS / SPACING_MS }, () => {
      const bucket = Math.floor(this.#random.next() * bounds.length);
      for (let b = bucket; b < bounds.length; b++) counts[b]!++;
      sum += this.#random.next() * 3;
      return { counts: [...counts], sum };
    });
    const wobble = (): number => (this.#full && this.#random.next() < 0.05 ? 2 : 0);
    bounds.forEach((le, b) => {
      const text = le === Infinity ? '+Inf' : String(le);
      this.#add('h_bucket', { i, le: text }, (k) => ({
        value: 1e4 * (b + 1) + steps[k]!.counts[b]! - wobble(),
      }));
    });
    this.#add('h_count', { i }, (k) => ({ value: 4e4 + steps[k]!.counts[3]! }));
    this.#add('h_sum', { i }, (k) => ({ value: steps[k]!.sum }));
  }

  #nativeHistograms(g: string, i: string): void {
    const next = (): number => this.#random.next();
    const schema = i === '3' ? 1 : 0;
    // Far from zero for 2.42, which extrapolated histograms beyond it.
    const base = this.#full ? 1 : 1e6;
    let counter = new Buckets(schema, base);
    this.#add('nh', { g, i }, (k) => {
      if (next() < 0.02) counter = new Buckets(this.#full && next() < 0.3 ? 2 : schema, base);
      counter.observe(next, 6);
      if (this.#full && k % 60 === 59) return i === '2' ? undefined : { stale: true };
      return { histogram: counter.histogram(CounterResetHint.unknown) };
    });
    if (!this.#full) return;
    this.#add('nh_gauge', { g, i }, () => {
      const gauge = new Buckets(schema, 1);
      gauge.observe(next, 12);
      return { histogram: gauge.histogram(CounterResetHint.gauge) };
    });
    const bounds = i === '2' ? [1, 5, 10] : [1, 2, 5, 10];
    let custom = bounds.map(() => 0).concat(0);
    let sum = 0;
    this.#add('nhcb', { g, i }, () => {
      if (next() < 0.02) {
        custom = custom.map(() => 0);
        sum = 0;
      }
      custom[Math.floor(next() * custom.length)]!++;
      sum += Math.floor(next() * 12);
      return { histogram: customHistogram(bounds, custom, sum) };
    });
    const mixed = new Buckets(0, 1);
    this.#add('mixed', { g, i }, (k) => {
      mixed.observe(next, 4);
      return Math.floor(k / 20) % 2 === 0
        ? { value: k }
        : { histogram: mixed.histogram(CounterResetHint.unknown) };
    });
  }

  #add(name: string, labels: Record<string, string>, make: (k: number) => Made | undefined): void {
    const samples: FuzzSample[] = [];
    for (let k = 0; k < DATA_END_MS / SPACING_MS; k++) {
      const made = make(k);
      const tMs = k * SPACING_MS + this.#jitterMs();
      if (made === undefined) continue;
      const stale = 'stale' in made;
      samples.push({
        tMs,
        stale,
        value: 'value' in made ? made.value : NaN,
        histogram: 'histogram' in made ? made.histogram : undefined,
      });
    }
    this.#series.push({ labels: Labels.fromObject({ [METRIC_NAME]: name, ...labels }), samples });
  }

  /** In full data half of the samples lie on whole quarters of minutes; else none lies on a whole second. */
  #jitterMs(): number {
    if (this.#full && this.#random.next() < 0.5) return 0;
    return 137 + Math.floor(this.#random.next() * 700);
  }
}

/** Observations of an exponential histogram. */
class Buckets {
  readonly #schema: number;
  readonly #positive = new Map<number, number>();
  readonly #negative = new Map<number, number>();
  #zeros = 0;
  #sum = 0;

  /** There is an observation on both sides: how far the zero bucket reaches depends on it, even in neighbours. */
  constructor(schema: number, base: number) {
    this.#schema = schema;
    this.#positive.set(0, base);
    this.#negative.set(0, base);
  }

  observe(random: () => number, most: number): void {
    for (let n = Math.floor(random() * most); n > 0; n--) {
      const dice = random();
      if (dice < 0.1) {
        this.#zeros++;
        continue;
      }
      const side = dice < 0.25 ? this.#negative : this.#positive;
      const index = Math.floor(random() * 8) - 3;
      side.set(index, (side.get(index) ?? 0) + 1);
      this.#sum +=
        ((side === this.#negative ? -1 : 1) * Math.round(2 ** (index / 2 ** this.#schema) * 64)) / 64;
    }
  }

  histogram(counterResetHint: CounterResetHint): FloatHistogram {
    const positive = spansOf(this.#positive);
    const negative = spansOf(this.#negative);
    const total = [...positive.buckets, ...negative.buckets].reduce((sum, n) => sum + n, this.#zeros);
    return new FloatHistogram({
      schema: this.#schema,
      count: total,
      sum: this.#sum,
      zeroThreshold: 0.001,
      zeroCount: this.#zeros,
      positiveSpans: positive.spans,
      positiveBuckets: positive.buckets,
      negativeSpans: negative.spans,
      negativeBuckets: negative.buckets,
      counterResetHint,
    });
  }
}

function spansOf(counts: ReadonlyMap<number, number>): { spans: Int32Array; buckets: Float64Array } {
  const indexes = [...counts.keys()].sort((a, b) => a - b);
  const spans: number[] = [];
  let end = 0;
  for (const index of indexes) {
    if (spans.length > 0 && index === end) spans[spans.length - 1]!++;
    else spans.push(index - end, 1);
    end = index + 1;
  }
  return {
    spans: Int32Array.from(spans),
    buckets: Float64Array.from(indexes.map((index) => counts.get(index)!)),
  };
}

function customHistogram(bounds: readonly number[], counts: readonly number[], sum: number): FloatHistogram {
  return new FloatHistogram({
    schema: CUSTOM_BUCKETS_SCHEMA,
    count: counts.reduce((total, n) => total + n, 0),
    sum,
    positiveSpans: Int32Array.of(0, counts.length),
    positiveBuckets: Float64Array.from(counts),
    customValues: Float64Array.from(bounds),
  });
}

/** Stores the data; throws Error when a sample isn't taken. */
export async function fill(storage: SampleStorage, data: readonly FuzzSeries[]): Promise<void> {
  const appender = storage.appender(DATA_END_MS);
  for (const { labels, samples } of data) {
    const ref = appender.series(labels);
    for (const { tMs, value, stale, histogram } of samples) {
      const outcome =
        histogram === undefined
          ? appender.append(ref, tMs, stale ? staleMarker : value)
          : appender.appendRich(ref, tMs, { value: NaN, histogram, startMs: 0 });
      if (outcome !== AppendOutcome.stored) throw new Error(`${labels.toString()} at ${tMs}: ${outcome}`);
    }
  }
  await appender.commit();
}
