import { TocsinError } from '../../../core/errors.ts';
import { threadModuleUrl } from '../../../core/threads.ts';
import type { Thread, ThreadEnd, Threads } from '../../../core/threads.ts';
import { InterruptedError } from './failures.ts';
import type { ReaderLease, StorageAnnouncement } from '../tsdb-reader.ts';
import type { StorageJob, StorageJobResult, StorageWorker } from './storage-jobs.ts';
import type { FromStorageThread, StorageThreadData } from './storage-thread.ts';

/** What a {@link ThreadedStorageWorker} is made of. */
export interface ThreadedStorageWorkerOptions {
  readonly threads: Threads;
  readonly maxHeapMiB: number;
  /** Lets the thread read what is in memory. */
  readonly lease: (tell: (announcement: StorageAnnouncement) => void) => ReaderLease;
}

/** Does each job in a thread of its own, which ends with the job: there is one every two hours, and memory for it is better free. */
export class ThreadedStorageWorker implements StorageWorker {
  readonly #options: ThreadedStorageWorkerOptions;
  readonly #running = new Set<Thread>();
  #isClosed = false;

  constructor(options: ThreadedStorageWorkerOptions) {
    this.#options = options;
  }

  async run(work: StorageJob): Promise<StorageJobResult> {
    if (this.#isClosed) throw new InterruptedError(work.kind);
    const { threads, maxHeapMiB, lease: takeLease } = this.#options;
    const early: StorageAnnouncement[] = [];
    let thread: Thread | undefined;
    const lease = takeLease((announcement) => {
      if (thread === undefined) early.push(announcement);
      else thread.postAside(announcement);
    });
    const { promise, resolve, reject } = Promise.withResolvers<StorageJobResult>();
    const data: StorageThreadData = { work, head: lease.data };
    thread = threads.start({
      moduleUrl: threadModuleUrl(import.meta.url, './storage-thread'),
      data,
      maxHeapMiB,
      onMessage: (message) => {
        const answer = message as FromStorageThread;
        if (answer.kind === 'done') resolve(answer.result);
        else reject(failureOf(answer));
      },
      onEnd: (end) => {
        lease.release();
        reject(whyEnded(work.kind, end, maxHeapMiB));
      },
    });
    for (const announcement of early) thread.postAside(announcement);
    this.#running.add(thread);
    try {
      return await promise;
    } finally {
      this.#running.delete(thread);
      await thread.end();
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all([...this.#running].map((thread) => thread.end()));
  }
}

/** What failed in the thread, with the system's code for it. */
function failureOf({ message, cause }: FromStorageThread & { readonly kind: 'failed' }): TocsinError {
  if (cause === undefined) return new TocsinError('TOCSIN_ERR_STORAGE', message);
  const system = Object.assign(new Error(message), { code: cause });
  return new TocsinError('TOCSIN_ERR_STORAGE', message, { cause: system });
}

function whyEnded(what: string, end: ThreadEnd, maxHeapMiB: number): TocsinError {
  if (end.kind === 'ended') return new InterruptedError(what);
  const why =
    end.kind === 'outOfMemory'
      ? `needed more than ${maxHeapMiB} MiB of memory`
      : `failed: ${end.error instanceof Error ? end.error.message : String(end.error)}`;
  return new TocsinError('TOCSIN_ERR_STORAGE', `${what}: the thread that did it ${why}`);
}
