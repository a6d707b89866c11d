import type { Clock } from '../core/clock.ts';
import { QueryError, canceledError } from './query-engine.ts';

/** The part of a query's life that happens here, for the texts of its errors. */
const STAGE = 'query queue';

interface Waiter {
  readonly enter: () => void;
}

/** Lets a limited number of queries run at a time, the others wait in order of arrival. */
export class QueryGate {
  readonly #clock: Clock;
  readonly #maxConcurrency: number;
  readonly #waiting = new Set<Waiter>();
  #running = 0;

  constructor(clock: Clock, maxConcurrency: number) {
    this.#clock = clock;
    this.#maxConcurrency = maxConcurrency;
  }

  /**
   * Resolves when the query may run; every call that resolved is to be followed by one of {@link leave}. Rejects with
   * QueryError when the query is no longer wanted or `waitMs` are over.
   */
  async enter(waitMs: number, signal: AbortSignal | undefined): Promise<void> {
    if (signal?.aborted === true) throw canceledError(signal, STAGE);
    if (this.#running < this.#maxConcurrency) {
      this.#running++;
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const waiter: Waiter = { enter: () => settle(resolve) };
      const settle = (finish: () => void): void => {
        this.#waiting.delete(waiter);
        timer.cancel();
        signal?.removeEventListener('abort', onAbort);
        finish();
      };
      const onAbort = (): void => settle(() => reject(canceledError(signal!, STAGE)));
      const timer = this.#clock.setTimer(this.#clock.nowMs() + waitMs, () =>
        settle(() => reject(new QueryError('timeout', `query timed out in ${STAGE}`))),
      );
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#waiting.add(waiter);
    });
  }

  /** Ends a query's turn; the one that waits longest takes it. */
  leave(): void {
    for (const waiter of this.#waiting) {
      waiter.enter();
      return;
    }
    this.#running--;
  }
}
