import type { Clock } from '../../core/clock.ts';

/** How long work in the main thread goes on before others get a turn. */
const SLICE_MS = 5;

/** Gives others a turn when enough time has passed. */
export class Slice {
  readonly #clock: Clock;
  #sinceMs: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#sinceMs = clock.monotonicMs();
  }

  /** Returns at once, or after others had their turn. */
  async pause(): Promise<void> {
    if (this.#clock.monotonicMs() - this.#sinceMs < SLICE_MS) return;
    await this.#clock.yieldTurn();
    this.#sinceMs = this.#clock.monotonicMs();
  }
}
