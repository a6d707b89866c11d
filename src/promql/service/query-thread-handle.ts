import type { Clock, Timer } from '../../core/clock.ts';
import { type Thread, type ThreadEnd, type Threads, threadModuleUrl } from '../../core/threads.ts';
import type {
  ReaderLease,
  RemoteReadPort,
  RemoteReadView,
  StorageAnnouncement,
} from '../../storage/index.ts';
import { QueryError, type QueryStats } from '../query-engine.ts';
import { PieceStream } from '../../core/piece-stream.ts';
import { QueryFetches } from './query-fetches.ts';
import type { ActiveQuery } from './query-monitor.ts';
import { type PrintForm, type QueryAnswer, type QueryRequest, noPieces } from './query-service.ts';
import type { FromQueryThread, QueryThreadData, ToQueryThread } from './thread-protocol.ts';

/** Queries whose memory one thread keeps apart from that of others; more of them share. */
const QUERIERS_PER_THREAD = 8;

/** How long a thread may go on with a query that is no longer wanted before it is ended. */
const PATIENCE_MS = 5000;

/** Where samples are that threads can read. */
export interface LeasableStorage {
  leaseReader(tell: (announcement: StorageAnnouncement) => void, queriers?: number): ReaderLease;
}

/** A query that is to be evaluated, or only to be printed. */
export interface PendingQuery {
  readonly request: QueryRequest | { readonly query: string; readonly form: PrintForm };
  readonly active: ActiveQuery;
  /** On the monotonic clock. */
  readonly deadlineMs: number;
  readonly subqueryStepMs: number;
  /** Where else to read. */
  readonly remote: RemoteReadView | undefined;
}

/** How a query came out. */
export type QueryOutcome =
  | { readonly kind: 'answer'; readonly answer: QueryAnswer }
  | { readonly kind: 'failed'; readonly error: Error; readonly stats: QueryStats | undefined }
  /** Its thread was ended because of another query: it may be tried again. */
  | { readonly kind: 'lost' };

interface Running {
  readonly query: PendingQuery;
  readonly fetches: QueryFetches | undefined;
  readonly settle: (outcome: QueryOutcome) => void;
}

/** What a {@link QueryThreadHandle} works with. */
export interface QueryThreadOptions {
  readonly threads: Threads;
  readonly storage: LeasableStorage;
  readonly clock: Clock;
  readonly maxHeapMiB: number;
  /** Reads elsewhere; absent where queries never ask for that. */
  readonly remoteRead?: RemoteReadPort | undefined;
  readonly data: Omit<QueryThreadData, 'head'>;
  /** Called once; `isForced` when it was ended because of a query that would not end. */
  readonly onEnd: (end: ThreadEnd, isForced: boolean) => void;
}

/** The main thread's side of one query thread. */
export class QueryThreadHandle {
  readonly #clock: Clock;
  readonly #options: QueryThreadOptions;
  readonly #thread: Thread;
  readonly #lease: ReaderLease;
  readonly #running = new Map<number, Running>();
  readonly #streams = new Map<number, PieceStream>();
  /** Why the thread is being ended, by whom. */
  #forcedBy: { readonly id: number; readonly error: QueryError } | undefined;
  #isClosing = false;

