import { assert } from './errors.ts';

interface Piece {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly isLast: boolean;
}

/** The pieces of an answer on their way from a thread, for one reader. */
export class PieceStream implements AsyncIterableIterator<Uint8Array> {
  readonly #pieces: Piece[];
  readonly #onUsed: (bytes: Uint8Array<ArrayBuffer>) => void;
  readonly #onGivenUp: () => void;
  #wake: (() => void) | undefined;
  #error: Error | undefined;
  #over = false;
  /** What the reader has at the moment. */
  #lent: Uint8Array<ArrayBuffer> | undefined;

  /** `first` has come already; `onUsed` gets every piece back when the reader asks for what follows it; `onGivenUp`: the rest is not wanted. */
  constructor(
    first: Uint8Array<ArrayBuffer> | undefined,
    onUsed: (bytes: Uint8Array<ArrayBuffer>) => void,
    onGivenUp: () => void,
  ) {
    this.#pieces = first === undefined ? [] : [{ bytes: first, isLast: false }];
    this.#onUsed = onUsed;
    this.#onGivenUp = onGivenUp;
  }

  /** A piece arrived. */
  push(bytes: Uint8Array<ArrayBuffer>, isLast: boolean): void {
    this.#pieces.push({ bytes, isLast });
    this.#wake?.();
  }

  /** There will be no more pieces. */
  fail(error: Error): void {
    this.#error = error;
    this.#wake?.();
  }

  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    if (this.#lent !== undefined) this.#onUsed(this.#lent);
    this.#lent = undefined;
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
    this.#lent = piece.bytes;
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
