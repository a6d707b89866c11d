import { setPriority } from 'node:os';
import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { assert } from '../errors.ts';
import type { ThreadModule } from '../threads.ts';
import { NodeFileSystem } from './node-file-system.ts';
import { SystemClock } from './system-clock.ts';

/** What {@link WorkerThreads} hands to a new thread. */
export interface ThreadStart {
  readonly moduleUrl: string;
  readonly data: unknown;
  readonly isUrgent: boolean;
  readonly aside: MessagePort;
}

const port = parentPort;
assert(port !== null, 'thread-main must run in a worker thread');
const { moduleUrl, data, isUrgent, aside } = workerData as ThreadStart;

/** How far threads stand back behind the main one where cores are scarce, as `nice` counts, unless they are urgent. */
const NICENESS = 5;

// On Linux, and only there, each thread has a niceness of its own.
if (process.platform === 'linux' && !isUrgent) setPriority(NICENESS);

function drain(): unknown[] {
  const messages: unknown[] = [];
  for (;;) {
    const next = receiveMessageOnPort(aside) as { readonly message: unknown } | undefined;
    if (next === undefined) return messages;
    messages.push(next.message);
  }
}

// Messages that come before the module has set its handler wait in the port.
const module = (await import(moduleUrl)) as ThreadModule;
module.run({
  clock: new SystemClock(),
  files: new NodeFileSystem(),
  data,
  post: (message, transfer = []) => {
    port.postMessage(message, { transfer: [...transfer] });
  },
  onMessage: (handler) => {
    port.on('message', handler);
  },
  drain,
});
