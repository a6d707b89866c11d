import { basename, join } from 'node:path';
import { errorText } from '../../../core/errors.ts';
import type { Clock } from '../../../core/clock.ts';
import { Labels } from '../../../core/labels.ts';
import type { Logger } from '../../../core/log.ts';
import type { FileSystem } from '../../../core/ports.ts';
import type { SeriesRef } from '../../seam.ts';
import type { Head } from '../head/head.ts';
import { Row } from '../head/head-slabs.ts';
import { IdMap } from './id-map.ts';
import { listWal, walFiles } from './wal-folder.ts';
import type { WalFolder } from './wal-folder.ts';
import { segmentName } from './wal-format.ts';
import { readSegment } from './wal-reader.ts';
import type { StoredSample } from '../stored-sample.ts';
import { isReadable, readRecord } from './wal-records.ts';
import type { RecordSink } from './wal-records.ts';
import { repairSegment, tellDamage } from './wal-repair.ts';

/** How long replay works before it gives others a turn. */
const SLICE_MS = 8;

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

/** Takes what the log holds besides samples. Refs are the head's. */
export interface ReplayTarget {
  /** An exemplar; its labels as name, value, name, value … */
  exemplar(ref: SeriesRef, tMs: number, value: number, flat: readonly string[]): void;
  metadata(ref: SeriesRef, type: string, unit: string, help: string): void;
  /** Samples with minMs <= t <= maxMs that came before are deleted. */
  tombstone(ref: SeriesRef, minMs: number, maxMs: number): void;
}

/** What {@link replayWal} needs. */
export interface ReplayOptions {
  readonly files: FileSystem;
  readonly folder: string;
  readonly head: Head;
  readonly clock: Clock;
  readonly logger: Logger;
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
  const { files, folder, head, clock, logger } = options;
  const found = await listWal(files, folder, options.before);
  if (options.readOnly !== true) await tidy(files, folder, found, logger);
  const paths = await walFiles(files, folder, found);
  const replay = new Replay(options);
  let damagedSegments = 0;
  let droppedBytes = 0;
  let sinceMs = clock.monotonicMs();
  const pause = async (): Promise<void> => {
    options.signal?.throwIfAborted();
    if (clock.monotonicMs() - sinceMs < SLICE_MS) return;
    head.chunks.endBatch();
    await clock.yieldTurn();
    sinceMs = clock.monotonicMs();
  };
  for (const [done, path] of paths.entries()) {
    options.onProgress?.(done, paths.length);
    const report = await readSegment(
      files,
      path,
      (record) => {
        replay.record(record, path);
      },
      pause,
    );
    if (report.damage.length === 0) continue;
    if (!report.damage.every(({ isTornTail }) => isTornTail)) damagedSegments++;
    for (const { fromByte, toByte } of report.damage) droppedBytes += toByte - fromByte;
    if (options.readOnly === true) tellDamage(path, report, logger);
    else await repairSegment(files, path, report, logger);
  }
  options.onProgress?.(paths.length, paths.length);
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

class Replay implements RecordSink {
  readonly #head: Head;
  readonly #logger: Logger;
  readonly #minValidMs: number;
  readonly #target: ReplayTarget | undefined;
  /** Row + 1 by log number. */
  readonly #rows: IdMap;
  readonly #toldTypes = new Set<number>();
  #minMs = Infinity;
  #maxMs = -Infinity;
  seriesCount = 0;
  sampleCount = 0;
  unknownSamples = 0;

  constructor({ head, logger, minValidMs, target, rows }: ReplayOptions) {
    this.#rows = rows ?? new IdMap();
    this.#head = head;
    this.#logger = logger;
    this.#minValidMs = minValidMs ?? -Infinity;
    this.#target = target;
  }

  record(bytes: Uint8Array, path: string): void {
    let type: number;
    try {
      type = readRecord(bytes, this);
    } catch (error) {
      // Its checksum is right, so it was written like this; what precedes the fault has been taken.
      this.#logger.error(
        { segment: path, err: error },
        `a record of the log is not understood: ${errorText(error)}`,
      );
      return;
    }
    if (isReadable(type) || this.#toldTypes.has(type)) return;
    this.#toldTypes.add(type);
    this.#logger.warn(
      { segment: basename(path), type },
      `the log holds records of a kind that this version does not know (${type}); they are left out`,
    );
  }

  /** Called by {@link readRecord}. Several numbers may name one series; the newest record of a number counts. */
  series(walId: number, flat: readonly string[]): void {
    const entries: [string, string][] = [];
    for (let i = 0; i < flat.length; i += 2) entries.push([flat[i]!, flat[i + 1]!]);
    const labels = Labels.fromEntries(entries);
    this.#head.reserveWalIds(walId + 1);
    if (labels.size === 0) return;
    const ref = this.#head.series(labels, walId);
    this.#rows.set(walId, this.#head.slabs.rowOf(ref) + 1);
    this.seriesCount++;
  }

  /** Called by {@link readRecord}. */
  sample(walId: number, tMs: number, low: number, high: number): void {
    const row = this.#rows.get(walId) - 1;
    if (!this.#takes(row, tMs)) return;
    const head = this.#head;
    head.chunks.append(head.rowWords(row), head.rowFloats(row), head.rowStart(row), tMs, low, high);
  }

  /** Called by {@link readRecord}. */
  rich(walId: number, tMs: number, sample: StoredSample): void {
    const row = this.#rows.get(walId) - 1;
    if (!this.#takes(row, tMs)) return;
    const head = this.#head;
    head.chunks.appendRich(head.rowWords(row), head.rowFloats(row), head.rowStart(row), tMs, sample);
  }

  /** Called by {@link readRecord}. */
  exemplar(walId: number, tMs: number, value: number, flat: readonly string[]): void {
    const row = this.#rows.get(walId) - 1;
    if (row >= 0) this.#target?.exemplar(this.#refOf(row), tMs, value, flat);
  }

  /** Called by {@link readRecord}. */
  metadata(walId: number, type: string, unit: string, help: string): void {
    const row = this.#rows.get(walId) - 1;
    if (row >= 0) this.#target?.metadata(this.#refOf(row), type, unit, help);
  }

  /** Called by {@link readRecord}. */
  tombstone(walId: number, minMs: number, maxMs: number): void {
    const row = this.#rows.get(walId) - 1;
    if (row >= 0) this.#target?.tombstone(this.#refOf(row), minMs, maxMs);
  }

  #refOf(row: number): SeriesRef {
    return this.#head.rowWords(row)[this.#head.rowStart(row) + Row.ref]!;
  }

  /** Whether a sample is of a known series (-1 is none) and newer than its last; if so it counts. */
  #takes(row: number, tMs: number): boolean {
    if (row < 0) {
      this.unknownSamples++;
      return false;
    }
    if (tMs < this.#minValidMs) return false;
    const lastTime = (this.#head.rowStart(row) >>> 1) + Row.lastTimeFloat;
    if (!(tMs > this.#head.rowFloats(row)[lastTime]!)) return false;
    this.sampleCount++;
    if (tMs < this.#minMs) this.#minMs = tMs;
    if (tMs > this.#maxMs) this.#maxMs = tMs;
    return true;
  }

  finish(): void {
    this.#head.chunks.endBatch();
    if (this.#maxMs >= this.#minMs) this.#head.noteTimes(this.#minMs, this.#maxMs);
    if (this.unknownSamples > 0) {
      this.#logger.warn(
        { samples: this.unknownSamples },
        'the log holds samples of series that it does not name; they are left out',
      );
    }
  }
}
