import type { Clock, Timer } from '../core/clock.ts';

/** Looks at intervals whether the configuration's files changed, and reloads when they did (`--config.auto-reload`). */
export class ConfigWatcher {
  readonly #clock: Clock;
  readonly #intervalMs: number;
  readonly #check: () => Promise<void>;
  #timer: Timer | undefined;
  #running: Promise<void> = Promise.resolve();
  #stopped = false;

  /** `check` must not reject. */
  constructor(clock: Clock, intervalMs: number, check: () => Promise<void>) {
    this.#clock = clock;
    this.#intervalMs = intervalMs;
    this.#check = check;
  }

  start(): void {
    if (this.#stopped) return;
    this.#timer = this.#clock.setTimer(this.#clock.nowMs() + this.#intervalMs, () => {
      this.#running = this.#check().then(() => {
        this.start();
      });
    });
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    await this.#running;
  }
}
