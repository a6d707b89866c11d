import { QueryError } from '../promql/index.ts';

/** Runs work whose signal is aborted when the client goes away before the answer is there. */
export async function withAbort<T>(
  response: NodeJS.EventEmitter & { readonly writableFinished: boolean; readonly destroyed: boolean },
  run: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const onClose = (): void => {
    if (!response.writableFinished) controller.abort(new QueryError('canceled', 'the client went away'));
  };
  response.once('close', onClose);
  if (response.destroyed) onClose();
  try {
    return await run(controller.signal);
  } finally {
    response.off('close', onClose);
  }
}
