import { TocsinError } from '../errors.ts';

/** How a field's value is laid out. */
export const WireType = { varint: 0, fixed64: 1, bytes: 2, startGroup: 3, endGroup: 4, fixed32: 5 } as const;

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
/** What {@link textOf} returns for bytes that are not UTF-8: half a surrogate pair, which no text has. */
const ILL_FORMED = '\ud800';

/** The text of some bytes; one that is not well-formed (`isWellFormed`) when they are not UTF-8. */
export function textOf(bytes: Uint8Array): string {
  if (bytes.length === 0) return '';
  try {
    return decoder.decode(bytes);
  } catch {
    return ILL_FORMED;
  }
}

/**
 * Reads protocol buffers field by field, without allocating but for texts:
 *
 * ```ts
 * while (reader.next()) {
 *   if (reader.field === 1) name = reader.text();
 *   else if (reader.field === 2) {
 *     const outer = reader.enter();
 *     while (reader.next()) …
 *     reader.leave(outer);
 *   } else reader.skip();
 * }
 * ```
 *
 * After each `next` that returned true exactly one of the value methods, or `skip`, must be called. All of them throw
 * TOCSIN_ERR_PARSE for bytes that are no protocol buffer or a value of another wire type than the method's.
 *
 * @see https://protobuf.dev/programming-guides/encoding/
 */
