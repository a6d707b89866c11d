import { setMaxListeners } from 'node:events';
import type { Clock, Timer } from '../../../core/clock.ts';
import { TocsinError, errorText } from '../../../core/errors.ts';
import type { Labels } from '../../../core/labels.ts';
import type { Logger } from '../../../core/log.ts';
import { Gauge } from '../../../core/metrics.ts';
import type { Registry } from '../../../core/metrics.ts';
import { Pacer } from '../../../core/pacer.ts';
import type { Threads } from '../../../core/threads.ts';
import type { ReadableStorage } from '../../seam.ts';
import { answerRead } from './answer-read.ts';
import type { ReadJob, ReadLimits } from './answer-read.ts';
import { MAX_REQUEST_BYTES } from './read-request.ts';
import { ReadThreadHandle } from './read-thread-handle.ts';
import type { LeasableStorage, StreamedReply } from './read-thread-handle.ts';

/** How long the thread stays without anything to do. */
const IDLE_MS = 5 * 60_000;
/** Longest stretch of work in the main thread, where there are no threads. */
const SLICE_MS = 8;

/** What a {@link RemoteReadServer} is made of. */
export interface RemoteReadServerOptions {
  readonly storage: ReadableStorage & LeasableStorage;
  /** Where answers are made; in this thread, a slice at a time, when absent. */
  readonly threads?: { readonly starter: Threads; readonly maxHeapMiB: number } | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly registry: Registry;
  /** Asked at each read. */
  readonly externalLabels: () => Labels;
  readonly limits: ReadLimits & {
    /** Most reads at a time, others wait; 0 is no limit. `--storage.remote.read-concurrent-limit`. */
    readonly maxConcurrent: number;
  };
}

/** What is answered: a text, or bytes in pieces. */
export interface RemoteReadAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Without a newline at its end; undefined when there are pieces. */
  readonly text: string | undefined;
  /** To be read to the end, or given up by `return()`. */
  readonly pieces: AsyncIterableIterator<Uint8Array> | undefined;
}

const HEADERS = {
  samples: { 'Content-Type': 'application/x-protobuf', 'Content-Encoding': 'snappy' },
  chunks: { 'Content-Type': 'application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse' },
} as const;

/**
 * Answers `POST /api/v1/read`: samples of this program for others, as one compressed message or as a stream of chunks. Answers are made in a
 * thread of their own, which is there while it is needed, and no faster than they are taken.
 *
 * As Prometheus', but for this: what is answered is what is here, not what `remote_read` would fetch; a regular expression that is
 * none is answered with 400; and when something fails after the first bytes the connection is broken off, so that no half answer
 * looks like a whole one.
 *
 * @see prometheus storage/remote/read_handler.go
 */
export class RemoteReadServer {
  readonly #options: RemoteReadServerOptions;
  readonly #queries: Gauge;
  readonly #closing = new AbortController();
  readonly #waiting: (() => void)[] = [];
  #running = 0;
  #thread: ReadThreadHandle | undefined;
  #idle: Timer | undefined;

