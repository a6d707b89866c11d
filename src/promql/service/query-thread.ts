import type { Clock } from '../../core/clock.ts';
import { errorText } from '../../core/errors.ts';
import { silentLogger } from '../../core/log.ts';
import type { ThreadContext } from '../../core/threads.ts';
import { Pacer } from '../../core/pacer.ts';
import {
  FanoutStorage,
  type RemoteReadView,
  type StorageAnnouncement,
  TsdbReader,
} from '../../storage/index.ts';
import { LocalQueryEngine } from '../engine.ts';
import { engineFeatures, parseOptionsOf } from '../features.ts';
import type { ParseOptions } from '../parser/index.ts';
import { NO_STATS, QueryError, type QueryStats } from '../query-engine.ts';
import { AnswerText, ask, limitSeries, PieceBuffers } from './answer-text.ts';
import { printQuery } from './print-query.ts';
import type { QueryRequest } from './query-service.ts';
import { ThreadFetches } from './thread-fetches.ts';
import {
  PIECES_AHEAD,
  type FromQueryThread,
  type QueryThreadData,
  type ToQueryThread,
} from './thread-protocol.ts';

/** Longest stretch of one query while others of the thread, and their cancellation, wait. */
const SLICE_MS = 20;
/** Least time between two messages about how far a query is. */
const PROGRESS_MS = 250;

/** What {@link run} makes of the thread's data. */
interface Setup {
  readonly engine: LocalQueryEngine;
  readonly storage: TsdbReader;
  readonly clock: Clock;
  readonly buffers: PieceBuffers;
  readonly send: (message: FromQueryThread, transfer?: readonly ArrayBuffer[]) => void;
}

/** A query in this thread: evaluates, makes text, sends no more of it than the receiver has room for. */
class ThreadQuery {
  readonly #id: number;
  readonly #setup: Setup;
  readonly #controller = new AbortController();
  /** What it reads elsewhere. */
  readonly fetches: ThreadFetches;
  #ahead = 0;
  #onRoom: (() => void) | undefined;

  constructor(id: number, setup: Setup) {
    this.#id = id;
    this.#setup = setup;
    this.fetches = new ThreadFetches(id, setup.send);
  }

  async run(request: QueryRequest, remote: RemoteReadView | undefined): Promise<void> {
    const id = this.#id;
    const { engine, clock, buffers, send } = this.#setup;
    let stats: QueryStats | undefined;
    let toldMs = clock.monotonicMs();
    try {
      const reads = remote && this.#fanout(remote);
      const watcher = {
        started() {},
        progressed(samplesRead: number) {
          if (clock.monotonicMs() - toldMs < PROGRESS_MS) return;
          toldMs = clock.monotonicMs();
          send({ type: 'progress', id, samplesRead });
        },
        ended(final: QueryStats) {
          stats = final;
        },
      };
      const result = await ask(engine, request, this.#controller.signal, { watcher, reads });
      const { value, isTruncated } = limitSeries(result.value, request.limit);
      const { warnings, infos } = result;
      const text = new AnswerText(value, clock, buffers);
      const { bytes, isLast } = await text.next();
      const head = { resultType: value.type, isTruncated, warnings, infos };
      this.#ahead = 1;
      send({ type: 'answer', id, head, stats: result.stats, bytes, isLast }, [bytes.buffer]);
      if (!isLast) await this.#sendRest(text);
    } catch (error) {
      send(failed(id, error, stats));
    }
  }

  cancel(why: string): void {
    this.#controller.abort(why === '' ? undefined : new QueryError('canceled', why));
    this.#onRoom?.();
  }

  /** The receiver used a piece. */
  used(): void {
    this.#ahead--;
    this.#onRoom?.();
  }

  #fanout(view: RemoteReadView): FanoutStorage {
    const { storage, clock } = this.#setup;
    const pacer = new Pacer(clock, SLICE_MS);
    const pause = (): Promise<void> => pacer.pause();
    return new FanoutStorage({ local: storage, view: () => view, transport: this.fetches, pause });
  }

  async #sendRest(text: AnswerText): Promise<void> {
    const { send } = this.#setup;
    for (;;) {
      const { bytes, isLast } = await text.next();
      while (this.#ahead >= PIECES_AHEAD && !this.#controller.signal.aborted) {
        await new Promise<void>((resolve) => {
          this.#onRoom = resolve;
        });
      }
      if (this.#controller.signal.aborted) return;
      this.#ahead++;
      send({ type: 'piece', id: this.#id, bytes, isLast }, [bytes.buffer]);
      if (isLast) return;
    }
  }
}

function failed(id: number, error: unknown, stats: QueryStats | undefined): FromQueryThread {
  const kind = error instanceof QueryError ? error.kind : undefined;
  const message = error instanceof QueryError ? error.message : errorText(error);
  return { type: 'failed', id, kind, message, stats };
}

function printed(
  { id, query, form }: Extract<ToQueryThread, { type: 'print' }>,
  options: ParseOptions,
): FromQueryThread {
  try {
    const bytes = printQuery(query, form, options);
    const head = { resultType: 'string', isTruncated: false, warnings: [], infos: [] } as const;
    return { type: 'answer', id, head, stats: NO_STATS, bytes, isLast: true };
  } catch (error) {
    return failed(id, error, undefined);
  }
}

/** The module of a query thread: answers what {@link ThreadedQueryService} asks, several queries in turns. */
export function run(context: ThreadContext): void {
  const { head, lookbackMs, maxSamples, features } = context.data as QueryThreadData;
  const { clock } = context;
  const parseOptions = parseOptionsOf(features);
  const storage = new TsdbReader(
    head,
    { drain: () => context.drain() as StorageAnnouncement[] },
    context.files,
  );
  let subqueryStepMs = 60_000;
  const engine = new LocalQueryEngine({
    storage,
    clock,
    logger: silentLogger,
    lookbackMs,
    maxSamples,
    // Both are the main thread's business.
    timeoutMs: Infinity,
    maxConcurrency: Infinity,
    sliceMs: SLICE_MS,
    subqueryStepMs: () => subqueryStepMs,
    ...engineFeatures(features),
  });
  const queries = new Map<number, ThreadQuery>();
  const setup: Setup = {
    engine,
    storage,
    clock,
    buffers: new PieceBuffers(),
    send: (message, transfer) => {
      context.post(message, transfer);
    },
  };
  context.onMessage((received) => {
    const message = received as ToQueryThread;
    if (message.type === 'print') {
      setup.send(printed(message, parseOptions));
      return;
    }
    if (message.type !== 'start') {
      const query = queries.get(message.id);
      if (message.type === 'cancel') query?.cancel(message.why);
      else if (message.type === 'fetched') query?.fetches.receive(message.fetch, message.news);
      else {
        setup.buffers.give(message.buffer);
        query?.used();
      }
      return;
    }
    subqueryStepMs = message.subqueryStepMs;
    const query = new ThreadQuery(message.id, setup);
    queries.set(message.id, query);
    void query.run({ ...message.request, timeoutMs: message.timeoutMs }, message.remote).finally(() => {
      queries.delete(message.id);
    });
  });
}
