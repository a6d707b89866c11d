import type { Clock } from '../../core/clock.ts';

/** Keeps values for a time, and no more than `capacity`: the one that was not asked for the longest goes first. */
export class ExpiringCache<T> {
  readonly #capacity: number;
  readonly #clock: Clock;
  /** The least recently used first. */
  readonly #entries = new Map<string, { readonly value: T; readonly untilMs: number }>();

  constructor(capacity: number, clock: Clock) {
    this.#capacity = capacity;
    this.#clock = clock;
  }

  get(key: string): T | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.#entries.delete(key);
    if (this.#clock.monotonicMs() >= entry.untilMs) return undefined;
    this.#entries.set(key, entry);
    return entry.value;
  }

  set(key: string, value: T, keepMs: number): void {
    this.#entries.delete(key);
    this.#entries.set(key, { value, untilMs: this.#clock.monotonicMs() + keepMs });
    if (this.#entries.size <= this.#capacity) return;
    const [oldest] = this.#entries.keys();
    if (oldest !== undefined) this.#entries.delete(oldest);
  }
}
