import type { Labels } from '../../core/labels.ts';
import { xxhash64Fraction } from '../../core/xxhash.ts';

/** Texts of this many bytes or more have their length in three bytes after the mark. */
const LONG = 255;

/**
 * Where series lie in [0, 1] by the hash of their labels: what decides whether `limit_ratio` takes them. Equal labels
 * lie at the same place in every query, and in Prometheus.
 *
 * @see prometheus promql/engine.go HashRatioSampler, model/labels/labels_stringlabels.go
 */
export class RatioSampler {
  readonly #encoder = new TextEncoder();
  #bytes = new Uint8Array(1024);
  #length = 0;

  /** O(bytes of the labels). */
  offset(labels: Labels): number {
    this.#length = 0;
    for (const text of labels.flat) this.#append(text);
    return xxhash64Fraction(new DataView(this.#bytes.buffer), this.#length);
  }

  #append(text: string): void {
    // A UTF-16 unit takes three bytes at most.
    this.#reserve(4 + 3 * text.length);
    const { written } = this.#encoder.encodeInto(text, this.#bytes.subarray(this.#length + 4));
    const start = this.#length + 4;
    if (written < LONG) {
      this.#bytes[this.#length++] = written;
    } else {
      this.#bytes[this.#length++] = LONG;
      for (let shift = 0; shift < 24; shift += 8) this.#bytes[this.#length++] = (written >>> shift) & 0xff;
    }
    this.#bytes.copyWithin(this.#length, start, start + written);
    this.#length += written;
  }

  #reserve(more: number): void {
    if (this.#length + more <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(this.#length + more, this.#bytes.length * 2));
    grown.set(this.#bytes);
    this.#bytes = grown;
  }
}

/** Whether a series at `offset` is taken: with a ratio below 0 exactly those that 1 + ratio leaves. */
export function isInRatio(ratio: number, offset: number): boolean {
  return ratio >= 0 ? offset < ratio : offset >= 1 + ratio;
}
