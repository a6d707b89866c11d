/**
 * Chunks of encodings 1 to 6 read the plain way: text of bits and BigInts, one field after the other as Prometheus' format
 * documents have them. Slow and obvious; for sound chunks only.
 */

/** A float by its bits, or a histogram: numbers as the format has them. */
export interface ReferenceSample {
  readonly t: bigint;
  readonly start: bigint;
  readonly bits: bigint | undefined;
  readonly histogram: ReferenceHistogram | undefined;
}

/** Floats are bits, in fractions' chunks also all counts. */
export interface ReferenceHistogram {
  readonly schema: bigint;
  readonly zeroThreshold: number;
  readonly spans: readonly (readonly (readonly [offset: bigint, length: bigint])[])[];
  readonly bounds: readonly number[];
  readonly count: number;
  readonly zeroCount: number;
  readonly sum: bigint;
  readonly buckets: readonly (readonly number[])[];
}

const STALE = 0x7ff0000000000002n;

function float(bits: bigint): number {
  return new Float64Array(new BigUint64Array([bits]).buffer)[0]!;
}

class Bits {
  readonly #text: string;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#text = Array.from(bytes, (byte) => byte.toString(2).padStart(8, '0')).join('');
  }

  take(count: number): bigint {
    const text = this.#text.slice(this.#at, this.#at + count);
    if (text.length < count) throw new Error('no more bits');
    this.#at += count;
    return BigInt(`0b0${text}`);
  }

  ones(most: number): number {
    let count = 0;
    while (count < most && this.take(1) === 1n) count++;
    return count;
  }

  /** The upper half of the range, without its lowest number, is negative. */
  shifted(size: number): bigint {
    const value = this.take(size);
    return value > 1n << BigInt(size - 1) ? value - (1n << BigInt(size)) : value;
  }

  uvarint(): bigint {
    const byte = this.take(8);
    return byte < 128n ? byte : (byte & 127n) | (this.uvarint() << 7n);
  }

  varint(): bigint {
    const zigzag = this.uvarint();
    return zigzag % 2n === 0n ? zigzag / 2n : -(zigzag + 1n) / 2n;
  }

  varbitUint(): bigint {
    return this.take([0, 3, 6, 9, 12, 18, 25, 56, 64][this.ones(8)]!);
  }

  varbitInt(): bigint {
    const size = [0, 3, 6, 9, 12, 18, 25, 56, 64][this.ones(8)]!;
    if (size === 64) return BigInt.asIntN(64, this.take(64));
    return size === 0 ? 0n : this.shifted(size);
  }
}

/** A float that is told by its difference from the one before. */
class Xor {
  bits = 0n;
  #leading = 0;
  #size = 64;

  same(bits: Bits): void {
    this.bits ^= bits.take(this.#size) << BigInt(64 - this.#leading - this.#size);
  }

  anew(bits: Bits): void {
    this.#leading = Number(bits.take(5));
    this.#size = Number(bits.take(6)) || 64;
    this.same(bits);
  }

  read(bits: Bits): number {
    const ones = bits.ones(2);
    if (ones === 1) this.same(bits);
    if (ones === 2) this.anew(bits);
    return float(this.bits);
  }

  raw(bits: Bits): number {
    this.bits = bits.take(64);
    return float(this.bits);
  }
}

class Starts {
  readonly #header: number;
  #start = 0n;
  #distance = 0n;

  constructor(header: number) {
    this.#header = header;
  }

