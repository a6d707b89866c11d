import type { FileSystem } from '../../../core/ports.ts';
import { join } from 'node:path';
import { checkpointPath, listWal, walFiles } from './wal-folder.ts';
import { segmentName } from './wal-format.ts';
import { readSegment } from './wal-reader.ts';
import type { StoredSample } from '../stored-sample.ts';
import { RecordType, RecordWriter, RichRecords, isReadable, readRecord } from './wal-records.ts';
import type { RecordSink } from './wal-records.ts';
import { WalWriter } from './wal-writer.ts';
import type { WalCounters } from './wal-writer.ts';

/** What a checkpoint kept and left out. */
export interface CheckpointReport {
  readonly index: number;
  readonly segmentsRemoved: number;
  readonly seriesKept: number;
  readonly seriesDropped: number;
  readonly samplesKept: number;
  readonly samplesDropped: number;
}

/**
 * Replaces all segments up to `upTo` (and the checkpoint before) by a checkpoint with what is still needed of them:
 * series for which `keepsSeries` holds and their samples from `minMs` on; records of kinds that this version does not
 * read are taken over as they are. An interruption at any point leaves a log that reads the same. Rejects with
 * TOCSIN_ERR_STORAGE, having removed nothing.
 *
 * @see prometheus tsdb/wlog/checkpoint.go
 */
export async function writeCheckpoint(options: {
  readonly files: FileSystem;
  readonly folder: string;
  readonly upTo: number;
  readonly keepsSeries: (walId: number) => boolean;
  readonly minMs: number;
  readonly pause: () => Promise<void>;
  readonly counters: WalCounters;
  readonly monotonicMs: () => number;
}): Promise<CheckpointReport> {
  const { files, folder, upTo } = options;
  const found = await listWal(files, folder);
  for (const name of found.temporary) await files.remove(join(folder, name));
  const target = checkpointPath(folder, upTo);
  const temporary = `${target}.tmp`;
  await files.makeFolder(temporary);
  const writer = new WalWriter({
    files,
    folder: temporary,
    segment: 0,
    counters: options.counters,
    monotonicMs: options.monotonicMs,
  });
  const filter = new CheckpointFilter(writer, options.keepsSeries, options.minMs);
  await writer.start();
  for (const path of await walFiles(files, folder, found, upTo)) {
    await readSegment(
      files,
      path,
      (record) => {
        filter.record(record);
      },
      async () => {
        await writer.flush();
        await options.pause();
      },
    );
  }
  await writer.close();
  await files.syncFolder(temporary);
  await files.rename(temporary, target);
  await files.syncFolder(folder);
  const segments = found.segments.filter((index) => index <= upTo);
  for (const index of segments) await files.remove(join(folder, segmentName(index)));
  const checkpoints = [...found.olderCheckpoints, found.checkpoint].filter((index) => index !== undefined);
  for (const index of checkpoints) if (index < upTo) await files.remove(checkpointPath(folder, index));
  await files.syncFolder(folder);
  return { index: upTo, segmentsRemoved: segments.length, ...filter.counts() };
}

class CheckpointFilter implements RecordSink {
  readonly #writer: WalWriter;
  readonly #keepsSeries: (walId: number) => boolean;
  readonly #minMs: number;
  readonly #record = new RecordWriter();
  readonly #rich = new RichRecords();
  #seriesKept = 0;
  #seriesDropped = 0;
  #samplesKept = 0;
  #samplesDropped = 0;

  constructor(writer: WalWriter, keepsSeries: (walId: number) => boolean, minMs: number) {
    this.#writer = writer;
    this.#keepsSeries = keepsSeries;
    this.#minMs = minMs;
  }

  counts(): Omit<CheckpointReport, 'index' | 'segmentsRemoved'> {
    return {
      seriesKept: this.#seriesKept,
      seriesDropped: this.#seriesDropped,
      samplesKept: this.#samplesKept,
      samplesDropped: this.#samplesDropped,
    };
  }

  record(bytes: Uint8Array): void {
    const type = bytes[0] ?? 0;
    if (!isReadable(type)) {
      this.#writer.log(bytes, false);
      return;
    }
    if (type === RecordType.series) this.#record.beginSeries();
    else this.#record.beginSamples();
    readRecord(bytes, this);
    this.#end();
  }

  #end(): void {
    const log = (record: Uint8Array): void => {
      this.#writer.log(record, false);
    };
    if (this.#record.count > 0) log(this.#record.bytes);
    this.#rich.end(log);
  }

  /** Ends the records so far when they hold the other kind of samples: those of one series stay in order. */
  #turn(toRich: boolean): void {
    if (toRich ? this.#record.count === 0 : this.#rich.isEmpty) return;
    this.#end();
    this.#record.beginSamples();
  }

  series(walId: number, flat: readonly string[]): void {
    if (this.#keepsSeries(walId)) {
      this.#seriesKept++;
      this.#record.series(walId, flat);
    } else this.#seriesDropped++;
  }

  sample(walId: number, tMs: number, low: number, high: number): void {
    if (!this.#keepsSample(walId, tMs)) return;
    this.#turn(false);
    this.#record.sample(walId, tMs, low, high);
  }

  rich(walId: number, tMs: number, sample: StoredSample): void {
    if (!this.#keepsSample(walId, tMs)) return;
    this.#turn(true);
    this.#rich.add(walId, tMs, sample);
  }

  #keepsSample(walId: number, tMs: number): boolean {
    const isKept = tMs >= this.#minMs && this.#keepsSeries(walId);
    if (isKept) this.#samplesKept++;
    else this.#samplesDropped++;
    return isKept;
  }
}
