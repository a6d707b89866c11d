import { basename } from 'node:path';
import { errorText } from '../../../core/errors.ts';
import type { Clock } from '../../../core/clock.ts';
import { Labels } from '../../../core/labels.ts';
import type { Logger } from '../../../core/log.ts';
import type { FileSystem } from '../../../core/ports.ts';
import type { Head } from '../head.ts';
import { Row } from '../head-slabs.ts';
import { IdMap } from './id-map.ts';
import { listWal, walFiles } from './wal-folder.ts';
import { readSegment } from './wal-reader.ts';
import type { StoredSample } from '../stored-sample.ts';
import { FOREIGN_RECORDS, isReadable, readRecord } from './wal-records.ts';
import { repairSegment } from './wal-repair.ts';

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
  /** Index of the first segment to write now. */
  readonly nextSegment: number;
}

/**
 * Puts everything that the log holds into an empty head, and repairs the log where it is damaged. Gives others a turn
 * every few milliseconds. Rejects with TOCSIN_ERR_STORAGE when a file can't be read or a repair can't be written.
 */
export async function replayWal(options: {
  readonly files: FileSystem;
  readonly folder: string;
  readonly head: Head;
  readonly clock: Clock;
  readonly logger: Logger;
}): Promise<ReplayReport> {
  const { files, folder, head, clock, logger } = options;
  const found = await listWal(files, folder);
  const paths = await walFiles(files, folder, found);
  const replay = new Replay(head, logger);
  let damagedSegments = 0;
  let sinceMs = clock.monotonicMs();
  const pause = async (): Promise<void> => {
    if (clock.monotonicMs() - sinceMs < SLICE_MS) return;
    head.chunks.endBatch();
    await clock.yieldTurn();
    sinceMs = clock.monotonicMs();
  };
  for (const path of paths) {
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
    await repairSegment(files, path, report, logger);
  }
  replay.finish();
  const lastSegment = Math.max(found.segments.at(-1) ?? -1, found.checkpoint ?? -1);
  return {
    segments: paths.length,
    series: replay.seriesCount,
    samples: replay.sampleCount,
    unknownSamples: replay.unknownSamples,
    damagedSegments,
    nextSegment: lastSegment + 1,
  };
}

class Replay {
  readonly #head: Head;
  readonly #logger: Logger;
  /** Row + 1 by log number. */
  readonly #rows = new IdMap();
  readonly #toldTypes = new Set<number>();
  #minMs = Infinity;
  #maxMs = -Infinity;
  seriesCount = 0;
  sampleCount = 0;
  unknownSamples = 0;

  constructor(head: Head, logger: Logger) {
    this.#head = head;
    this.#logger = logger;
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
    const kind = FOREIGN_RECORDS[type] ?? `unknown type ${type}`;
    this.#logger.warn(
      { segment: basename(path), type },
      `the log holds records that this version does not read: ${kind}`,
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

  /** Whether a sample is of a known series (-1 is none) and newer than its last; if so it counts. */
  #takes(row: number, tMs: number): boolean {
    if (row < 0) {
      this.unknownSamples++;
      return false;
    }
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
