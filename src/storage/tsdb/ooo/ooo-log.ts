import { join } from 'node:path';
import type { Clock } from '../../../core/clock.ts';
import type { Logger } from '../../../core/log.ts';
import { Pacer } from '../../../core/pacer.ts';
import type { FileSystem } from '../../../core/ports.ts';
import type { SampleLog } from '../head/head-appender.ts';
import type { Head } from '../head/head.ts';
import { Row } from '../head/head-slabs.ts';
import type { TsdbMetrics } from '../metrics.ts';
import type { OooSpan, OooStore } from './ooo-store.ts';
import type { StoredSample } from '../stored-sample.ts';
import type { IdMap } from '../wal/id-map.ts';
import type { WalCompression } from '../wal/record-compression.ts';
import { listWal } from '../wal/wal-folder.ts';
import { segmentName } from '../wal/wal-format.ts';
import { readSegment } from '../wal/wal-reader.ts';
import { readRecord } from '../wal/wal-records.ts';
import { repairSegment, tellDamage } from '../wal/wal-repair.ts';
import { WalWriter } from '../wal/wal-writer.ts';

/** What {@link OooLog.open} needs. */
export interface OooLogOptions {
  readonly files: FileSystem;
  /** The data folder. */
  readonly path: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly segmentBytes: number;
  readonly compression: WalCompression;
  readonly metrics: Pick<
    TsdbMetrics,
    'outOfOrderLog' | 'outOfOrderLogTruncations' | 'outOfOrderLogTruncationsFailed'
  >;
}

/** What reading the log needs. */
export interface OooReplayOptions {
  readonly files: FileSystem;
  /** The data folder. */
  readonly path: string;
  readonly head: Head;
  /** Row + 1 by log number, as reading the write-ahead log gave it. */
  readonly rows: IdMap;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Ends the reading; it then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

const SLICE_MS = 8;

/**
 * The log of out-of-order samples, `wbl/`: segments as the write-ahead log has them, whose records name series by the numbers
 * that that one gives them. The folder is made when there is a window for the first time.
 *
 * @see prometheus tsdb/head_wal.go loadWBL
 */
export class OooLog implements SampleLog {
  readonly #files: FileSystem;
  readonly #folder: string;
  readonly #writer: WalWriter;
  readonly #metrics: OooLogOptions['metrics'];
  #ready: Promise<void> | undefined;
  #bytes = 0;

  private constructor(options: OooLogOptions, segment: number) {
    const { files, path, clock, logger, segmentBytes, compression, metrics } = options;
    this.#metrics = metrics;
    this.#files = files;
    this.#folder = join(path, 'wbl');
    this.#writer = new WalWriter({
      files,
      folder: this.#folder,
      segment,
      counters: metrics.outOfOrderLog,
      monotonicMs: () => clock.monotonicMs(),
      segmentBytes,
      compression,
      rescue: {
        logger,
        onVanished: () => {
          logger.error(
            { folder: this.#folder },
            'the folder of the log of out-of-order samples was removed and is made anew: those in memory are lost at the next start unless they are in a block by then',
          );
        },
      },
    });
  }

  /** Opens the log behind what it holds; {@link replayOutOfOrder} reads that, before the first record is logged. */
  static async open(options: OooLogOptions): Promise<OooLog> {
    const { files, path } = options;
    const folder = join(path, 'wbl');
    const isThere = (await files.stat(folder)) !== undefined;
    const { segments } = isThere ? await listWal(files, folder) : { segments: [] };
    return new OooLog(options, (segments.at(-1) ?? -1) + 1);
  }

  /** Bytes of the folder when it was last measured. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The segment that is written to. */
  get segment(): number {
    return this.#writer.segment;
  }