  read(bits: Bits, index: number, t: bigint, previous: bigint): bigint {
    const changeAt = this.#header & 127;
    if (index === 0) {
      if (this.#header >= 128) this.#start = t - bits.varint();
    } else if (changeAt > 0 && index >= changeAt) {
      this.#distance = bits.varbitInt() + (index > changeAt ? this.#distance : 0n);
      this.#start = previous - this.#distance;
    }
    return this.#start;
  }
}

/** Reads a chunk. */
export function referenceChunk(encoding: number, data: Uint8Array): ReferenceSample[] {
  if (encoding === 1) return xorChunk(data);
  return encoding === 4 ? xor2Chunk(data) : histogramChunk(encoding, data);
}

function xorChunk(data: Uint8Array): ReferenceSample[] {
  const bits = new Bits(data.subarray(2));
  const value = new Xor();
  let t = 0n;
  let delta = 0n;
  return Array.from({ length: data[0]! * 256 + data[1]! }, (_, i) => {
    if (i === 0) {
      t = bits.varint();
      value.raw(bits);
    } else {
      if (i === 1) {
        delta = bits.uvarint();
      } else {
        const size = [0, 14, 17, 20, 64][bits.ones(4)]!;
        if (size === 64) delta += BigInt.asIntN(64, bits.take(64));
        else if (size > 0) delta += bits.shifted(size);
      }
      t += delta;
      value.read(bits);
    }
    return { t, start: 0n, bits: value.bits, histogram: undefined };
  });
}

function xor2Chunk(data: Uint8Array): ReferenceSample[] {
  const bits = new Bits(data.subarray(3));
  const starts = new Starts(data[2]!);
  const value = new Xor();
  let t = 0n;
  let delta = 0n;
  const afterChange = (): boolean => {
    const ones = bits.ones(3);
    if (ones === 1) value.same(bits);
    if (ones === 2) value.anew(bits);
    return ones === 3;
  };
  return Array.from({ length: data[0]! * 256 + data[1]! }, (_, i) => {
    const previous = t;
    let isStale = false;
    if (i === 0) {
      t = bits.varint();
      const first = bits.take(64);
      if (first === STALE) isStale = true;
      else value.bits = first;
    } else if (i === 1) {
      delta = bits.uvarint();
      isStale = afterChange();
    } else {
      const ones = bits.ones(5);
      if (ones === 1) {
        if (bits.take(1) === 0n) value.same(bits);
        else value.anew(bits);
      } else if (ones === 5) {
        isStale = true;
      } else if (ones > 1) {
        const size = [13, 20, 64][ones - 2]!;
        delta += BigInt.asIntN(size, bits.take(size));
        isStale = afterChange();
      }
    }
    if (i > 0) t += delta;
    const start = starts.read(bits, i, t, previous);
    return { t, start, bits: isStale ? STALE : value.bits, histogram: undefined };
  });
}

function layoutOf(bits: Bits): Pick<ReferenceHistogram, 'schema' | 'zeroThreshold' | 'spans' | 'bounds'> {
  const threshold = Number(bits.take(8));
  const zeroThreshold =
    threshold === 255 ? float(bits.take(64)) : threshold === 0 ? 0 : 2 ** (threshold - 244);
  const schema = bits.varbitInt();
  const spans = [0, 1].map(() =>
    Array.from({ length: Number(bits.varbitUint()) }, () => {
      const length = bits.varbitUint();
      return [bits.varbitInt(), length] as const;
    }),
  );
  const bounds =
    schema === -53n
      ? Array.from({ length: Number(bits.varbitUint()) }, () => {
          const whole = bits.varbitUint();
          return whole === 0n ? float(bits.take(64)) : Number(whole - 1n) / 1000;
        })
      : [];
  return { schema, zeroThreshold, spans, bounds };
}

/** A whole number that is told by the difference of its difference. */
class Double {
  value = 0n;
  #delta = 0n;

  raw(value: bigint): number {
    this.value = value;
    return Number(value);
  }

  read(bits: Bits): number {
    this.#delta += bits.varbitInt();
    this.value += this.#delta;
    return Number(this.value);
  }
}

function histogramChunk(encoding: number, data: Uint8Array): ReferenceSample[] {
  const hasStarts = encoding > 4;
  const isWhole = encoding === 2 || encoding === 5;
  const count = (hasStarts ? data[0]! & 63 : data[0]!) * 256 + data[1]!;
  const bits = new Bits(data.subarray(3));
  const starts = new Starts(hasStarts ? data[2]! : 0);
  const layout = layoutOf(bits);
  const make = (): (Double | Xor)[] =>
    layout.spans
      .flat()
      .flatMap(([, length]) =>
        Array.from({ length: Number(length) }, () => (isWhole ? new Double() : new Xor())),
      );
  const positives = layout.spans[0]!.reduce((sum, [, length]) => sum + Number(length), 0);
  const [total, zero]: [Double | Xor, Double | Xor] = isWhole
    ? [new Double(), new Double()]
    : [new Xor(), new Xor()];
  const buckets = make();
  const sum = new Xor();
  const time = new Double();
  const first = (of: Double | Xor, isSigned: boolean): number => {
    if (of instanceof Xor) return of.raw(bits);
    return of.raw(isSigned ? bits.varbitInt() : bits.varbitUint());
  };
  return Array.from({ length: count }, (_, i) => {
    const previous = time.value;
    if (i === 0) time.raw(bits.varbitInt());
    else time.read(bits);
    const read = (of: Double | Xor, isSigned: boolean): number =>
      i === 0 ? first(of, isSigned) : of.read(bits);
    const histogramCount = read(total, false);
    const zeroCount = read(zero, false);
    read(sum, false);
    const isStale = sum.bits === STALE;
    const all = isStale && i > 0 ? [] : buckets.map((bucket) => read(bucket, true));
    const start = starts.read(bits, i, time.value, previous);
    if (isStale) return { t: time.value, start, bits: STALE, histogram: undefined };
    const sides = [all.slice(0, positives), all.slice(positives)].map((side) => {
      let running = 0;
      return isWhole ? side.map((step) => (running += step)) : side;
    });
    const numbers = { count: histogramCount, zeroCount, sum: sum.bits, buckets: sides };
    return { t: time.value, start, bits: undefined, histogram: { ...layout, ...numbers } };
  });
}
