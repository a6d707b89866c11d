import { compareText } from '../../core/labels.ts';

/** Digits beyond this don't fit Go's int: they are compared as text. */
const MAX_INT = 9223372036854775807n;

interface Chunk {
  readonly text: string;
  /** What a run of digits stands for. */
  readonly value: bigint | undefined;
}

function chunkOf(text: string): Chunk {
  const value = /^[0-9]/.test(text) ? BigInt(text) : undefined;
  return { text, value: value !== undefined && value > MAX_INT ? undefined : value };
}

/**
 * Natural order of texts, in which runs of digits count as numbers. Texts are taken apart once, so that one of these
 * serves one sort.
 *
 * @see github.com/facette/natsort Compare
 */
export class NaturalOrder {
  readonly #chunks = new Map<string, readonly Chunk[]>();

  /**
   * Whether a text comes before another. Numerically equal texts (`a1`, `a01`) come before each other both ways, and an
   * empty text before none and after none, as with the library that Prometheus uses.
   */
  precedes(a: string, b: string): boolean {
    const left = this.#chunksOf(a);
    const right = this.#chunksOf(b);
    for (let i = 0; i < left.length; i++) {
      const x = left[i]!;
      const y = right[i];
      if (y === undefined) return false;
      if (x.value !== undefined && y.value !== undefined) {
        if (x.value !== y.value) return x.value < y.value;
      } else if (x.text !== y.text) {
        return compareText(x.text, y.text) < 0;
      }
      // Of two texts of which one begins with the other, the shorter comes first.
      if (i === left.length - 1) return true;
      if (i === right.length - 1) return false;
    }
    return false;
  }

  #chunksOf(text: string): readonly Chunk[] {
    let chunks = this.#chunks.get(text);
    if (chunks === undefined) {
      chunks = (text.match(/[0-9]+|[^0-9]+/g) ?? []).map(chunkOf);
      this.#chunks.set(text, chunks);
    }
    return chunks;
  }
}
