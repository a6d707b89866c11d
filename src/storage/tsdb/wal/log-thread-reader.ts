import type { Clock } from '../../../core/clock.ts';
import { TocsinError } from '../../../core/errors.ts';
import { threadModuleUrl } from '../../../core/threads.ts';
import type { ThreadEnd, Threads } from '../../../core/threads.ts';
import type { LogReplay } from './log-replay.ts';
import type { FromLogThread, LogThreadData } from './log-thread.ts';
import { SampleBatch } from './sample-batch.ts';
import type { SegmentReport } from './wal-reader.ts';

/** Most memory for JavaScript's own values of the thread; batches are not among them. */
const MAX_HEAP_MIB = 256;

/** What {@link readInThread} works with. */
export interface LogThreadOptions {
  readonly threads: Threads;
  readonly clock: Clock;
  /** Ends the reading; it then rejects with the signal's reason. */
  readonly signal: AbortSignal | undefined;
  readonly data: LogThreadData;
}

/**
 * Reads files of the log in a thread, and puts what it has read into the head here meanwhile. Rejects with TOCSIN_ERR_STORAGE when the
 * thread fails, and when `onFile` does.
 */
export async function readInThread(
  { threads, clock, signal, data }: LogThreadOptions,
  replay: LogReplay,
  onFile: (file: number, report: SegmentReport) => Promise<void>,
): Promise<void> {
  signal?.throwIfAborted();
  const arrived: FromLogThread[] = [];
  let ended: ThreadEnd | undefined;
  let wake: () => void = () => undefined;
  const onAbort = (): void => {
    wake();
  };
  const thread = threads.start({
    moduleUrl: threadModuleUrl(import.meta.url, './log-thread'),
    data,
    maxHeapMiB: MAX_HEAP_MIB,
    isUrgent: true,
    onMessage: (message) => {
      arrived.push(message as FromLogThread);
      wake();
    },
    onEnd: (end) => {
      ended = end;
      wake();
    },
  });
  signal?.addEventListener('abort', onAbort);
  const next = async (): Promise<FromLogThread> => {
    for (;;) {
      signal?.throwIfAborted();
      const message = arrived.shift();
      if (message !== undefined) return message;
      if (ended !== undefined) throw whyEnded(ended);
      const { promise, resolve } = Promise.withResolvers<void>();
      wake = resolve;
      await clock.track(promise);
    }
  };
  try {
    for (;;) {
      const message = await next();
      if (message.kind === 'end') return;
      if (message.kind === 'failed') throw failure(message.message);
      if (message.kind === 'endOfFile') await onFile(message.file, message.report);
      else {
        const batch = new SampleBatch(message.buffer);
        batch.baseMs = message.baseMs;
        batch.samples = message.samples;
        batch.slots = message.slots;
        await replay.take({ batch, others: message.others });
        thread.post(message.buffer);
      }
    }
  } finally {
    signal?.removeEventListener('abort', onAbort);
    await thread.end();
  }
}

function failure(why: string): TocsinError {
  return new TocsinError('TOCSIN_ERR_STORAGE', `the write-ahead log could not be read: ${why}`);
}

function whyEnded(end: ThreadEnd): TocsinError {
  if (end.kind === 'failed') {
    return failure(end.error instanceof Error ? end.error.message : String(end.error));
  }
  return failure(end.kind === 'outOfMemory' ? 'its thread needed too much memory' : 'its thread has ended');
}
