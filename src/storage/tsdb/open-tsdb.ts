import { join } from 'node:path';
import { TocsinError, errorText } from '../../core/errors.ts';
import { Pacer } from '../../core/pacer.ts';
import { BlockStore } from './compact/block-store.ts';
import { EarlyWrites } from './early/early-writes.ts';
import { DEFAULT_CHUNK_RANGE_MS, HeadStorage } from './head/head-storage.ts';
import { lockFolder } from './lock-file.ts';
import type { FolderLock } from './lock-file.ts';
import { TsdbMetrics } from './metrics.ts';
import { OooLog } from './ooo/ooo-log.ts';
import type { TsdbOptions } from './tsdb-options.ts';
import { listWal } from './wal/wal-folder.ts';
import { SEGMENT_BYTES } from './wal/wal-format.ts';
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
  readonly walFolder: string;
  readonly blocks: BlockStore;
  readonly oooLog: OooLog;
  /** Takes samples while the log is read. */
  readonly early: EarlyWrites;
  /** The segment with which this run's log begins. */
  readonly segment: number;
  /** Samples before this are in blocks. */
  readonly minValidMs: number;
}

/**
 * The steps of a start up to where the log is to be read: the folder, its lock, its blocks, a new segment. Rejects as `Tsdb.open`
 * does.
 */
export async function openTsdb(options: TsdbOptions): Promise<TsdbParts> {
  const { files, path, clock, logger } = options;
  const walFolder = join(path, 'wal');
  const metrics = new TsdbMetrics(options.registry);
  await orUnusable(path, () => files.makeFolder(walFolder));
  const lock = options.lock && (await orUnusable(path, () => lockFolder(files, path, options.lock!, logger)));
  metrics.cleanStart.set(lock === undefined ? -1 : lock.wasStale ? 0 : 1);
  try {
    const pacer = new Pacer(clock, STRETCH_MS);
    const blocks = await BlockStore.load({ files, path, logger, pause: () => pacer.pause() });
    const { segments, checkpoint = -1 } = await listWal(files, walFolder);
    const segment = Math.max(segments.at(-1) ?? -1, checkpoint) + 1;
    const segmentBytes = options.walSegmentBytes ?? SEGMENT_BYTES;
    const compression = options.walCompression ?? 'snappy';
    const wal = new WalWriter({
      files,
      folder: walFolder,
      segment,
      counters: metrics.wal,
      monotonicMs: () => clock.monotonicMs(),
      segmentBytes,
      compression,
      gathers: clock,
      rescue: {
        logger,
        onVanished: () => {
          logger.error(
            { folder: walFolder },
            'the folder of the log was removed and is made anew: what is in memory is lost at the next start unless it is in a block by then',
          );
          storage.head.forgetLogged();
        },
      },
    });
    const oooLog = await OooLog.open({ files, path, clock, logger, segmentBytes, compression, metrics });
    const storage: HeadStorage = new HeadStorage({
      chunkRangeMs: options.chunkRangeMs ?? DEFAULT_CHUNK_RANGE_MS,
      memoryLimit: options.memoryLimit,
      log: {
        log: (record, keep) => wal.log(record, keep || early.isTaking),
        flush: (pace) => wal.flush(pace),
      },
      oooLog: {
        log: (record, keep) => oooLog.log(record, keep || early.isTaking),
        flush: () => clock.track(oooLog.flush()),
      },
    });
    const minValidMs = storage.head.startAfter(blocks.endMs);
    storage.extras.exemplars.resize(options.maxExemplars ?? 0);
    storage.head.beginReplay();
    const early = await EarlyWrites.open({
      files,
      clock,
      logger,
      path,
      storage,
      segmentBytes,
      compression,
      syncLogs: async () => {
        await wal.sync();
        await oooLog.sync();
      },
    });
    const hasRoom = await orUnusable(path, () => wal.start());
    if (!hasRoom)
      logger.error(
        { path },
        'the disk is full or may only be read: samples are kept in memory only until it can be written to',
      );
    return { options, storage, wal, metrics, lock, walFolder, blocks, oooLog, early, segment, minValidMs };
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
