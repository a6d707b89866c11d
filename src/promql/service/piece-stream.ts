import { assert } from '../../core/errors.ts';

interface Piece {
  readonly bytes: Uint8Array;
  readonly isLast: boolean;
}

/** The pieces of an answer on their way from a thread, for one reader. */
export class PieceStream implements AsyncIterableIterator<Uint8Array> {
  readonly #pieces: Piece[];
  readonly #onUsed: () => void;
  readonly #onGivenUp: () => void;
  #wake: (() => void) | undefined;
  #error: Error | undefined;
  #over = false;

  /** `onUsed` is called when a piece is taken, but for the first; `onGivenUp` when the rest is not wanted. */
  constructor(first: Uint8Array, onUsed: () => void, onGivenUp: () => void) {
    this.#pieces = [{ bytes: first, isLast: false }];
    this.#onUsed = onUsed;
    this.#onGivenUp = onGivenUp;
  }

  /** A piece arrived. */
  push(bytes: Uint8Array, isLast: boolean): void {
    this.#pieces.push({ bytes, isLast });
    this.#wake?.();
  }

  /** There will be no more pieces. */
  fail(error: Error): void {
    this.#error = error;
    this.#wake?.();
  }

  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    while (!this.#over && this.#pieces.length === 0 && this.#error === undefined) {
      assert(this.#wake === undefined, 'an answer has one reader');
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
    }
    const piece = this.#over ? undefined : this.#pieces.shift();
    if (piece === undefined) {
      const isFailed = !this.#over && this.#error !== undefined;
      this.#over = true;
      if (isFailed) throw this.#error!;
      return { done: true, value: undefined };
    }
    if (piece.isLast) this.#over = true;
    this.#onUsed();
    return { done: false, value: piece.bytes };
  }

  return(): Promise<IteratorResult<Uint8Array, undefined>> {
    if (!this.#over) this.#onGivenUp();
    this.#over = true;
    this.#pieces.length = 0;
    this.#wake?.();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
