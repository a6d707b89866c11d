import { TocsinError } from '../../../core/errors.ts';
import { PieceStream } from '../../../core/piece-stream.ts';
import { threadModuleUrl } from '../../../core/threads.ts';
import type { Thread, ThreadEnd, Threads } from '../../../core/threads.ts';
import type { ReaderLease, StorageAnnouncement } from '../../tsdb/tsdb-reader.ts';
import type { ReadJob } from './answer-read.ts';
import type { FromReadThread, ToReadThread } from './read-thread.ts';

/** Reads whose memory the thread keeps apart from that of others; more of them share. */
const QUERIERS = 8;

/** Where samples are that threads can read. */
export interface LeasableStorage {
  leaseReader(tell: (announcement: StorageAnnouncement) => void, queriers?: number): ReaderLease;
}

/** What is answered, with pieces that come from elsewhere. */
export type StreamedReply =
  | { readonly kind: 'refused'; readonly status: number; readonly text: string }
  | { readonly kind: 'samples' | 'chunks'; readonly pieces: AsyncIterableIterator<Uint8Array> };

interface Reading {
  readonly settle: (reply: StreamedReply) => void;
  readonly fail: (error: Error) => void;
}

/** The main thread's side of the thread that answers remote reads. */
export class ReadThreadHandle {
  readonly #thread: Thread;
  readonly #lease: ReaderLease;
  readonly #waiting = new Map<number, Reading>();
  readonly #streams = new Map<number, PieceStream>();
  readonly #onEnd: (end: ThreadEnd) => void;
  #nextId = 1;
  #isOpen = true;

  /** `onEnd` is called once. */
  constructor(
    threads: Threads,
    storage: LeasableStorage,
    maxHeapMiB: number,
    onEnd: (end: ThreadEnd) => void,
  ) {
    this.#onEnd = onEnd;
    const early: StorageAnnouncement[] = [];
    let thread: Thread | undefined;
    this.#lease = storage.leaseReader((announcement) => {
      if (thread === undefined) early.push(announcement);
      else thread.postAside(announcement);
    }, QUERIERS);
    thread = threads.start({
      moduleUrl: threadModuleUrl(import.meta.url, './read-thread'),
      data: this.#lease.data,
      maxHeapMiB,
      onMessage: (message) => this.#receive(message as FromReadThread),
      onEnd: (end) => this.#ended(end),
    });
    for (const announcement of early) thread.postAside(announcement);
    this.#thread = thread;
  }

  /** Answers and what is left of them. */
  get load(): number {
    return this.#waiting.size + this.#streams.size;
  }

  /** Answers a read; rejects when the thread fails, or with the reason of `signal`. */
  async read(job: ReadJob, signal: AbortSignal): Promise<StreamedReply> {
    signal.throwIfAborted();
    if (!this.#isOpen) throw gone();
    const id = this.#nextId++;
    const { promise, resolve, reject } = Promise.withResolvers<StreamedReply>();
    const onAbort = (): void => {
      this.#post({ type: 'cancel', id });
      reject(signal.reason as Error);
    };
    this.#waiting.set(id, { settle: resolve, fail: reject });
    signal.addEventListener('abort', onAbort, { once: true });
    this.#post({ type: 'start', id, job });
    try {
      return await promise;
    } finally {
      signal.removeEventListener('abort', onAbort);
      this.#waiting.delete(id);
    }
  }

  /** Ends the thread; what it is at is lost. */
  async close(): Promise<void> {
    this.#isOpen = false;
    await this.#thread.end();
  }

  #post(message: ToReadThread): void {
    this.#thread.post(message);
  }

  #receive(message: FromReadThread): void {
    const { id } = message;
    switch (message.type) {
      case 'refused':
        this.#waiting.get(id)?.settle({ kind: 'refused', status: message.status, text: message.text });
        return;
      case 'answer':
        this.#answered(id, message.kind);
        return;
      case 'piece':
        this.#streams.get(id)?.push(message.bytes, false);
        return;
      case 'end':
        this.#streams.get(id)?.push(new Uint8Array(0), true);
        this.#streams.delete(id);
        return;
      case 'failed': {
        const error = new TocsinError('TOCSIN_ERR_STORAGE', message.message);
        this.#waiting.get(id)?.fail(error);
        this.#streams.get(id)?.fail(error);
        this.#streams.delete(id);
      }
    }
  }

  #answered(id: number, kind: 'samples' | 'chunks'): void {
    const waiting = this.#waiting.get(id);
    // Given up meanwhile: the thread was told.
    if (waiting === undefined) return;
    const stream = new PieceStream(
      undefined,
      () => this.#post({ type: 'used', id }),
      () => {
        if (this.#streams.delete(id)) this.#post({ type: 'cancel', id });
      },
    );
    this.#streams.set(id, stream);
    waiting.settle({ kind, pieces: stream });
  }

  #ended(end: ThreadEnd): void {
    this.#isOpen = false;
    this.#lease.release();
    const error = end.kind === 'outOfMemory' ? tooMuch() : gone();
    for (const { fail } of this.#waiting.values()) fail(error);
    for (const stream of this.#streams.values()) stream.fail(error);
    this.#streams.clear();
    this.#onEnd(end);
  }
}

function gone(): TocsinError {
  return new TocsinError('TOCSIN_ERR_STORAGE', 'the thread that answers remote reads was ended');
}

function tooMuch(): TocsinError {
  const advice = 'ask for fewer series or a shorter time';
  return new TocsinError(
    'TOCSIN_ERR_STORAGE',
    `the remote reads need more memory than they may have: ${advice}`,
  );
}
