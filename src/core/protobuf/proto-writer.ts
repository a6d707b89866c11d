/** How a field's value is laid out. */
const Wire = { varint: 0, fixed64: 1, bytes: 2 } as const;

const encoder = new TextEncoder();
const floatBox = new Float64Array(1);
const floatBytes = new Uint8Array(floatBox.buffer);
/** Bytes kept free for the length of a message that is being written: lengths below 2^28. */
const LENGTH_BYTES = 4;

/**
 * Writes protocol buffers, field after field, into memory that is used again. Fields of value 0 or '' are written too:
 * whoever wants proto3's defaults left out does not call.
 *
 * @see https://protobuf.dev/programming-guides/encoding/
 */
export class ProtoWriter {
  #buffer = new Uint8Array(1024);
  #length = 0;

  /** What was written; good until the writer is cleared. */
  get bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.#length);
  }

  get length(): number {
    return this.#length;
  }

  clear(): void {
    this.#length = 0;
  }

  /** An unsigned whole number below 2^53, or an enum. */
  uint(field: number, value: number): void {
    this.#tag(field, Wire.varint);
    this.#varint(value);
  }

  /** A signed whole number, as int32 and int64 have it. */
  int(field: number, value: number): void {
    this.#tag(field, Wire.varint);
    if (value >= 0) this.#varint(value);
    else this.#negative(value);
  }

  /** A signed whole number, as sint32 and sint64 have it; exact below 2^52. */
  sint(field: number, value: number): void {
    this.#tag(field, Wire.varint);
    this.#varint(value >= 0 ? value * 2 : -value * 2 - 1);
  }

  bool(field: number, value: boolean): void {
    this.uint(field, value ? 1 : 0);
  }

  double(field: number, value: number): void {
    floatBox[0] = value;
    this.#tag(field, Wire.fixed64);
    this.raw(floatBytes);
  }

  /** A double by its bits. */
  doubleBits(field: number, low: number, high: number): void {
    this.#tag(field, Wire.fixed64);
    this.#word(low);
    this.#word(high);
  }

  text(field: number, value: string): void {
    this.#tag(field, Wire.bytes);
    this.#reserve(value.length * 3 + LENGTH_BYTES);
    const from = this.#length + LENGTH_BYTES;
    const { written } = encoder.encodeInto(value, this.#buffer.subarray(from));
    this.#closeAt(from, from + written);
  }

  data(field: number, value: Uint8Array): void {
    this.#tag(field, Wire.bytes);
    this.#varint(value.length);
    this.raw(value);
  }

  /** A message whose fields `write` writes. */
  message(field: number, write: () => void): void {
    this.#tag(field, Wire.bytes);
    this.#reserve(LENGTH_BYTES);
    const from = this.#length + LENGTH_BYTES;
    this.#length = from;
    write();
    this.#closeAt(from, this.#length);
  }

  /** Packed doubles. */
  doubles(field: number, values: Float64Array): void {
    this.#tag(field, Wire.bytes);
    this.#varint(values.length * 8);
    for (let i = 0; i < values.length; i++) {
      floatBox[0] = values[i]!;
      this.raw(floatBytes);
    }
  }

  /** Packed unsigned numbers. */
  uints(field: number, values: readonly number[] | Uint32Array): void {
    this.message(field, () => {
      for (const value of values) this.#varint(value);
    });
  }

  /** Packed signed numbers, as sint32 and sint64 have them; exact below 2^52. */
  sints(field: number, values: Iterable<number>): void {
    this.message(field, () => {
      for (const value of values) this.#varint(value >= 0 ? value * 2 : -value * 2 - 1);
    });
  }

  /** Fields that were written before. */
  raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#buffer.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  #tag(field: number, wire: number): void {
    this.#varint(field * 8 + wire);
  }

  /** Puts the length before what lies between the two places, and that close behind it. */
  #closeAt(from: number, to: number): void {
    // Room first: making it keeps only what lies before the present end.
    this.#length = to;
    this.#reserve(10);
    this.#length = from - LENGTH_BYTES;
    this.#varint(to - from);
    this.#buffer.copyWithin(this.#length, from, to);
    this.#length += to - from;
  }

  #varint(value: number): void {
    this.#reserve(10);
    let rest = value;
    while (rest >= 128) {
      this.#buffer[this.#length++] = (rest % 128) | 128;
      rest = Math.floor(rest / 128);
    }
    this.#buffer[this.#length++] = rest;
  }

  /** Two's complement of 64 bits in ten bytes. */
  #negative(value: number): void {
    this.#reserve(10);
    let rest = BigInt.asUintN(64, BigInt(value));
    while (rest >= 128n) {
      this.#buffer[this.#length++] = Number(rest & 127n) | 128;
      rest >>= 7n;
    }
    this.#buffer[this.#length++] = Number(rest);
  }

  #word(value: number): void {
    this.#reserve(4);
    const buffer = this.#buffer;
    buffer[this.#length] = value;
    buffer[this.#length + 1] = value >>> 8;
    buffer[this.#length + 2] = value >>> 16;
    buffer[this.#length + 3] = value >>> 24;
    this.#length += 4;
  }

  #reserve(bytes: number): void {
    if (this.#length + bytes <= this.#buffer.length) return;
    const larger = new Uint8Array(Math.max(this.#buffer.length * 2, this.#length + bytes));
    larger.set(this.#buffer.subarray(0, this.#length));
    this.#buffer = larger;
  }
}
