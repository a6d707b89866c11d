import { TocsinError, hasSystemCode } from '../../../core/errors.ts';

/** A job that did not end because the program does. */
export class InterruptedError extends TocsinError {
  constructor(what: string) {
    super('TOCSIN_ERR_STORAGE', `${what}: it was interrupted, and will be done after the next start`);
    this.name = 'InterruptedError';
  }
}

const UNWRITABLE: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT', 'EROFS']);

/** Whether something failed because the disk has no room, or may not be written to. */
export function isUnwritable(error: unknown): boolean {
  return hasSystemCode(error, UNWRITABLE);
}

/** Waits ever longer after failures that follow each other: 1, 2, 4 … 30 minutes. Times are monotonic milliseconds. */
export class Backoff {
  static readonly firstMs = 60_000;
  static readonly mostMs: number = 30 * 60_000;
  #delayMs = 0;
  #untilMs = -Infinity;

  /** Whether it is too early for another attempt. */
  isWaiting(nowMs: number): boolean {
    return nowMs < this.#untilMs;
  }

  /** An attempt failed; returns how long to wait. */
  failed(nowMs: number): number {
    this.#delayMs = Math.min(Backoff.mostMs, this.#delayMs === 0 ? Backoff.firstMs : this.#delayMs * 2);
    this.#untilMs = nowMs + this.#delayMs;
    return this.#delayMs;
  }

  /** An attempt succeeded. */
  worked(): void {
    this.#delayMs = 0;
    this.#untilMs = -Infinity;
  }
}
