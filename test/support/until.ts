import { performance } from 'node:perf_hooks';

/** Turns the event loop until `isSo`, for what comes over real sockets while a virtual clock stands still. */
export async function until(what: string, isSo: () => boolean, limitMs = 5000): Promise<void> {
  const startMs = performance.now();
  while (!isSo()) {
    if (performance.now() - startMs > limitMs) throw new Error(`waited in vain until ${what}`);
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  }
}
