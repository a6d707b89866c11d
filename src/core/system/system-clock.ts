import { type Clock, type Timer, sleepOn } from '../clock.ts';

/** Node's `setTimeout` fires at once for longer delays than this, so they are reached in steps. */
const MAX_DELAY_MS = 2 ** 31 - 1;

/** A wall clock that is behind by more than this when a timer should fire was set back, not slowed down. */
const SET_BACK_MS = 10_000;

/** Waits for the time that was left when it was made: a wall clock that is set back meanwhile holds nothing up for longer. */
class SystemTimer implements Timer {
  #handle: NodeJS.Timeout | undefined;
  #cancelled = false;
  readonly #atMs: number;
  readonly #dueMs: number;
  readonly #fn: () => void;

  constructor(atMs: number, fn: () => void) {
    const leftMs = atMs - Date.now();
    this.#atMs = atMs;
    this.#dueMs = performance.now() + leftMs;
    this.#fn = fn;
    this.#arm(leftMs);
  }

  #arm(delayMs: number): void {
    this.#handle = setTimeout(
      () => {
        if (this.#cancelled) return;
        // Long delays come in steps.
        const leftMs = this.#dueMs - performance.now();
        if (leftMs > 1) {
          this.#arm(leftMs);
          return;
        }
        // Node may call up to a millisecond early, and the wall clock may be slowed down to be put right.
        const behindMs = this.#atMs - Date.now();
        if (behindMs > 0 && behindMs <= SET_BACK_MS) this.#arm(behindMs);
        else this.#fn();
      },
      Math.max(0, Math.min(MAX_DELAY_MS, delayMs)),
    );
  }

  cancel(): void {
    this.#cancelled = true;
    clearTimeout(this.#handle);
  }
}

/** The machine's clock. Its timers keep the process alive until they fire or are cancelled. */
export class SystemClock implements Clock {
  nowMs(): number {
    return Date.now();
  }

  monotonicMs(): number {
    return performance.now();
  }

  setTimer(atMs: number, fn: () => void): Timer {
    return new SystemTimer(atMs, fn);
  }

  sleep(durationMs: number, signal?: AbortSignal): Promise<void> {
    return sleepOn(this, durationMs, signal);
  }

  yieldTurn(): Promise<void> {
    return new Promise((resolve) => {
      setImmediate(resolve);
    });
  }

  track<T>(work: Promise<T>): Promise<T> {
    return work;
  }
}
