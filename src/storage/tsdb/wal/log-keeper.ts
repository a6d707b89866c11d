import { join } from 'node:path';
import type { Clock } from '../../../core/clock.ts';
import type { Logger } from '../../../core/log.ts';
import type { FileSystem } from '../../../core/ports.ts';
import { InterruptedError } from '../compact/failures.ts';
import type { StorageWorker } from '../compact/storage-jobs.ts';
import type { TsdbMetrics } from '../metrics.ts';
import type { WalCompression } from './record-compression.ts';
import { listWal } from './wal-folder.ts';
import { WalHolds } from './wal-hold.ts';
import type { WalWriter } from './wal-writer.ts';

/** What a {@link LogKeeper} works with. */
export interface LogKeeperOptions {
  readonly files: FileSystem;
  /** Folder of the log. */
  readonly folder: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly wal: WalWriter;
  readonly worker: StorageWorker;
  readonly metrics: TsdbMetrics;
  readonly compression: WalCompression;
  /** How many segments somebody who reads behind may keep from removal. */
  readonly maxHeldSegments: number;
}

/** Keeps the log short: what is in blocks becomes a checkpoint, unless somebody still reads it. */
export class LogKeeper {
  readonly holds: WalHolds;
  readonly #options: LogKeeperOptions;
  /** Log numbers of reclaimed series, with the last segment that may hold samples of them. */
  readonly #reclaimed = new Map<number, number>();
  #bytes = 0;

  constructor(options: LogKeeperOptions) {
    this.#options = options;
    this.holds = new WalHolds(options.maxHeldSegments);
  }

  /** Bytes of the log's folder when it was last measured. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Notes series that are gone from memory: the checkpoint of their last segment leaves them out. */
  noteReclaimed(walIds: readonly number[]): void {
    for (const walId of walIds) this.#reclaimed.set(walId, this.#options.wal.segment);
  }

  /** Collapses the lower two thirds of the closed segments into a checkpoint. Rejects with TOCSIN_ERR_STORAGE. */
  async truncate(minMs: number): Promise<void> {
    const { files, folder, clock, logger, wal, worker, metrics, compression } = this.#options;
    const live = wal.rotate();
    await wal.flush();
    const { segments } = await listWal(files, folder);
    const first = segments[0];
    if (first === undefined) return;
    const upTo = this.holds.limit(first + Math.floor(((live - 1 - first) * 2) / 3), live);
    if (upTo <= first) return;
    metrics.walTruncations.inc();
    metrics.checkpoints.inc();
    const startMs = clock.monotonicMs();
    try {
      const gone = [...this.#reclaimed].filter(([, segment]) => segment <= upTo).map(([walId]) => walId);
      const droppedIds = Float64Array.from(gone);
      const { checkpoint: report } = await worker.run({
        kind: 'checkpoint',
        plan: { folder, upTo, droppedIds, minMs, compression },
      });
      for (const walId of gone) this.#reclaimed.delete(walId);
      for (const { path, segment, reason } of report?.keptAside ?? []) {
        metrics.corruptions.inc();
        logger.error(
          { segment, keptAs: path, reason },
          'a part of the log could not be taken into a checkpoint, and is lost at the next start unless it is in a block by then; the file is kept',
        );
      }
      metrics.walTruncateDuration.observe((clock.monotonicMs() - startMs) / 1000);
      logger.info(
        { ...report, keptAside: report?.keptAside.length },
        'a checkpoint of the write-ahead log was written',
      );
    } catch (error) {
      if (!(error instanceof InterruptedError)) metrics.checkpointsFailed.inc();
      throw error;
    }
  }

  /** Looks how large the log is. */
  async measure(): Promise<void> {
    const { files, folder } = this.#options;
    let bytes = 0;
    for (const name of await files.list(folder)) {
      bytes += (await files.stat(join(folder, name)))?.sizeBytes ?? 0;
    }
    this.#bytes = bytes;
  }
}
