import { MessageChannel, Worker } from 'node:worker_threads';
import {
  type Thread,
  type ThreadEnd,
  type ThreadOptions,
  type Threads,
  threadModuleUrl,
} from '../threads.ts';
import type { ThreadStart } from './thread-main.ts';

/** Room for values that have just been made. Node's own default of 48 takes more memory and saves no time here. */
const YOUNG_GENERATION_MIB = 12;

/** Node's worker threads. They don't keep the process alive. */
export class WorkerThreads implements Threads {
  start(options: ThreadOptions): Thread {
    const { port1, port2 } = new MessageChannel();
    const { moduleUrl, data, isUrgent = false } = options;
    const start: ThreadStart = { moduleUrl, data, isUrgent, aside: port2 };
    const worker = new Worker(new URL(threadModuleUrl(import.meta.url, './thread-main')), {
      workerData: start,
      transferList: [port2],
      resourceLimits: {
        maxOldGenerationSizeMb: options.maxHeapMiB,
        maxYoungGenerationSizeMb: YOUNG_GENERATION_MIB,
      },
    });
    worker.unref();
    port1.unref();
    let end: ThreadEnd = { kind: 'ended' };
    const ended = new Promise<void>((resolve) => {
      worker.on('exit', () => {
        port1.close();
        options.onEnd(end);
        resolve();
      });
    });
    worker.on('message', options.onMessage);
    worker.on('messageerror', (error) => {
      end = { kind: 'failed', error };
      void worker.terminate();
    });
    worker.on('error', (error: NodeJS.ErrnoException) => {
      const isMemory = error.code === 'ERR_WORKER_OUT_OF_MEMORY';
      end = isMemory ? { kind: 'outOfMemory' } : { kind: 'failed', error };
    });
    return {
      post: (message, transfer = []) => {
        worker.postMessage(message, transfer);
      },
      postAside: (message) => {
        port1.postMessage(message);
      },
      end: async () => {
        await worker.terminate();
        await ended;
      },
    };
  }
}