export class ProtoReader {
  /** Number of the present field. */
  field = 0;
  /** Its {@link WireType}. */
  wire = 0;
  /** Place of the next byte. */
  at = 0;
  #bytes: Uint8Array;
  #view: DataView;
  #end: number;
  #low = 0;
  #high = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#end = bytes.length;
  }

  /** Reads another message, or a part of one, from now on. */
  reset(bytes: Uint8Array, from = 0, to: number = bytes.length): void {
    if (bytes !== this.#bytes) {
      this.#bytes = bytes;
      this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    }
    this.at = from;
    this.#end = to;
  }

  /** Goes to the next field of the present message; false at its end. */
  next(): boolean {
    if (this.at >= this.#end) return false;
    this.#varint();
    this.field = (this.#low >>> 3) + this.#high * 2 ** 29;
    this.wire = this.#low & 7;
    if (this.field === 0 || this.field >= 2 ** 29) throw bad('a field number is out of range');
    return true;
  }

  /**
   * Goes to the end of the next field with that number, passing over others. Returns where its message begins, which ends at
   * {@link at}; -1 when there is none any more.
   */
  findMessage(field: number): number {
    while (this.next()) {
      if (this.field !== field) {
        this.skip();
        continue;
      }
      const outer = this.enter();
      const from = this.at;
      this.leave(outer);
      return from;
    }
    return -1;
  }

  /** Whether more of a packed field follows: `for (const outer = reader.enter(); reader.more; ) values.push(reader.…)`. */
  get more(): boolean {
    return this.at < this.#end;
  }

  /** The value of an unsigned field; exact below 2^53. */
  uint(): number {
    this.#expect(WireType.varint);
    return this.packedUint();
  }

  /** The value of an int32, int64 or enum field; exact between -2^53 and 2^53. */
  int(): number {
    this.#expect(WireType.varint);
    this.#varint();
    return (this.#high | 0) * 2 ** 32 + this.#low;
  }

  /** The value of a sint32 or sint64 field; exact between -2^53 and 2^53. */
  sint(): number {
    this.#expect(WireType.varint);
    return this.packedSint();
  }

  bool(): boolean {
    this.#expect(WireType.varint);
    this.#varint();
    return this.#low !== 0 || this.#high !== 0;
  }

  double(): number {
    this.#expect(WireType.fixed64);
    return this.packedDouble();
  }

  /** Puts a double into a column, without the detour that can change the bits of a NaN. */
  doubleInto(column: Float64Array, index: number): void {
    this.#expect(WireType.fixed64);
    column[index] = this.#view.getFloat64(this.#take(8), true);
  }

  /** The value of a fixed64 field; exact below 2^53. */
  fixed64(): number {
    this.#expect(WireType.fixed64);
    return this.packedFixed64();
  }

  /** The value of an sfixed64 field; exact between -2^53 and 2^53. */
  sfixed64(): number {
    this.#expect(WireType.fixed64);
    const from = this.#take(8);
    return this.#view.getInt32(from + 4, true) * 2 ** 32 + this.#view.getUint32(from, true);
  }

  /** The value of a fixed64 field of nanoseconds, in whole milliseconds. */
  fixedNanos(): number {
    this.#expect(WireType.fixed64);
    const from = this.#take(8);
    const low = this.#view.getUint32(from, true);
    const high = this.#view.getUint32(from + 4, true);
    // 2^32 is 4294 million and 967296: so nothing exceeds what floats have exactly.
    return high * 4294 + Math.floor((high * 967_296 + low) / 1_000_000);
  }

  /** The value of an int64 field, all of its bits. */
  bigInt(): bigint {
    this.#expect(WireType.varint);
    this.#varint();
    return BigInt.asIntN(64, (BigInt(this.#high) << 32n) | BigInt(this.#low));
  }

  /** The bytes of a field: a part of what is read, good as long as that is. */
  data(): Uint8Array {
    const length = this.#length();
    const from = this.#take(length);
    return this.#bytes.subarray(from, from + length);
  }

  /** Passes over the bytes of a field; returns where they begin. They end at {@link at}. */
  passData(): number {
    return this.#take(this.#length());
  }

  /** A text; throws for bytes that are not UTF-8. */
  text(): string {
    const text = this.anyText();
    if (text === ILL_FORMED) throw bad('a text is not valid UTF-8');
    return text;
  }

  /** A text; see {@link textOf}. */
  anyText(): string {
    return textOf(this.data());
  }

  /** Goes into the message, or the packed values, of the present field. Give what it returns to {@link leave}. */
  enter(): number {
    const length = this.#length();
    const outer = this.#end;
    if (length > outer - this.at) throw bad('it ends within a field');
    this.#end = this.at + length;
    return outer;
  }

  /** Goes on behind the message that was entered. */
  leave(outer: number): void {
    this.at = this.#end;
    this.#end = outer;
  }

  /** One value of a packed unsigned field. */
  packedUint(): number {
    this.#varint();
    return this.#high * 2 ** 32 + this.#low;
  }

  /** One value of a packed sint field. */
  packedSint(): number {
    this.#varint();
    const low = this.#low;
    const high = this.#high;
    // Half of it, and its sign from the lowest bit: -(half + 1) is the complement.
    const half = (high >>> 1) * 2 ** 32 + (((low >>> 1) | (high << 31)) >>> 0);
    return (low & 1) === 0 ? half : -half - 1;
  }

  packedDouble(): number {
    return this.#view.getFloat64(this.#take(8), true);
  }

  packedFixed64(): number {
    const from = this.#take(8);
    return this.#view.getUint32(from + 4, true) * 2 ** 32 + this.#view.getUint32(from, true);
  }

  /** Calls `add` for each value of a repeated number, packed or not. */
  eachUint(add: (value: number) => void): void {
    if (this.wire !== WireType.bytes) add(this.uint());
    else {
      const outer = this.enter();
      while (this.more) add(this.packedUint());
      this.leave(outer);
    }
  }

  eachSint(add: (value: number) => void): void {
    if (this.wire !== WireType.bytes) add(this.sint());
    else {
      const outer = this.enter();
      while (this.more) add(this.packedSint());
      this.leave(outer);
    }
  }

  eachDouble(add: (value: number) => void): void {
    if (this.wire !== WireType.bytes) add(this.double());
    else {
      const outer = this.enter();
      while (this.more) add(this.packedDouble());
      this.leave(outer);
    }
  }

  eachFixed64(add: (value: number) => void): void {
    if (this.wire !== WireType.bytes) add(this.fixed64());
    else {
      const outer = this.enter();
      while (this.more) add(this.packedFixed64());
      this.leave(outer);
    }
  }

  /** Passes over the present field, whatever it is. */
  skip(): void {
    switch (this.wire) {
      case WireType.varint:
        this.#varint();
        return;
      case WireType.fixed64:
        this.#take(8);
        return;
      case WireType.bytes:
        this.#take(this.#length());
        return;
      case WireType.fixed32:
        this.#take(4);
        return;
      case WireType.startGroup:
        this.#skipGroup();
        return;
      default:
        throw bad(`field ${this.field} has the wire type ${this.wire}`);
    }
  }

  /** Groups may hold groups: counted, so that no input makes us nest. */
  #skipGroup(): void {
    let depth = 1;
    while (depth > 0) {
      if (!this.next()) throw bad('a group does not end');
      if (this.wire === WireType.startGroup) depth++;
      else if (this.wire === WireType.endGroup) depth--;
      else this.skip();
    }
  }

  #length(): number {
    this.#expect(WireType.bytes);
    return this.packedUint();
  }

  #expect(wire: number): void {
    if (this.wire !== wire) throw bad(`field ${this.field} has the wire type ${this.wire}, not ${wire}`);
  }

  /** Passes over `count` bytes; returns where they begin. */
  #take(count: number): number {
    const from = this.at;
    if (count > this.#end - from) throw bad('it ends within a field');
    this.at = from + count;
    return from;
  }

  /** Reads a varint of up to 64 bits into `#low` and `#high`. */
  #varint(): void {
    const bytes = this.#bytes;
    const end = this.#end;
    let at = this.at;
    let low = 0;
    let high = 0;
    for (let shift = 0; ; shift += 7) {
      if (at >= end) throw bad('it ends within a number');
      const byte = bytes[at++]!;
      const bits = byte & 0x7f;
      if (shift < 28) low |= bits << shift;
      else if (shift === 28) {
        low |= bits << 28;
        high |= bits >>> 4;
      } else if (shift < 63) high |= bits << (shift - 32);
      else {
        if (byte >= 128) throw bad('a number has more than 64 bits');
        high |= bits << 31;
      }
      if (byte < 128) break;
    }
    this.at = at;
    this.#low = low >>> 0;
    this.#high = high >>> 0;
  }
}

function bad(what: string): TocsinError {
  return new TocsinError('TOCSIN_ERR_PARSE', `a protocol buffer cannot be read: ${what}`);
}
