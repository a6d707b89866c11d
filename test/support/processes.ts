import type { ChildProcess } from 'node:child_process';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';

/** A TCP port that was free a moment ago, for programs that cannot say which one they took. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

const POLL_MS = 50;

/** Polls `probe` until it gives something other than undefined; fails after `timeoutMs` naming `what`. */
export async function waitFor<T>(
  what: string,
  timeoutMs: number,
  probe: () => Promise<T | undefined>,
): Promise<T> {
  const endMs = performance.now() + timeoutMs;
  for (;;) {
    const found = await probe();
    if (found !== undefined) return found;
    if (performance.now() > endMs) throw new Error(`gave up waiting for ${what} after ${timeoutMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** Waits until an address answers 200; fails at once when the program ends first. */
export async function waitForReady(url: string, child: ChildProcess, timeoutMs = 30_000): Promise<void> {
  await waitFor(url, timeoutMs, async () => {
    if (child.exitCode !== null || child.signalCode !== null) {
      throw new Error(
        `the program ended with ${String(child.exitCode ?? child.signalCode)} before it was ready`,
      );
    }
    try {
      return (await fetch(url)).ok ? true : undefined;
    } catch {
      // Not listening yet: that is what is waited for.
      return undefined;
    }
  });
}

/** Asks a program to end and waits until it has; kills it when it takes longer than ten seconds. */
export async function stopProcess(child: ChildProcess, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => {
      resolve();
    });
  });
  child.kill(signal);
  const killer = setTimeout(() => child.kill('SIGKILL'), 10_000);
  await ended;
  clearTimeout(killer);
}
