/** With more unread bytes than this reading pauses. */
const FULL_BYTES = 1024 * 1024;
/** Memory that a queue begins with. */
const FIRST_BYTES = 64 * 1024;
/** Most memories of that size that are kept for later: 1 MiB. */
const MAX_FREE = 16;

/** Memory of queues, used again and again. */
export class BodyMemory {
  readonly #free: Uint8Array[] = [];

  /** Memory that nobody else has; what is in it means nothing. */
  take(): Uint8Array {
    return this.#free.pop() ?? new Uint8Array(FIRST_BYTES);
  }

  /** Takes memory back. What had to grow and what is too much is dropped. */
  give(memory: Uint8Array): void {
    if (memory.length === FIRST_BYTES && this.#free.length < MAX_FREE) this.#free.push(memory);
  }
}

/** What a queue does to its connection. */
export interface BodySource {
  pause(): void;
  resume(): void;
  /** Whoever read the body has left before its end. */
  abandon(): void;
}

/**
 * A body between the connection that brings it and whoever reads it: bytes are copied in and read as chunks, each good
 * until the next one is asked for. It can be read once.
 */
export class BodyQueue implements AsyncIterableIterator<Uint8Array> {
  readonly #source: BodySource;
  readonly #pool: BodyMemory;
  #memory: Uint8Array | undefined;
  /** What is unread is in [#from, #to) of the memory. */
  #from = 0;
  #to = 0;
  #isEnded = false;
  #failure: { readonly error: unknown } | undefined;
  #isPaused = false;
  #waiting:
    | {
        readonly resolve: (result: IteratorResult<Uint8Array, undefined>) => void;
        readonly reject: (error: unknown) => void;
      }
    | undefined;

  constructor(source: BodySource, pool: BodyMemory) {
    this.#source = source;
    this.#pool = pool;
  }

  /** Whether nothing more should be read for now; {@link BodySource.resume} says when it should again. */
  get isFull(): boolean {
    return this.#isPaused;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Adds the bytes [from, to), which are copied. */
  push(bytes: Uint8Array, from: number, to: number): void {
    if (this.#isEnded || this.#failure !== undefined || from === to) return;
    const memory = this.#room(to - from);
    memory.set(bytes.subarray(from, to), this.#to);
    this.#to += to - from;
    if (this.#to - this.#from > FULL_BYTES && !this.#isPaused) {
      this.#isPaused = true;
      this.#source.pause();
    }
    this.#wake();
  }

  /** Nothing more will come. */
  end(): void {
    this.#isEnded = true;
    this.#wake();
  }

  /** Reading fails, now or when what has come is read; not after the end. */
  fail(error: unknown): void {
    if (this.#isEnded) return;
    this.#failure ??= { error };
    this.#wake();
  }

  next(): Promise<IteratorResult<Uint8Array, undefined>> {
    // The chunk that was given last is used up. A slow connection holds no memory while it is waited for.
    if (this.#from === this.#to) this.#giveBack();
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.#wake();
    });
  }

  return(): Promise<IteratorResult<Uint8Array, undefined>> {
    if (!this.#isEnded && this.#failure === undefined) this.#source.abandon();
    this.#isEnded = true;
    this.#giveBack();
    return Promise.resolve({ done: true, value: undefined });
  }

  #wake(): void {
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    const unread = this.#to - this.#from;
    if (this.#failure !== undefined) {
      // As a broken connection does: what has come is of no use without the rest.
      this.#waiting = undefined;
      this.#giveBack();
      waiting.reject(this.#failure.error);
      return;
    }
    if (unread > 0) {
      this.#waiting = undefined;
      const chunk = this.#memory!.subarray(this.#from, this.#to);
      this.#from = this.#to;
      if (this.#isPaused) {
        this.#isPaused = false;
        this.#source.resume();
      }
      waiting.resolve({ done: false, value: chunk });
      return;
    }
    if (!this.#isEnded) return;
    this.#waiting = undefined;
    this.#giveBack();
    waiting.resolve({ done: true, value: undefined });
  }

  /** Memory with room for `more` bytes at {@link BodyQueue.#to}. */
  #room(more: number): Uint8Array {
    this.#memory ??= this.#pool.take();
    if (this.#to + more <= this.#memory.length) return this.#memory;
    const unread = this.#memory.subarray(this.#from, this.#to);
    const larger = new Uint8Array(Math.max(2 * this.#memory.length, unread.length + more));
    larger.set(unread);
    this.#memory = larger;
    this.#to = unread.length;
    this.#from = 0;
    return larger;
  }

  #giveBack(): void {
    if (this.#memory !== undefined) this.#pool.give(this.#memory);
    this.#memory = undefined;
    this.#from = 0;
    this.#to = 0;
  }
}
