import type { Random } from './ports.ts';

/**
 * Repeatable randomness: the same seed gives the same values on every machine. sfc32 (Chris Doty-Humphrey, PractRand),
 * not for secrets.
 */
export class SeededRandom implements Random {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  constructor(seed: number) {
    this.#a = 0x9e3779b9 ^ seed;
    this.#b = 0x243f6a88 ^ Math.imul(seed, 0x85ebca6b);
    this.#c = 0xb7e15162 ^ Math.trunc(seed / 2 ** 32);
    for (let i = 0; i < 15; i++) this.#nextWord();
  }

  /** A generator of its own for a part of the program, so that parts don't disturb each other's sequence. */
  fork(): SeededRandom {
    return new SeededRandom(this.#nextWord() * 2 ** 20 + (this.#nextWord() >>> 12));
  }

  next(): number {
    return (this.#nextWord() * 2 ** 21 + (this.#nextWord() >>> 11)) / 2 ** 53;
  }

  uuid(): string {
    const bytes = this.bytes(16);
    bytes[6] = (bytes[6]! & 0x0f) | 0x40;
    bytes[8] = (bytes[8]! & 0x3f) | 0x80;
    const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
    return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
  }

  bytes(length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    for (let i = 0; i < length; i++) bytes[i] = this.#nextWord() & 0xff;
    return bytes;
  }

  #nextWord(): number {
    const sum = (this.#a + this.#b + this.#counter++) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum;
    return sum >>> 0;
  }
}
