import { assert } from './errors.ts';

/**
 * Owner of background work: whoever starts a promise without awaiting it does so here, so that nothing is dropped,
 * failures have one door, and a stop waits for what runs.
 */
export class TaskScope {
  readonly #running = new Map<Promise<void>, string>();
  readonly #onFailure: (name: string, error: unknown) => void;
  readonly #controller = new AbortController();
  #stopped = false;

  /** `onFailure` gets what a task rejected with, unless the scope is being stopped and the task was aborted. */
  constructor(onFailure: (name: string, error: unknown) => void) {
    this.#onFailure = onFailure;
  }

  /** Aborted when {@link stop} begins; tasks pass it to whatever they wait for. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Names of the tasks that have not ended. */
  get running(): string[] {
    return [...this.#running.values()];
  }

  /** Starts `task`; it must not be called after {@link stop}. */
  spawn(name: string, task: (signal: AbortSignal) => Promise<void>): void {
    assert(!this.#stopped, `task ${name} must not start in a stopped scope`);
    const run = this.#guard(name, task);
    this.#running.set(run, name);
    void run.finally(() => this.#running.delete(run));
  }

  async #guard(name: string, task: (signal: AbortSignal) => Promise<void>): Promise<void> {
    try {
      await task(this.#controller.signal);
    } catch (error) {
      if (this.#stopped && error === this.#controller.signal.reason) return;
      this.#onFailure(name, error);
    }
  }

  /** Aborts the signal and resolves when every task has ended. Idempotent. */
  async stop(reason: Error = new Error('stopping')): Promise<void> {
    if (!this.#stopped) {
      this.#stopped = true;
      this.#controller.abort(reason);
    }
    while (this.#running.size > 0) await Promise.all(this.#running.keys());
  }
}
