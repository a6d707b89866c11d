import { parentPort } from 'node:worker_threads';
import { assert } from '../errors.ts';

/** What {@link ThreadExecutor} sends to a thread. */
export interface ThreadRequest {
  readonly id: number;
  readonly name: string;
  readonly moduleUrl: string;
  readonly input: unknown;
}

/** What a thread answers. */
export type ThreadAnswer =
  | { readonly id: number; readonly ok: true; readonly result: unknown }
  | { readonly id: number; readonly ok: false; readonly error: unknown };

const port = parentPort;
assert(port !== null, 'executor-thread must run in a worker thread');

async function answer(request: ThreadRequest): Promise<ThreadAnswer> {
  try {
    const module = (await import(request.moduleUrl)) as { run(input: unknown): unknown };
    return { id: request.id, ok: true, result: await module.run(request.input) };
  } catch (error) {
    return { id: request.id, ok: false, error };
  }
}

port.on('message', (request: ThreadRequest) => {
  void answer(request).then((message) => {
    port.postMessage(message);
  });
});
