import type { Clock } from '../../core/clock.ts';
import type { Logger } from '../../core/log.ts';
import type { Registry } from '../../core/metrics.ts';
import type { FileSystem, Random } from '../../core/ports.ts';
import type { Threads } from '../../core/threads.ts';
import type { Retention } from './compact/block-life.ts';
import type { MemoryLimit } from './head/memory-guard.ts';
import type { ProcessIdentity } from './lock-file.ts';
import type { WalCompression } from './wal/record-compression.ts';
import type { WalReplayStatus } from './wal/replay-status.ts';

/** What {@link Tsdb.open} needs. */
export interface TsdbOptions {
  readonly files: FileSystem;
  /** `--storage.tsdb.path`; made when it is missing. */
  readonly path: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly registry: Registry;
  readonly random: Random;
  /** Where heavy work is done; in this thread, a slice at a time, when absent. */
  readonly threads?: { readonly starter: Threads; readonly maxHeapMiB: number } | undefined;
  readonly retention: Retention;
  /** `--storage.tsdb.min-block-duration`: 2 hours. */
  readonly chunkRangeMs?: number | undefined;
  /** `--storage.tsdb.max-block-duration`; undefined is a tenth of the retention, 31 days at most. */
  readonly maxBlockMs?: number | undefined;
  /** `--storage.tsdb.max-block-chunk-segment-size`; 512 MiB. */
  readonly chunkSegmentBytes?: number | undefined;
  /** `--storage.tsdb.wal-segment-size`: 128 MiB. */
  readonly walSegmentBytes?: number;
  /** `--storage.tsdb.wal-compression-type`: snappy. */
  readonly walCompression?: WalCompression;
  /** How many segments of the log somebody who reads behind may keep from removal. Default 64: 8 GiB. */
  readonly maxHeldSegments?: number;
  /** How often the log is synced to disk, against power cuts; 0 only at the end of segments, as Prometheus does. Default 10 s. */
  readonly syncIntervalMs?: number;
  /** Told how far reading the log at the start has come. */
  readonly onReplay?: (status: WalReplayStatus) => void;
  /** How many exemplars are kept; none when absent. */
  readonly maxExemplars?: number;
  /** `--storage.memory-limit`; none when absent. */
  readonly memoryLimit?: MemoryLimit | undefined;
  /** undefined is `--storage.tsdb.no-lockfile`. */
  readonly lock: ProcessIdentity | undefined;
}
