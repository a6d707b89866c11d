/** A pending call made by {@link Clock.setTimer}; `cancel` is idempotent and a no-op once it has fired. */
export interface Timer {
  cancel(): void;
}

/**
 * The only source of time in the program. Wall time and monotonic time are different things: the wall clock may be
 * set back, the monotonic one may not, so durations are always measured with the latter.
 *
 * Timers are absolute (wall milliseconds) and fire in order of (time, insertion). A timer whose time has passed fires
 * at the next turn of the loop, never synchronously.
 */
export interface Clock {
  /** Wall time, in whole milliseconds since the Unix epoch. */
  nowMs(): number;
  /** Monotonic time in milliseconds (fractional); only differences mean anything. */
  monotonicMs(): number;
  /** Calls `fn` once when wall time reaches `atMs`. */
  setTimer(atMs: number, fn: () => void): Timer;
  /** Resolves after `durationMs`; rejects with the signal's reason when it is aborted first. */
  sleep(durationMs: number, signal?: AbortSignal): Promise<void>;
  /**
   * Gives other work a turn: resolves in a later turn of the event loop without time passing. Long work on the main
   * thread calls this at least every 20 ms.
   */
  yieldTurn(): Promise<void>;
  /**
   * Tells the clock about work that waits on something other than the clock (a file, a socket, a thread). A virtual
   * clock does not move on while such work is pending; the system clock returns the promise as it is.
   */
  track<T>(work: Promise<T>): Promise<T>;
}

/** {@link Clock.sleep} of any clock that has timers. */
export function sleepOn(clock: Clock, durationMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) {
      reject(signal.reason as Error);
      return;
    }
    const onAbort = (): void => {
      timer.cancel();
      reject(signal?.reason as Error);
    };
    const timer = clock.setTimer(clock.nowMs() + durationMs, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

/**
 * An AbortSignal that fires at `atMs` on the given clock or when `parent` fires. Call `dispose` when the guarded work
 * has ended, or the timer stays in the clock until it is due.
 */
export interface Deadline {
  readonly signal: AbortSignal;
  /** True when the clock, rather than the parent, ended the work. */
  readonly expired: boolean;
  dispose(): void;
}

/** Makes a {@link Deadline} `durationMs` from now; `makeReason` builds the error the signal carries. */
export function startDeadline(
  clock: Clock,
  durationMs: number,
  makeReason: () => Error,
  parent?: AbortSignal,
): Deadline {
  const controller = new AbortController();
  let expired = false;
  const timer = clock.setTimer(clock.nowMs() + durationMs, () => {
    expired = true;
    controller.abort(makeReason());
  });
  const onParent = (): void => {
    controller.abort(parent?.reason);
  };
  if (parent?.aborted === true) onParent();
  else parent?.addEventListener('abort', onParent, { once: true });
  return {
    signal: controller.signal,
    get expired() {
      return expired;
    },
    dispose() {
      timer.cancel();
      parent?.removeEventListener('abort', onParent);
    },
  };
}

/**
 * Resolves when `resolve` is called that `arrange` got, or when `signal` is aborted; then calls what `arrange` returned. Leaves
 * nothing behind on a signal that lives long.
 */
export async function waitFor(
  signal: AbortSignal,
  arrange: (resolve: () => void) => () => void,
): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const onAbort = (): void => resolve();
  const dispose = arrange(onAbort);
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    await promise;
  } finally {
    signal.removeEventListener('abort', onAbort);
    dispose();
  }
}
