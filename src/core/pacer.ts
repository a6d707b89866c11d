import type { Clock } from './clock.ts';

/** Lets long work give way: `await pacer.pause()` costs next to nothing until the stretch is over. */
export class Pacer {
  readonly #clock: Clock;
  readonly #stretchMs: number;
  #sinceMs: number;

  /** `stretchMs` is the longest stretch of work between two turns of the loop. */
  constructor(clock: Clock, stretchMs: number) {
    this.#clock = clock;
    this.#stretchMs = stretchMs;
    this.#sinceMs = clock.monotonicMs();
  }

  /** Whether {@link pause} would give way now. */
  get isDue(): boolean {
    return this.#clock.monotonicMs() - this.#sinceMs >= this.#stretchMs;
  }

  /** Gives other work a turn when the stretch is over. */
  async pause(): Promise<void> {
    if (!this.isDue) return;
    await this.#clock.yieldTurn();
    this.#sinceMs = this.#clock.monotonicMs();
  }
}
