/**
 * A piece of heavy work, by name: a module (its file URL) that exports a function `run`. Input and result must be
 * structured-cloneable; SharedArrayBuffers are shared, not copied.
 */
export interface ExecutorTask<Input, Result> {
  readonly name: string;
  /** URL of a module with `export function run(input): result | Promise<result>`. */
  readonly moduleUrl: string;
  /** Never set; ties the types of input and result to the task. */
  readonly signature?: (input: Input) => Result;
}

/**
 * Where heavy work runs: in worker threads in production, inline and in order of submission in simulation. Either way
 * the caller awaits the result; results of inline work arrive in later microtasks, never synchronously.
 */
export interface Executor {
  /** Rejects with what `run` threw, or with the signal's reason when aborted (the thread is then replaced). */
  run<Input, Result>(task: ExecutorTask<Input, Result>, input: Input, signal?: AbortSignal): Promise<Result>;
  /** Ends threads; running work is rejected with TOCSIN_ERR_CANCELLED. */
  close(): Promise<void>;
}

/**
 * Declares a task whose module lies beside the caller: `executorTask('query', import.meta.url, './query-task')`. The
 * extension is the caller's own, so that it works from sources and from the built package.
 */
export function executorTask<Input, Result>(
  name: string,
  callerUrl: string,
  module: string,
): ExecutorTask<Input, Result> {
  const extension = callerUrl.slice(callerUrl.lastIndexOf('.'));
  return { name, moduleUrl: new URL(module + extension, callerUrl).href };
}
