import { Worker } from 'node:worker_threads';
import { TocsinError, assert } from '../errors.ts';
import type { Executor, ExecutorTask } from '../executor.ts';
import type { ThreadAnswer, ThreadRequest } from './executor-thread.ts';

interface Job {
  readonly request: ThreadRequest;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
  readonly signal: AbortSignal | undefined;
  onAbort: (() => void) | undefined;
}

/**
 * A fixed number of worker threads, each doing one task at a time; further tasks wait in order. Threads start on first
 * use. An aborted task's thread is ended at once, whatever it does, and replaced on demand.
 */
export class ThreadExecutor implements Executor {
  readonly #threadCount: number;
  readonly #idle: Worker[] = [];
  readonly #busy = new Map<Worker, Job>();
  readonly #waiting: Job[] = [];
  #nextId = 1;
  #closed = false;

  constructor(threadCount: number) {
    assert(threadCount > 0, 'an executor must have a thread');
    this.#threadCount = threadCount;
  }

  run<Input, Result>(task: ExecutorTask<Input, Result>, input: Input, signal?: AbortSignal): Promise<Result> {
    return new Promise<Result>((resolve, reject) => {
      if (this.#closed) {
        reject(new TocsinError('TOCSIN_ERR_CANCELLED', `${task.name} was not started: stopping`));
        return;
      }
      if (signal?.aborted === true) {
        reject(signal.reason as Error);
        return;
      }
      const job: Job = {
        request: { id: this.#nextId++, name: task.name, moduleUrl: task.moduleUrl, input },
        resolve: resolve as (value: unknown) => void,
        reject,
        signal,
        onAbort: undefined,
      };
      if (signal !== undefined) {
        job.onAbort = () => {
          this.#abort(job);
        };
        signal.addEventListener('abort', job.onAbort, { once: true });
      }
      this.#waiting.push(job);
      this.#dispatch();
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    const reason = new TocsinError('TOCSIN_ERR_CANCELLED', 'stopping');
    for (const job of [...this.#waiting.splice(0), ...this.#busy.values()]) this.#settle(job, reason);
    const workers = [...this.#idle.splice(0), ...this.#busy.keys()];
    this.#busy.clear();
    await Promise.all(workers.map((worker) => worker.terminate()));
  }

  #dispatch(): void {
    while (this.#waiting.length > 0 && !this.#closed) {
      const worker = this.#idle.pop() ?? this.#start();
      if (worker === undefined) return;
      const job = this.#waiting.shift()!;
      this.#busy.set(worker, job);
      try {
        worker.postMessage(job.request);
      } catch (error) {
        // The input cannot be cloned; the thread has not noticed.
        this.#release(worker);
        this.#settle(job, error);
      }
    }
  }

  #start(): Worker | undefined {
    if (this.#busy.size + this.#idle.length >= this.#threadCount) return undefined;
    const extension = import.meta.url.slice(import.meta.url.lastIndexOf('.'));
    const worker = new Worker(new URL(`./executor-thread${extension}`, import.meta.url));
    worker.unref();
    worker.on('message', (answer: ThreadAnswer) => {
      const job = this.#busy.get(worker);
      if (job?.request.id !== answer.id) return;
      this.#release(worker);
      if (answer.ok) this.#settle(job, undefined, answer.result);
      else this.#settle(job, answer.error);
      this.#dispatch();
    });
    worker.on('error', (error) => {
      this.#lose(worker, error);
    });
    worker.on('exit', () => {
      this.#lose(worker, new TocsinError('TOCSIN_ERR_CANCELLED', 'a worker thread ended'));
    });
    return worker;
  }

  #release(worker: Worker): void {
    this.#busy.delete(worker);
    this.#idle.push(worker);
  }

  #lose(worker: Worker, error: unknown): void {
    const job = this.#busy.get(worker);
    this.#busy.delete(worker);
    const at = this.#idle.indexOf(worker);
    if (at >= 0) this.#idle.splice(at, 1);
    if (job !== undefined) this.#settle(job, error);
    this.#dispatch();
  }

  #abort(job: Job): void {
    const reason: unknown = job.signal?.reason;
    const at = this.#waiting.indexOf(job);
    if (at >= 0) {
      this.#waiting.splice(at, 1);
      this.#settle(job, reason);
      return;
    }
    for (const [worker, running] of this.#busy) {
      if (running !== job) continue;
      this.#busy.delete(worker);
      this.#settle(job, reason);
      void worker.terminate().then(() => {
        this.#dispatch();
      });
      return;
    }
  }

  #settle(job: Job, error: unknown, result?: unknown): void {
    if (job.onAbort !== undefined) job.signal?.removeEventListener('abort', job.onAbort);
    if (error === undefined) job.resolve(result);
    else job.reject(error);
  }
}
