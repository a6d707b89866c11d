import { errorText } from '../../../core/errors.ts';
import type { ThreadContext } from '../../../core/threads.ts';
import { TsdbReader } from '../tsdb-reader.ts';
import type { StorageAnnouncement, TsdbReaderData } from '../tsdb-reader.ts';
import { isUnwritable } from './failures.ts';
import { runStorageJob } from './storage-jobs.ts';
import type { StorageJob, StorageJobResult } from './storage-jobs.ts';

/** What the thread is started with. */
export interface StorageThreadData {
  readonly work: StorageJob;
  readonly head: TsdbReaderData;
}

/** What the thread says, once. */
export type FromStorageThread =
  | { readonly kind: 'done'; readonly result: StorageJobResult }
  | {
      readonly kind: 'failed';
      readonly message: string;
      /** ENOSPC when the disk had no room. */
      readonly cause: 'ENOSPC' | undefined;
    };

/** Entry of the thread: does the job and says how it ended. */
export function run(context: ThreadContext): void {
  const { work, head } = context.data as StorageThreadData;
  const source = { drain: () => context.drain() as StorageAnnouncement[] };
  const reader = new TsdbReader(head, source, context.files);
  const say = (message: FromStorageThread): void => {
    context.post(message);
  };
  runStorageJob(work, {
    files: context.files,
    head: reader.head,
    outOfOrder: reader.outOfOrder,
    // Nothing else waits in this thread.
    pause: () => Promise.resolve(),
    monotonicMs: () => context.clock.monotonicMs(),
  }).then(
    (result) => {
      say({ kind: 'done', result });
    },
    (error: unknown) => {
      say({ kind: 'failed', message: errorText(error), cause: isUnwritable(error) ? 'ENOSPC' : undefined });
    },
  );
}
