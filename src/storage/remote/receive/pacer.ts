import type { Clock } from '../../../core/clock.ts';

/** Between how many steps the clock is looked at. */
const STEPS = 128;

/** How often long work gives other work a turn. */
export interface PacerOptions {
  readonly clock: Clock;
  readonly sliceMs: number;
}

/** Gives other work a turn within one piece of long work: `if (pacer.isDue()) await pacer.rest()`. */
export class Pacer {
  readonly #clock: Clock;
  readonly #sliceMs: number;
  #steps = 0;
  #sinceMs: number;

  constructor({ clock, sliceMs }: PacerOptions) {
    this.#clock = clock;
    this.#sliceMs = sliceMs;
    this.#sinceMs = clock.monotonicMs();
  }

  /** Call it at each small step. */
  isDue(): boolean {
    if (++this.#steps < STEPS) return false;
    this.#steps = 0;
    return this.#clock.monotonicMs() - this.#sinceMs > this.#sliceMs;
  }

  async rest(): Promise<void> {
    await this.#clock.yieldTurn();
    this.#sinceMs = this.#clock.monotonicMs();
  }
}
