import {
  CounterResetHint,
  CUSTOM_BUCKETS_SCHEMA,
  FloatHistogram,
} from '../../../src/core/histogram/float-histogram.ts';
import type { Spans } from '../../../src/core/histogram/float-histogram.ts';

/**
 * Series of samples that are always the same, for comparing chunks byte by byte with those of Prometheus: see
 * `test/fixtures/chunks`. A changed case needs new bytes there.
 */

/** A float by its bits, or a histogram. The stale marker after a histogram is one of histograms. */
export interface CaseSample {
  readonly tMs: number;
  readonly startMs: number;
  readonly bits: bigint;
  readonly histogram: FloatHistogram | undefined;
}

/** A series. */
export interface ChunkCase {
  readonly name: string;
  /** Floats go to XOR2 chunks even without start timestamps. */
  readonly isXor2: boolean;
  /** Chunks are cut by their size. */
  readonly isCut: boolean;
  readonly samples: readonly CaseSample[];
}

export const STALE_BITS = 0x7ff0000000000002n;

/** Numbers that look random, of a generator that is the same everywhere. */
class Noise {
  #state: bigint;

  constructor(seed: number) {
    this.#state = BigInt(seed);
  }

  bits(): bigint {
    this.#state = BigInt.asUintN(64, this.#state * 6364136223846793005n + 1442695040888963407n);
    return this.#state ^ (this.#state >> 29n);
  }

  /** A whole number below `limit`. */
  below(limit: number): number {
    return Number(this.bits() >> 16n) % limit;
  }
}

function bitsOf(value: number): bigint {
  return new BigUint64Array(new Float64Array([value]).buffer)[0]!;
}

const SPECIAL = [
  0n,
  1n << 63n,
  STALE_BITS,
  STALE_BITS,
  0x7ff8000000000001n,
  0x7ff0000000000000n,
  0xfff0000000000000n,
  1n,
  0xffffffffffffffffn,
  0x3ff0000000000000n,
];

type NextBits = (noise: Noise, i: number, before: number) => number | bigint;
type NextTime = (noise: Noise, i: number) => number;
type NextStart = (noise: Noise, i: number, tMs: number) => number;

const steady: NextTime = () => 15_000;
const jittered: NextTime = (noise) => 15_000 + noise.below(7) - 3;
const wild: NextTime = (noise) => 1 + noise.below([10, 1e3, 1e5, 1e7, 2 ** 40][noise.below(5)]!);

const counter: NextBits = (noise, _i, before) => before + noise.below(50);
const seldom: NextBits = (noise, _i, before) => (noise.below(5) === 0 ? before + 1 : before);
const gauge: NextBits = (noise) => noise.below(1000) / 8;
const anything: NextBits = (noise) => noise.bits();
const special: NextBits = (noise) => SPECIAL[noise.below(SPECIAL.length)]!;

const noStart: NextStart = () => 0;
const oneStart: NextStart = () => 1_699_999_000_000;
const lateStart: NextStart = (_noise, i) => (i < 50 ? 0 : 1_699_999_000_000 + Math.floor(i / 60) * 1000);
const eachStart: NextStart = (noise, _i, tMs) => tMs - 15_000 + noise.below(3);
const endedStart: NextStart = (_noise, i) => (i < 40 ? 1_700_000_000_000 : 0);

function floatSeries(
  seed: number,
  count: number,
  nextTime: NextTime,
  nextBits: NextBits,
  nextStart: NextStart,
  fromMs = 1_700_000_000_000,
): CaseSample[] {
  const noise = new Noise(seed);
  let tMs = fromMs;
  let value = 0;
  return Array.from({ length: count }, (_, i) => {
    tMs += nextTime(noise, i);
    const next = nextBits(noise, i, value);
    if (typeof next === 'number') value = next;
    const bits = typeof next === 'number' ? bitsOf(next) : next;
    return { tMs, startMs: nextStart(noise, i, tMs), bits, histogram: undefined };
  });
}

/** Spans over what is there, gaps of up to `fill` with empty buckets. */
function spansOf(counts: ReadonlyMap<number, number>, fill: number): { spans: Spans; buckets: Float64Array } {
  const indexes = [...counts.keys()].sort((a, b) => a - b);
  const spans: number[] = [];
  const buckets: number[] = [];
  let next = 0;
  for (const index of indexes) {
    if (spans.length === 0 || index - next > fill) spans.push(index - next, 0);
    else for (let i = next; i < index; i++) buckets.push(0);
    if (buckets.length > 0 && index - next <= fill) spans[spans.length - 1]! += index - next;
    spans[spans.length - 1]!++;
    buckets.push(counts.get(index)!);
    next = index + 1;
  }
  return { spans: new Int32Array(spans), buckets: new Float64Array(buckets) };
}

