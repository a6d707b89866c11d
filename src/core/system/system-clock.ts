import { type Clock, type Timer, sleepOn } from '../clock.ts';

/** Node's `setTimeout` fires at once for longer delays than this, so they are reached in steps. */
const MAX_DELAY_MS = 2 ** 31 - 1;

class SystemTimer implements Timer {
  #handle: NodeJS.Timeout | undefined;
  #cancelled = false;
  readonly #atMs: number;
  readonly #fn: () => void;

  constructor(atMs: number, fn: () => void) {
    this.#atMs = atMs;
    this.#fn = fn;
    this.#arm();
  }

  #arm(): void {
    const delayMs = Math.max(0, Math.min(MAX_DELAY_MS, this.#atMs - Date.now()));
    this.#handle = setTimeout(() => {
      if (this.#cancelled) return;
      // Node may call up to a millisecond early, and long delays come in steps.
      if (Date.now() < this.#atMs) this.#arm();
      else this.#fn();
    }, delayMs);
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
