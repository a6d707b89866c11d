import type { FileSystem } from '../../../core/ports.ts';
import type { ReadableStorage } from '../../seam.ts';
import type { BlockMeta } from '../block/index.ts';
import { writeCheckpoint } from '../wal/checkpoint.ts';
import type { CheckpointPlan, CheckpointReport } from '../wal/checkpoint.ts';
import { ownCounters } from '../wal/wal-counters.ts';
import { compactBlocks } from './compact-blocks.ts';
import type { CompactionJob } from './compact-blocks.ts';
import { writeHeadBlock } from './write-head-block.ts';
import type { HeadBlockJob } from './write-head-block.ts';

/** Heavy work on the data folder. Plain data, so that another thread can be told. */
export type StorageJob =
  | { readonly kind: 'headBlock'; readonly job: HeadBlockJob }
  | { readonly kind: 'compact'; readonly job: CompactionJob }
  | { readonly kind: 'checkpoint'; readonly plan: CheckpointPlan };

/** What a job came to. */
export interface StorageJobResult {
  /** The block that was made; undefined when it would have been empty. */
  readonly block: BlockMeta | undefined;
  readonly checkpoint: CheckpointReport | undefined;
}

/** What jobs work with, in whichever thread. */
export interface JobPorts {
  readonly files: FileSystem;
  /** What is in memory. */
  readonly head: ReadableStorage;
  /** What came out of order, alone. */
  readonly outOfOrder: ReadableStorage;
  readonly pause: () => Promise<void>;
  readonly monotonicMs: () => number;
}

/** Does one job. Rejects with TOCSIN_ERR_STORAGE; nothing half done stays where anybody would look at it. */
export async function runStorageJob(work: StorageJob, ports: JobPorts): Promise<StorageJobResult> {
  switch (work.kind) {
    case 'headBlock': {
      return {
        block: await writeHeadBlock(
          work.job,
          work.job.isOutOfOrder === true ? ports.outOfOrder : ports.head,
          ports,
        ),
        checkpoint: undefined,
      };
    }
    case 'compact': {
      return { block: await compactBlocks(work.job, ports), checkpoint: undefined };
    }
    case 'checkpoint': {
      const checkpoint = await writeCheckpoint(work.plan, { ...ports, counters: ownCounters() });
      return { block: undefined, checkpoint };
    }
  }
}

/** Who does {@link StorageJob}s: this thread, or another one. */
export interface StorageWorker {
  run(work: StorageJob): Promise<StorageJobResult>;
  /** Ends what is under way; it rejects. */
  close(): Promise<void>;
}