interface HistogramRules {
  readonly isWhole: boolean;
  readonly isGauge: boolean;
  readonly isCustom: boolean;
  /** One in so many samples has something happen to it; 0 for never. */
  readonly events: number;
  readonly width: number;
  /** Counts grow by up to this. */
  readonly growth: number;
}

const WHOLE: HistogramRules = {
  isWhole: true,
  isGauge: false,
  isCustom: false,
  events: 12,
  width: 30,
  growth: 20,
};

const BOUNDS = [
  [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
  [-1, 0, 0.0001, 1 / 3, 33554.43, 33554.431, 1e9],
];

class HistogramWalk {
  readonly #rules: HistogramRules;
  readonly #noise: Noise;
  readonly #positive = new Map<number, number>();
  readonly #negative = new Map<number, number>();
  #schema = 3;
  #zeroThreshold = 2 ** -128;
  #zeroCount = 0;
  #bounds = BOUNDS[0]!;
  #sum = 0;

  constructor(rules: HistogramRules, noise: Noise) {
    this.#rules = rules;
    this.#noise = noise;
  }

  next(): FloatHistogram {
    const noise = this.#noise;
    const { isCustom, isWhole, isGauge } = this.#rules;
    let hint: CounterResetHint = isGauge ? CounterResetHint.gauge : CounterResetHint.unknown;
    if (this.#rules.events > 0 && noise.below(this.#rules.events) === 0) hint = this.#event(hint);
    for (let i = noise.below(4); i > 0; i--) this.#grow(this.#positive);
    if (!isCustom) {
      if (noise.below(3) === 0) this.#grow(this.#negative);
      if (noise.below(4) === 0) this.#zeroCount += this.#step();
    }
    this.#sum += noise.below(1000) / 7;
    const fill = noise.below(3);
    const positive = spansOf(this.#positive, fill);
    const negative = spansOf(this.#negative, fill);
    const buckets = [...positive.buckets, ...negative.buckets];
    return new FloatHistogram({
      schema: isCustom ? CUSTOM_BUCKETS_SCHEMA : this.#schema,
      zeroThreshold: isCustom ? 0 : this.#zeroThreshold,
      zeroCount: this.#zeroCount,
      count: buckets.reduce((sum, bucket) => sum + bucket, this.#zeroCount) + (isWhole ? 0 : 0.25),
      sum: this.#sum,
      positiveSpans: positive.spans,
      positiveBuckets: positive.buckets,
      negativeSpans: negative.spans,
      negativeBuckets: negative.buckets,
      ...(isCustom && { customValues: new Float64Array(this.#bounds) }),
      counterResetHint: hint,
    });
  }

  #grow(counts: Map<number, number>): void {
    const { isCustom, width } = this.#rules;
    const index = isCustom ? this.#noise.below(this.#bounds.length + 1) : this.#noise.below(width) - 10;
    counts.set(index, (counts.get(index) ?? 0) + this.#step());
  }

  #step(): number {
    const step = this.#noise.below(this.#rules.growth);
    return this.#rules.isWhole ? step : step + this.#noise.below(100) / 64;
  }

  #event(hint: CounterResetHint): CounterResetHint {
    const { isGauge } = this.#rules;
    switch (this.#noise.below(7)) {
      case 0: {
        this.#positive.clear();
        this.#negative.clear();
        this.#zeroCount = 0;
        return hint;
      }
      case 1: {
        this.#schema = this.#schema === 3 ? -4 : 3;
        return hint;
      }
      case 2: {
        this.#zeroThreshold = [0, 0.001, 2 ** -128, 0.5, 1024, 2 ** -300][this.#noise.below(6)]!;
        return hint;
      }
      case 3: {
        this.#bounds = this.#bounds === BOUNDS[0] ? BOUNDS[1]! : BOUNDS[0]!;
        if (this.#rules.isCustom) this.#positive.clear();
        return hint;
      }
      case 4: {
        const [first] = this.#positive.keys();
        if (first !== undefined) this.#positive.delete(first);
        return hint;
      }
      case 5: {
        // Buckets that are there and empty, which may go again.
        for (const counts of [this.#positive, this.#negative])
          for (const [index, count] of counts) if (count === 0) counts.delete(index);
        if (!this.#rules.isCustom) this.#positive.set(40, this.#positive.get(40) ?? 0);
        return hint;
      }
      default: {
        if (isGauge) return this.#noise.below(2) === 0 ? CounterResetHint.unknown : hint;
        return this.#noise.below(2) === 0 ? CounterResetHint.reset : CounterResetHint.notReset;
      }
    }
  }
}

function histogramSeries(
  seed: number,
  count: number,
  rules: Partial<HistogramRules>,
  nextTime: NextTime = jittered,
  nextStart: NextStart = noStart,
): CaseSample[] {
  const noise = new Noise(seed);
  const walk = new HistogramWalk({ ...WHOLE, ...rules }, noise);
  let tMs = 1_700_000_000_000;
  return Array.from({ length: count }, (_, i) => {
    tMs += nextTime(noise, i);
    const startMs = nextStart(noise, i, tMs);
    const isStale = i > 0 && rules.events !== 0 && noise.below(25) === 0;
    const histogram = isStale ? undefined : walk.next();
    return { tMs, startMs, bits: isStale ? STALE_BITS : 0x7ff8000000000000n, histogram };
  });
}

function mixedSeries(seed: number): CaseSample[] {
  const parts = [
    floatSeries(seed, 10, steady, special, noStart),
    histogramSeries(seed + 1, 5, { events: 0 }),
    floatSeries(seed + 2, 5, steady, counter, oneStart),
    floatSeries(seed + 3, 5, steady, special, noStart),
    histogramSeries(seed + 4, 5, { events: 0 }, steady, oneStart),
    histogramSeries(seed + 5, 5, { events: 0, isGauge: true }),
    [{ tMs: 15_000, startMs: 0, bits: STALE_BITS, histogram: undefined }],
    histogramSeries(seed + 6, 5, { isWhole: false, events: 0 }),
    floatSeries(seed + 7, 5, steady, gauge, noStart),
  ];
  let tMs = 1_700_000_000_000;
  return parts.flat().map((sample) => ({ ...sample, tMs: (tMs += 15_000) }));
}

/** All cases. */
export function chunkCases(): ChunkCase[] {
  const cases: ChunkCase[] = [];
  const add = (name: string, samples: CaseSample[], isXor2 = false, isCut = true): void => {
    cases.push({ name, isXor2, isCut, samples });
  };
  for (const isXor2 of [false, true]) {
    const kind = isXor2 ? 'xor2' : 'xor';
    add(`${kind} counter`, floatSeries(1, 300, steady, counter, noStart), isXor2);
    add(`${kind} seldom changing`, floatSeries(2, 250, jittered, seldom, noStart), isXor2);
    add(`${kind} gauge`, floatSeries(3, 130, jittered, gauge, noStart), isXor2);
    add(`${kind} noise`, floatSeries(4, 150, wild, anything, noStart), isXor2);
    add(`${kind} special`, floatSeries(5, 150, steady, special, noStart), isXor2);
    add(`${kind} special, wild times`, floatSeries(6, 150, wild, special, noStart), isXor2);
    add(`${kind} before 1970`, floatSeries(7, 50, wild, gauge, noStart, -(2 ** 50)), isXor2);
    add(`${kind} one sample`, floatSeries(8, 1, steady, gauge, noStart), isXor2);
  }
  add('starts, one', floatSeries(9, 130, steady, counter, oneStart));
  add('starts, late', floatSeries(10, 200, jittered, seldom, lateStart), true, false);
  add('starts, each', floatSeries(11, 200, jittered, special, eachStart), true, false);
  add('starts, ended', floatSeries(12, 130, wild, gauge, endedStart));
  add('starts, one, long', floatSeries(13, 200, steady, special, oneStart), true, false);
  for (const isWhole of [true, false]) {
    const kind = isWhole ? 'whole' : 'fractions';
    add(`${kind} counter`, histogramSeries(20, 80, { isWhole, events: 0, width: 12 }));
    add(`${kind} counter, events`, histogramSeries(21, 120, { isWhole, width: 14 }));
    add(`${kind} gauge`, histogramSeries(22, 80, { isWhole, isGauge: true, width: 14 }));
    add(`${kind} custom`, histogramSeries(23, 80, { isWhole, isCustom: true }));
    add(`${kind} large`, histogramSeries(24, 20, { isWhole, growth: 2 ** 44, width: 6 }, wild));
    add(`${kind} wild`, histogramSeries(25, 60, { isWhole, width: 50, events: 5 }, wild), false, false);
    add(`${kind} start`, histogramSeries(26, 40, { isWhole, width: 8 }, jittered, oneStart));
    add(
      `${kind} starts`,
      histogramSeries(27, 140, { isWhole, width: 6, events: 60 }, wild, eachStart),
      false,
      false,
    );
    add(
      `${kind} start, long`,
      histogramSeries(28, 200, { isWhole, width: 3, events: 0 }, steady, oneStart),
      false,
      false,
    );
  }
  add('mixed', mixedSeries(30));
  return cases;
}
