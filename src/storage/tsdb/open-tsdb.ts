import { join } from 'node:path';
import { TocsinError, errorText } from '../../core/errors.ts';
import { Pacer } from '../../core/pacer.ts';
import { BlockStore } from './compact/block-store.ts';
import { DEFAULT_CHUNK_RANGE_MS, HeadStorage } from './head/head-storage.ts';
import { lockFolder } from './lock-file.ts';
import type { FolderLock } from './lock-file.ts';
import { TsdbMetrics } from './metrics.ts';
import type { OooLog } from './ooo/ooo-log.ts';
import { readLogs } from './read-logs.ts';
import type { TsdbOptions } from './tsdb-options.ts';
import { SEGMENT_BYTES } from './wal/wal-format.ts';
import type { ReplayReport } from './wal/wal-replay.ts';
import { WalWriter } from './wal/wal-writer.ts';

/** How long work goes on before others get a turn. */
const STRETCH_MS = 5;

/** What a `Tsdb` is made of. */
export interface TsdbParts {
  readonly options: TsdbOptions;
  readonly storage: HeadStorage;
  readonly wal: WalWriter;
  readonly metrics: TsdbMetrics;
  readonly lock: FolderLock | undefined;
  readonly replay: ReplayReport;
  readonly walFolder: string;
  readonly blocks: BlockStore;
  readonly oooLog: OooLog;
}

/** The steps of a start: the folder, its lock, its blocks, its log. Rejects as `Tsdb.open` does. */
export async function openTsdb(options: TsdbOptions): Promise<TsdbParts> {
  const { files, path, clock, logger } = options;
  const walFolder = join(path, 'wal');
  const metrics = new TsdbMetrics(options.registry);
  await orUnusable(path, () => files.makeFolder(walFolder));
  const lock = options.lock && (await orUnusable(path, () => lockFolder(files, path, options.lock!, logger)));
  metrics.cleanStart.set(lock === undefined ? -1 : lock.wasStale ? 0 : 1);
  try {
    const pacer = new Pacer(clock, STRETCH_MS);
    const pause = (): Promise<void> => pacer.pause();
    const blocks = await BlockStore.load({ files, path, logger, pause });
    // The log begins to take records only after it was read, and the head needs to know it before.
    let wal: WalWriter | undefined;
    let oooLog: OooLog | undefined;
    const storage = new HeadStorage({
      chunkRangeMs: options.chunkRangeMs ?? DEFAULT_CHUNK_RANGE_MS,
      log: {
        log: (record, keep) => wal!.log(record, keep),
        flush: () => clock.track(wal!.flush()),
      },
      oooLog: {
        log: (record, keep) => oooLog!.log(record, keep),
        flush: () => clock.track(oooLog!.flush()),
      },
    });
    const minValidMs = storage.head.startAfter(blocks.endMs);
    storage.extras.exemplars.resize(options.maxExemplars ?? 0);
    const startMs = clock.monotonicMs();
    const { replay, oooLog: opened } = await readLogs(options, storage, minValidMs);
    oooLog = opened;
    const tookMs = clock.monotonicMs() - startMs;
    metrics.replayDuration.set(tookMs / 1000);
    metrics.corruptions.inc(replay.damagedSegments);
    wal = new WalWriter({
      files,
      folder: walFolder,
      segment: replay.nextSegment,
      counters: metrics.wal,
      monotonicMs: () => clock.monotonicMs(),
      segmentBytes: options.walSegmentBytes ?? SEGMENT_BYTES,
      compression: options.walCompression ?? 'snappy',
    });
    const log = wal;
    const hasRoom = await orUnusable(path, () => log.start());
    if (!hasRoom)
      logger.error({ path }, 'the disk is full: samples are kept in memory only until it has room');
    logger.info({ ...replay, tookMs: Math.round(tookMs) }, 'the write-ahead log was read');
    return { options, storage, wal, metrics, lock, replay, walFolder, blocks, oooLog };
  } catch (error) {
    await lock?.release();
    throw error;
  }
}

/** Runs a step that fails when the folder is not ours to write; its failure says so. */
async function orUnusable<T>(path: string, step: () => Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (error) {
    if (error instanceof TocsinError && error.code === 'TOCSIN_ERR_DATA_FOLDER') throw error;
    throw new TocsinError(
      'TOCSIN_ERR_DATA_FOLDER',
      `cannot use the data folder ${path}: ${errorText(error)}; make it writable or choose another --storage.tsdb.path`,
      { cause: error },
    );
  }
}
