import { errorText } from '../../../core/errors.ts';
import { Pacer } from '../../../core/pacer.ts';
import type { ThreadContext } from '../../../core/threads.ts';
import { TsdbReader } from '../../tsdb/tsdb-reader.ts';
import type { StorageAnnouncement, TsdbReaderData } from '../../tsdb/tsdb-reader.ts';
import { answerRead } from './answer-read.ts';
import type { ReadJob } from './answer-read.ts';

/** Longest stretch of one read while others of the thread, and their end, wait. */
const SLICE_MS = 10;
/** Pieces of an answer that may be on their way before one of them has to be acknowledged. */
export const PIECES_AHEAD = 4;

/** What the main thread says to the reading thread. */
export type ToReadThread =
  | { readonly type: 'start'; readonly id: number; readonly job: ReadJob }
  /** What is left of the answer is no longer wanted. */
  | { readonly type: 'cancel'; readonly id: number }
  /** A piece was used. */
  | { readonly type: 'used'; readonly id: number };

/** What the reading thread says. After `refused`, `failed` and `end` nothing more comes of a read. */
export type FromReadThread =
  | { readonly type: 'refused'; readonly id: number; readonly status: number; readonly text: string }
  | { readonly type: 'answer'; readonly id: number; readonly kind: 'samples' | 'chunks' }
  | { readonly type: 'piece'; readonly id: number; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly type: 'end'; readonly id: number }
  | { readonly type: 'failed'; readonly id: number; readonly message: string };

/** Why a read ends that nobody wants any more. */
class Unwanted extends Error {}

/** A read in this thread. */
class ThreadRead {
  readonly #id: number;
  readonly #context: ThreadContext;
  readonly #pacer: Pacer;
  #ahead = 0;
  #isWanted = true;
  #wake: (() => void) | undefined;

  constructor(id: number, context: ThreadContext) {
    this.#id = id;
    this.#context = context;
    this.#pacer = new Pacer(context.clock, SLICE_MS);
  }

  async run(job: ReadJob, storage: TsdbReader): Promise<void> {
    const id = this.#id;
    try {
      const reply = await answerRead(job, storage, () => this.#pause());
      if (reply.kind === 'refused') {
        this.#send({ type: 'refused', id, status: reply.status, text: reply.text });
        return;
      }
      this.#send({ type: 'answer', id, kind: reply.kind });
      for await (const bytes of reply.pieces) {
        await this.#room();
        this.#ahead++;
        this.#context.post({ type: 'piece', id, bytes } satisfies FromReadThread, [bytes.buffer]);
      }
      this.#send({ type: 'end', id });
    } catch (error) {
      if (!(error instanceof Unwanted)) this.#send({ type: 'failed', id, message: errorText(error) });
    }
  }

  cancel(): void {
    this.#isWanted = false;
    this.#wake?.();
  }

  used(): void {
    this.#ahead--;
    this.#wake?.();
  }

  #send(message: FromReadThread): void {
    this.#context.post(message);
  }

  async #pause(): Promise<void> {
    await this.#pacer.pause();
    if (!this.#isWanted) throw new Unwanted();
  }

  async #room(): Promise<void> {
    while (this.#ahead >= PIECES_AHEAD && this.#isWanted) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    if (!this.#isWanted) throw new Unwanted();
  }
}

/** The module of the thread that answers remote reads, several in turns. */
export function run(context: ThreadContext): void {
  const source = { drain: () => context.drain() as StorageAnnouncement[] };
  const storage = new TsdbReader(context.data as TsdbReaderData, source, context.files);
  const reads = new Map<number, ThreadRead>();
  context.onMessage((received) => {
    const message = received as ToReadThread;
    if (message.type === 'cancel') reads.get(message.id)?.cancel();
    else if (message.type === 'used') reads.get(message.id)?.used();
    else {
      const read = new ThreadRead(message.id, context);
      reads.set(message.id, read);
      void read.run(message.job, storage).finally(() => reads.delete(message.id));
    }
  });
}
