import type { Clock } from '../core/clock.ts';

/** Longest stretch of work between two turns of the loop. */
const STRETCH_MS = 8;

/** Lets long loops give way: `await pacer.pause()` costs nothing until the stretch is over. */
export class Pacer {
  readonly #clock: Clock;
  #sinceMs: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#sinceMs = clock.monotonicMs();
  }

  /** Whether {@link pause} would give way now. */
  get isDue(): boolean {
    return this.#clock.monotonicMs() - this.#sinceMs >= STRETCH_MS;
  }

  /** Gives other work a turn when the stretch is over. */
  async pause(): Promise<void> {
    if (!this.isDue) return;
    await this.#clock.yieldTurn();
    this.#sinceMs = this.#clock.monotonicMs();
  }
}
