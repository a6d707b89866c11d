import type { Clock } from './clock.ts';
import type { Executor, ExecutorTask } from './executor.ts';

/** Runs tasks in this thread, one after another in order of submission: for simulation and small commands. */
export class InlineExecutor implements Executor {
  readonly #clock: Clock;
  #last: Promise<unknown> = Promise.resolve();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  run<Input, Result>(task: ExecutorTask<Input, Result>, input: Input, signal?: AbortSignal): Promise<Result> {
    const work = async (): Promise<Result> => {
      signal?.throwIfAborted();
      const module = (await import(task.moduleUrl)) as { run(input: Input): Result | Promise<Result> };
      return module.run(structuredClone(input));
    };
    const result = this.#last.then(work, work);
    this.#last = result.catch(() => undefined);
    return this.#clock.track(result);
  }

  async close(): Promise<void> {
    await this.#last;
  }
}
