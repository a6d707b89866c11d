import { TocsinError } from '../../../core/errors.ts';
import { threadModuleUrl } from '../../../core/threads.ts';
import type { Thread, ThreadEnd, Threads } from '../../../core/threads.ts';
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

  constructor(options: ThreadedStorageWorkerOptions) {
    this.#options = options;
  }

  async run(work: StorageJob): Promise<StorageJobResult> {
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
        else reject(new TocsinError('TOCSIN_ERR_STORAGE', answer.message));
      },
      onEnd: (end) => {
        lease.release();
        reject(new TocsinError('TOCSIN_ERR_STORAGE', `${work.kind}: ${whyEnded(end, maxHeapMiB)}`));
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
    await Promise.all([...this.#running].map((thread) => thread.end()));
  }
}

function whyEnded(end: ThreadEnd, maxHeapMiB: number): string {
  switch (end.kind) {
    case 'outOfMemory':
      return `the thread that did it needed more than ${maxHeapMiB} MiB of memory`;
    case 'failed':
      return `the thread that did it failed: ${end.error instanceof Error ? end.error.message : String(end.error)}`;
    case 'ended':
      return 'it was interrupted, and will be done after the next start';
  }
}