  constructor(options: QueryThreadOptions) {
    this.#options = options;
    this.#clock = options.clock;
    const announcements: StorageAnnouncement[] = [];
    let thread: Thread | undefined;
    this.#lease = options.storage.leaseReader((announcement) => {
      if (thread === undefined) announcements.push(announcement);
      else thread.postAside(announcement);
    }, QUERIERS_PER_THREAD);
    const data: QueryThreadData = { ...options.data, head: this.#lease.data };
    thread = options.threads.start({
      moduleUrl: threadModuleUrl(import.meta.url, './query-thread'),
      data,
      maxHeapMiB: options.maxHeapMiB,
      onMessage: (message) => {
        this.#receive(message as FromQueryThread);
      },
      onEnd: (end) => {
        this.#ended(end);
      },
    });
    for (const announcement of announcements) thread.postAside(announcement);
    this.#thread = thread;
  }

  /** Queries and answers that are under way. */
  get load(): number {
    return this.#running.size + this.#streams.size;
  }

  /** Whether it takes queries. */
  get isOpen(): boolean {
    return this.#forcedBy === undefined && !this.#isClosing;
  }

  /** Evaluates; never rejects. */
  async run(query: PendingQuery): Promise<QueryOutcome> {
    const { active, request, deadlineMs, subqueryStepMs, remote } = query;
    const { id, signal } = active;
    const timeoutMs = Math.max(0, deadlineMs - this.#clock.monotonicMs());
    let patience: Timer | undefined;
    const limit = this.#clock.setTimer(this.#clock.nowMs() + timeoutMs + PATIENCE_MS, () => {
      this.#force(id, new QueryError('timeout', 'query timed out in expression evaluation'));
    });
    const onAbort = (): void => {
      const why = signal.reason instanceof QueryError ? signal.reason.message : '';
      this.#post({ type: 'cancel', id, why });
      patience = this.#clock.setTimer(this.#clock.nowMs() + PATIENCE_MS, () => {
        const text = `query was canceled in expression evaluation${why === '' ? '' : `: ${why}`}`;
        this.#force(id, new QueryError('canceled', text));
      });
    };
    const fetches = this.#fetches(query);
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      return await new Promise<QueryOutcome>((settle) => {
        this.#running.set(id, { query, settle, fetches });
        if ('form' in request) this.#post({ type: 'print', id, ...request });
        else this.#post({ type: 'start', id, request, timeoutMs, subqueryStepMs, remote });
        if (signal.aborted) onAbort();
      });
    } finally {
      this.#running.delete(id);
      fetches?.endAll();
      limit.cancel();
      patience?.cancel();
      signal.removeEventListener('abort', onAbort);
    }
  }

  /** Ends the thread; its queries are lost. */
  async close(): Promise<void> {
    this.#isClosing = true;
    await this.#thread.end();
  }

  #post(message: ToQueryThread): void {
    this.#thread.post(message);
  }

  #fetches({ active: { id, signal }, deadlineMs }: PendingQuery): QueryFetches | undefined {
    const { remoteRead } = this.#options;
    if (remoteRead === undefined) return undefined;
    return new QueryFetches(remoteRead, this.#clock, { deadlineMs, signal }, (fetch, news, transfer) => {
      this.#thread.post({ type: 'fetched', id, fetch, news } satisfies ToQueryThread, transfer);
    });
  }

  /** Ends the thread because of a query that does not end by itself. */
  #force(id: number, error: QueryError): void {
    if (!this.isOpen || !this.#running.has(id)) return;
    this.#forcedBy = { id, error };
    void this.#thread.end();
  }

  #receive(message: FromQueryThread): void {
    const { id } = message;
    switch (message.type) {
      case 'progress':
        this.#running.get(id)?.query.active.progressed(message.samplesRead);
        return;
      case 'fetch':
        void this.#running.get(id)?.fetches?.start(message.fetch, message.ask);
        return;
      case 'endFetch':
        this.#running.get(id)?.fetches?.end(message.fetch);
        return;
      case 'answer':
        this.#answered(message);
        return;
      case 'failed': {
        const { kind, stats } = message;
        const error =
          kind === undefined
            ? new Error(`a query failed in its thread: ${message.message}`)
            : new QueryError(kind, message.message);
        this.#running.get(id)?.settle({ kind: 'failed', error, stats });
        this.#streams.get(id)?.fail(error);
        this.#streams.delete(id);
        return;
      }
      case 'piece':
        this.#streams.get(id)?.push(message.bytes, message.isLast);
        if (message.isLast) this.#streams.delete(id);
    }
  }

  #answered({ id, head, stats, bytes, isLast }: Extract<FromQueryThread, { type: 'answer' }>): void {
    const running = this.#running.get(id);
    if (running === undefined) return;
    if (isLast) {
      running.settle({ kind: 'answer', answer: { ...head, stats, text: bytes, pieces: noPieces() } });
      return;
    }
    const stream = new PieceStream(
      bytes,
      ({ buffer }) => {
        this.#thread.post({ type: 'used', id, buffer } satisfies ToQueryThread, [buffer]);
      },
      () => {
        if (this.#streams.delete(id)) this.#post({ type: 'cancel', id, why: '' });
      },
    );
    this.#streams.set(id, stream);
    running.settle({ kind: 'answer', answer: { ...head, stats, text: undefined, pieces: stream } });
  }

  #ended(end: ThreadEnd): void {
    const wasForced = this.#forcedBy !== undefined;
    // Whatever ended it: nothing may be sent to it any more.
    this.#isClosing = true;
    this.#lease.release();
    const isShared = this.load > 1;
    for (const [id, { settle }] of this.#running) settle(this.#outcomeOf(id, end, isShared));
    for (const stream of this.#streams.values())
      stream.fail(deathError(end, this.#options.maxHeapMiB, isShared));
    this.#streams.clear();
    this.#options.onEnd(end, wasForced);
  }

  #outcomeOf(id: number, end: ThreadEnd, isShared: boolean): QueryOutcome {
    if (this.#forcedBy?.id === id) return { kind: 'failed', error: this.#forcedBy.error, stats: undefined };
    if (this.#forcedBy !== undefined) return { kind: 'lost' };
    return { kind: 'failed', error: deathError(end, this.#options.maxHeapMiB, isShared), stats: undefined };
  }
}

function deathError(end: ThreadEnd, maxHeapMiB: number, isShared: boolean): QueryError {
  switch (end.kind) {
    case 'outOfMemory': {
      const other = isShared ? ', or another query beside it needed too much' : '';
      const advice = 'ask for fewer series or a shorter time';
      const message = `query needs more memory than the ${maxHeapMiB} MiB that a query thread may have${other}: ${advice}`;
      return new QueryError('execution', message);
    }
    case 'ended':
      return new QueryError('canceled', 'query was canceled: the thread that evaluated it was ended');
    case 'failed':
      return new QueryError('internal', 'the thread that evaluated the query failed; see the log');
  }
}
