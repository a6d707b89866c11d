import type { Clock } from '../../core/clock.ts';
import type { Random } from '../../core/ports.ts';

const FIRST_MS = 800;
const MAX_MS = 30_000;
/** After so long without a failure the next one counts as the first. */
const RESET_MS = 120_000;

/**
 * How long to wait after failures: 0.8 s, doubled each time up to 30 s, and up to twice that at random, so that those that
 * lost the same server do not come back at once.
 *
 * @see k8s.io/client-go/tools/cache reflector.go
 */
export class Backoff {
  readonly #clock: Clock;
  readonly #random: Random;
  #nextMs = FIRST_MS;
  #lastMs = -Infinity;

  constructor(clock: Clock, random: Random) {
    this.#clock = clock;
    this.#random = random;
  }

  /** Waits once more; rejects with the signal's reason when it fires. */
  async wait(signal: AbortSignal): Promise<void> {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#lastMs > RESET_MS) this.#nextMs = FIRST_MS;
    this.#lastMs = nowMs;
    const waitMs = this.#nextMs * (1 + this.#random.next());
    this.#nextMs = Math.min(this.#nextMs * 2, MAX_MS);
    await this.#clock.sleep(waitMs, signal);
  }
}
