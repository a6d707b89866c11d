import { join } from 'node:path';
import { errorText } from '../../../core/errors.ts';
import type { Clock } from '../../../core/clock.ts';
import type { Logger } from '../../../core/log.ts';
import type { FileSystem } from '../../../core/ports.ts';
import type { Head } from '../head/head.ts';
import type { Threads } from '../../../core/threads.ts';
import type { IdMap } from './id-map.ts';
import { listWal, walFiles } from './wal-folder.ts';
import type { WalFolder } from './wal-folder.ts';
import { segmentName } from './wal-format.ts';
import { LogReader } from './log-reader.ts';
import { LogReplay } from './log-replay.ts';
import type { ReplayTarget } from './log-replay.ts';
import { readInThread } from './log-thread-reader.ts';
import { SampleBatch } from './sample-batch.ts';
import type { SegmentReport } from './wal-reader.ts';
import { repairSegment, tellDamage } from './wal-repair.ts';

/** Fewest samples that are sorted by series at a time, where the log has so many. */
const MIN_BATCH_SAMPLES = 4096;
/** See {@link ReplayOptions.batchSamples}. */
const BATCH_SAMPLES = 1 << 20;
/** See {@link ReplayOptions.threadBytes}. */
const THREAD_BYTES = 4 << 20;

/** What a replay did. */
export interface ReplayReport {
  readonly segments: number;
  readonly series: number;
  readonly samples: number;
  /** Samples of series that the log does not name. */
  readonly unknownSamples: number;
  readonly damagedSegments: number;
  /** Bytes that could not be read as records. */
  readonly droppedBytes: number;
  /** Index of the first segment to write now. */
  readonly nextSegment: number;
}

/** What {@link replayWal} needs. */
export interface ReplayOptions {
  readonly files: FileSystem;
  readonly folder: string;
  readonly head: Head;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Where files of some size are read; here when absent. */
  readonly threads?: Threads | undefined;
  /** From how many bytes on they are: less is read before a thread has started. Default 4 MiB. */
  readonly threadBytes?: number;
  /** Most samples that are sorted by series at a time. Default a million, of 33 bytes each, twice. */
  readonly batchSamples?: number;
  /** Samples before this are left out: blocks have them. */
  readonly minValidMs?: number;
  readonly target?: ReplayTarget;
  /** Gets the row of each log number, plus one. */
  readonly rows?: IdMap;
  /** Segments from this one on are not read: they are being written. */
  readonly before?: number;
  /** Ends the reading; it then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Nothing is tidied and nothing repaired: somebody else may be writing the log. */
  readonly readOnly?: boolean;
  /** Told after each file how many of how many are done, for `/api/v1/status/walreplay`. */
  readonly onProgress?: (done: number, total: number) => void;
}

/**
 * Puts everything that the log holds into an empty head, and repairs the log where it is damaged. Gives others a turn
 * every few milliseconds. Files that can't be read, whole or in part, are said and passed over. Rejects with TOCSIN_ERR_STORAGE when a
 * folder can't be listed, or with the signal's reason.
 */
export async function replayWal(options: ReplayOptions): Promise<ReplayReport> {
  const { files, folder, logger } = options;
  const found = await listWal(files, folder, options.before);
  if (options.readOnly !== true) await tidy(files, folder, found, logger);
  const paths = await walFiles(files, folder, found);
  const replay = new LogReplay(options, paths);
  let damagedSegments = 0;
  let droppedBytes = 0;
  const onFile = async (file: number, report: SegmentReport): Promise<void> => {
    options.onProgress?.(file + 1, paths.length);
    if (report.damage.length === 0) return;
    const path = paths[file]!;
    if (!report.damage.every(({ isTornTail }) => isTornTail)) damagedSegments++;
    for (const { fromByte, toByte } of report.damage) droppedBytes += toByte - fromByte;
    if (options.readOnly === true) tellDamage(path, report, logger);
    else await repairSegment(files, path, report, logger);
  };
  options.onProgress?.(0, paths.length);
  await readLog(options, paths, replay, onFile);
  replay.finish();
  const lastSegment = Math.max(found.segments.at(-1) ?? -1, found.checkpoint ?? -1);
  return {
    segments: paths.length,
    series: replay.seriesCount,
    samples: replay.sampleCount,
    unknownSamples: replay.unknownSamples,
    damagedSegments,
    droppedBytes,
    nextSegment: lastSegment + 1,
  };
}

/** Reads the files here, or in a thread beside this one when that is worth it. */
async function readLog(
  { files, clock, threads, signal, threadBytes = THREAD_BYTES, batchSamples = BATCH_SAMPLES }: ReplayOptions,
  paths: readonly string[],
  replay: LogReplay,
  onFile: (file: number, report: SegmentReport) => Promise<void>,
): Promise<void> {
  let bytes = 0;
  // What can't be looked at is not read either, and said then.
  for (const path of paths) bytes += (await files.stat(path).catch(() => undefined))?.sizeBytes ?? 0;
  const capacity = Math.min(Math.max(bytes, MIN_BATCH_SAMPLES), batchSamples);
  if (threads !== undefined && bytes >= threadBytes) {
    await readInThread({ threads, clock, signal, data: { paths, capacity } }, replay, onFile);
    return;
  }
  const reader = new LogReader(files, SampleBatch.make(capacity), {
    take: async (stretch) => {
      await replay.take(stretch);
      return stretch.batch;
    },
    endOfFile: onFile,
    pause: () => replay.pause(),
  });
  await reader.read(paths);
}

/** How many missing segments are put in place as empty files. */
const MAX_FILLED = 1000;

/**
 * Removes what an interrupted checkpoint or repair left, and puts empty files where segments are missing: Prometheus refuses
 * a log with gaps. Says what was lost. A disk that can't be written keeps nobody from reading.
 */
async function tidy(files: FileSystem, folder: string, found: WalFolder, logger: Logger): Promise<void> {
  const missing: number[] = [];
  const first = found.checkpoint === undefined ? undefined : found.checkpoint + 1;
  const kept = found.segments.filter((index) => index >= (first ?? 0));
  let expected = first ?? kept[0] ?? 0;
  for (const index of kept) {
    for (; expected < index && missing.length < MAX_FILLED; expected++) missing.push(expected);
    expected = index + 1;
  }
  if (missing.length > 0) {
    logger.error(
      { folder, first: missing[0], count: missing.length },
      'segments of the log are missing: what they held is lost; empty ones take their places',
    );
  }
  try {
    for (const name of found.temporary) await files.remove(join(folder, name));
    for (const index of missing) {
      const handle = await files.open(join(folder, segmentName(index)), 'append');
      await handle.close();
    }
  } catch (error) {
    logger.warn({ folder, err: error }, `the log's folder could not be tidied: ${errorText(error)}`);
  }
}