  /** Looks how large the log is. */
  async measure(): Promise<void> {
    let bytes = 0;
    if ((await this.#files.stat(this.#folder)) !== undefined) {
      for (const name of await this.#files.list(this.#folder))
        bytes += (await this.#files.stat(join(this.#folder, name)))?.sizeBytes ?? 0;
    }
    this.#bytes = bytes;
  }

  log(record: Uint8Array, keep: boolean): void {
    this.#writer.log(record, keep);
  }

  async flush(): Promise<void> {
    this.#ready ??= this.#files.makeFolder(this.#folder);
    try {
      await this.#ready;
    } catch (error) {
      this.#ready = undefined;
      throw error;
    }
    await this.#writer.flush();
  }

  sync(): Promise<void> {
    return this.#writer.sync();
  }

  /** How what is in memory, and in this log, becomes blocks: between `begin` and `end` they are written. */
  compaction(store: OooStore): { begin: () => OooSpan | undefined; end: () => Promise<void> } {
    let segment = 0;
    return {
      begin: () => {
        segment = this.#writer.rotate();
        return store.beginCompaction();
      },
      end: async () => {
        store.endCompaction();
        this.#metrics.outOfOrderLogTruncations.inc();
        try {
          await this.#removeBefore(segment);
        } catch (error) {
          this.#metrics.outOfOrderLogTruncationsFailed.inc();
          throw error;
        }
      },
    };
  }

  /** Removes the segments before this one. */
  async #removeBefore(segment: number): Promise<void> {
    if ((await this.#files.stat(this.#folder)) === undefined) return;
    await this.flush();
    const { segments } = await listWal(this.#files, this.#folder);
    for (const index of segments) {
      if (index < segment) await this.#files.remove(join(this.#folder, segmentName(index)));
    }
    await this.#files.syncFolder(this.#folder);
  }

  close(): Promise<void> {
    return this.#writer.close();
  }
}

/**
 * Puts what `wbl/` holds into a head, repairing the log where it is damaged unless `readOnly`. Rejects with TOCSIN_ERR_STORAGE when
 * the folder cannot be listed. Resolves to how many segments were damaged, torn ends aside.
 */
export async function replayOutOfOrder(
  { files, path, head, rows, clock, logger, signal }: OooReplayOptions,
  readOnly: boolean,
): Promise<number> {
  const folder = join(path, 'wbl');
  if ((await files.stat(folder)) === undefined) return 0;
  const { segments } = await listWal(files, folder);
  const pacer = new Pacer(clock, SLICE_MS);
  let damagedSegments = 0;
  let samples = 0;
  let unknownSamples = 0;
  const take = (walId: number, tMs: number, sample: StoredSample): void => {
    const row = rows.get(walId) - 1;
    if (row < 0) unknownSamples++;
    else {
      const ref = head.rowWords(row)[head.rowStart(row) + Row.ref]!;
      if (head.outOfOrder.insert(ref, tMs, sample)) samples++;
    }
  };
  const nothing = (): void => undefined;
  const sink = {
    series: nothing,
    sample: (walId: number, tMs: number, low: number, high: number) =>
      take(walId, tMs, { low, high, histogram: undefined, startMs: 0 }),
    rich: take,
    exemplar: nothing,
    metadata: nothing,
    tombstone: nothing,
  };
  for (const index of segments) {
    const file = join(folder, segmentName(index));
    const report = await readSegment(
      files,
      file,
      (record) => {
        try {
          readRecord(record, sink);
        } catch (error) {
          // Its checksum is right, so it was written like this; what precedes the fault has been taken.
          logger.error({ segment: file, err: error }, 'a record of out-of-order samples is not understood');
        }
      },
      () => {
        signal?.throwIfAborted();
        return pacer.pause();
      },
    );
    if (!report.damage.every(({ isTornTail }) => isTornTail)) damagedSegments++;
    if (readOnly) tellDamage(file, report, logger);
    else await repairSegment(files, file, report, logger);
  }
  head.outOfOrder.publish();
  if (segments.length > 0)
    logger.info({ segments: segments.length, samples, unknownSamples }, 'out-of-order samples were read');
  return damagedSegments;
}