  constructor(options: RemoteReadServerOptions) {
    this.#options = options;
    // Every read listens.
    setMaxListeners(0, this.#closing.signal);
    this.#queries = new Gauge({
      name: 'prometheus_remote_read_handler_queries',
      help: 'The current number of remote read queries that are either in execution or queued on the handler.',
      registers: [options.registry],
    });
  }

  /** Answers a read. `signal` is aborted when nobody waits any more; rejects with its reason then, else only for bugs. */
  async read(body: Uint8Array, signal: AbortSignal): Promise<RemoteReadAnswer> {
    if (body.length > MAX_REQUEST_BYTES) {
      return textAnswer(413, `request body exceeds the ${MAX_REQUEST_BYTES} bytes limit`);
    }
    const both = AbortSignal.any([signal, this.#closing.signal]);
    this.#queries.inc();
    let isOver = false;
    const leave = (): void => {
      if (isOver) return;
      isOver = true;
      this.#leave();
    };
    try {
      await this.#enter(both);
    } catch (error) {
      this.#queries.dec();
      throw error;
    }
    try {
      const reply = await this.#reply({ ...this.#job(), body }, both);
      if (reply.kind !== 'refused') {
        const pieces = new HeldPieces(reply.pieces, leave);
        return { status: 200, headers: HEADERS[reply.kind], text: undefined, pieces };
      }
      leave();
      return textAnswer(reply.status, reply.text);
    } catch (error) {
      leave();
      if (both.aborted || !(error instanceof TocsinError)) throw error;
      this.#options.logger.error({ err: error }, `a remote read failed: ${errorText(error)}`);
      return textAnswer(500, errorText(error));
    }
  }

  /** Ends what is under way. */
  async close(): Promise<void> {
    this.#closing.abort(new TocsinError('TOCSIN_ERR_CANCELLED', 'tocsin is stopping'));
    this.#idle?.cancel();
    await this.#thread?.close();
  }

  #job(): Omit<ReadJob, 'body'> {
    const { externalLabels, limits } = this.#options;
    const { maxSamples, maxFrameBytes } = limits;
    return { externalLabels: [...externalLabels()], limits: { maxSamples, maxFrameBytes } };
  }

  async #reply(job: ReadJob, signal: AbortSignal): Promise<StreamedReply> {
    const { threads, storage, clock } = this.#options;
    if (threads !== undefined) return await this.#threadFor(threads).read(job, signal);
    const pacer = new Pacer(clock, SLICE_MS);
    return await answerRead(job, storage, async () => {
      await pacer.pause();
      signal.throwIfAborted();
    });
  }

  #threadFor({ starter, maxHeapMiB }: NonNullable<RemoteReadServerOptions['threads']>): ReadThreadHandle {
    if (this.#thread !== undefined) return this.#thread;
    const { storage, logger } = this.#options;
    const thread = new ReadThreadHandle(starter, storage, maxHeapMiB, (end) => {
      if (this.#thread === thread) this.#thread = undefined;
      if (end.kind === 'ended') return;
      const err = end.kind === 'failed' ? errorText(end.error) : 'out of memory';
      logger.error({ err }, 'the thread that answers remote reads was lost');
    });
    this.#thread = thread;
    return thread;
  }

  async #enter(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    this.#idle?.cancel();
    const { maxConcurrent } = this.#options.limits;
    if (maxConcurrent === 0 || this.#running < maxConcurrent) {
      this.#running++;
      return;
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const onAbort = (): void => {
      this.#waiting.splice(this.#waiting.indexOf(resolve), 1);
      reject(signal.reason as Error);
    };
    this.#waiting.push(resolve);
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      await promise;
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  /** Hands the place of a read that is over to the next. */
  #leave(): void {
    this.#queries.dec();
    const next = this.#waiting.shift();
    if (next !== undefined) {
      next();
      return;
    }
    this.#running--;
    if (this.#running > 0 || this.#thread === undefined || this.#closing.signal.aborted) return;
    const { clock } = this.#options;
    this.#idle = clock.setTimer(clock.nowMs() + IDLE_MS, () => void this.#thread?.close());
  }
}

/** Pieces that hold a place until they are over. */
class HeldPieces implements AsyncIterableIterator<Uint8Array> {
  readonly #pieces: AsyncIterableIterator<Uint8Array>;
  readonly #onOver: () => void;

  constructor(pieces: AsyncIterableIterator<Uint8Array>, onOver: () => void) {
    this.#pieces = pieces;
    this.#onOver = onOver;
  }

  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    try {
      const next = await this.#pieces.next();
      if (next.done !== true) return { done: false, value: next.value };
    } catch (error) {
      this.#onOver();
      throw error;
    }
    this.#onOver();
    return { done: true, value: undefined };
  }

  async return(): Promise<IteratorResult<Uint8Array, undefined>> {
    this.#onOver();
    await this.#pieces.return?.();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

function textAnswer(status: number, text: string): RemoteReadAnswer {
  return { status, headers: {}, text, pieces: undefined };
}
