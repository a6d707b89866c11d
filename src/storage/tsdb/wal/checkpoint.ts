import { join } from 'node:path';
import { TocsinError, errorText } from '../../../core/errors.ts';
import type { FileSystem } from '../../../core/ports.ts';
import type { StoredSample } from '../stored-sample.ts';
import { IdMap } from './id-map.ts';
import type { WalCompression } from './record-compression.ts';
import { keepAside } from './wal-aside.ts';
import { checkpointPath, listWal, walFiles } from './wal-folder.ts';
import { segmentName } from './wal-format.ts';
import { readSegment } from './wal-reader.ts';
import type { WalDamage } from './wal-reader.ts';
import { RecordType, RecordWriter, RichRecords, isReadable, readRecord } from './wal-records.ts';
import type { RecordSink } from './wal-records.ts';
import { WalWriter } from './wal-writer.ts';
import type { WalCounters } from './wal-counters.ts';

/** What a checkpoint is to keep. Plain data, so that another thread can be told. */
export interface CheckpointPlan {
  /** Folder of the log. */
  readonly folder: string;
  /** Last segment that the checkpoint stands for. */
  readonly upTo: number;
  /** Log numbers of series that are left out, in any order; all others are kept. */
  readonly droppedIds: Float64Array;
  /** Samples, exemplars and deletions of what is before this are left out. */
  readonly minMs: number;
  readonly compression: WalCompression;
}

/** What writing a checkpoint works with. */
export interface CheckpointPorts {
  readonly files: FileSystem;
  /** Awaited every few pages; where the thread has other work this gives it a turn. */
  readonly pause: () => Promise<void>;
  readonly counters: WalCounters;
  readonly monotonicMs: () => number;
}

/** What a checkpoint kept and left out. */
export interface CheckpointReport {
  readonly index: number;
  readonly segmentsRemoved: number;
  readonly seriesKept: number;
  readonly seriesDropped: number;
  readonly samplesKept: number;
  readonly samplesDropped: number;
  /** What is not in the checkpoint though it may be of use to a person, by the names under which it was kept. */
  readonly keptAside: readonly KeptAside[];
}

/** A file of the log that a checkpoint could not take over whole. */
export interface KeptAside {
  /** Its path; undefined when it was gone. */
  readonly path: string | undefined;
  readonly segment: string;
  readonly reason: string;
}

/**
 * Replaces all segments up to `upTo` (and the checkpoint before) by a checkpoint with what is still needed of them:
 * series that are not dropped, their samples, exemplars and deletions from `minMs` on, the newest metadata of each; records of kinds
 * that this version does not know are taken over as they are. Of segments with damage, or with records that are not understood, the
 * good part is taken, and the file stays under another name. An interruption at any point leaves a log that reads the same. Rejects
 * with TOCSIN_ERR_STORAGE, having removed nothing.
 *
 * @see prometheus tsdb/wlog/checkpoint.go
 */
export async function writeCheckpoint(
  plan: CheckpointPlan,
  ports: CheckpointPorts,
): Promise<CheckpointReport> {
  const { folder, upTo } = plan;
  const { files } = ports;
  const found = await listWal(files, folder);
  for (const name of found.temporary) await files.remove(join(folder, name));
  const target = checkpointPath(folder, upTo);
  const temporary = `${target}.tmp`;
  const { counts, bad } = await writeKept(plan, ports, temporary, await walFiles(files, folder, found, upTo));
  const keptAside: KeptAside[] = [];
  try {
    await files.syncFolder(temporary);
    for (const { segment, reason, isUnreadable } of bad) {
      const path = await keepAside(files, segment, isUnreadable ? 'unreadable' : 'damaged');
      keptAside.push({ path, segment, reason });
    }
    await files.syncFolder(folder);
    await files.rename(temporary, target);
  } catch (error) {
    await files.remove(temporary).catch(() => undefined);
    throw error;
  }
  await files.syncFolder(folder);
  const segments = found.segments.filter((index) => index <= upTo);
  for (const index of segments) await files.remove(join(folder, segmentName(index)));
  const checkpoints = [...found.olderCheckpoints, found.checkpoint].filter((index) => index !== undefined);
  for (const index of checkpoints) if (index < upTo) await files.remove(checkpointPath(folder, index));
  await files.syncFolder(folder);
  return { index: upTo, segmentsRemoved: segments.length, ...counts, keptAside };
}

type Counts = Omit<CheckpointReport, 'index' | 'segmentsRemoved' | 'keptAside'>;

/** A file that has more than was taken of it. */
interface BadFile {
  readonly segment: string;
  readonly reason: string;
  readonly isUnreadable: boolean;
}

/** Writes what is kept into a folder, which a failure removes again: on a full disk it would be in the way. */
async function writeKept(
  plan: CheckpointPlan,
  { files, pause, counters, monotonicMs }: CheckpointPorts,
  temporary: string,
  paths: readonly string[],
): Promise<{ readonly counts: Counts; readonly bad: readonly BadFile[] }> {
  await files.makeFolder(temporary);
  const { compression } = plan;
  const writer = new WalWriter({ files, folder: temporary, segment: 0, counters, monotonicMs, compression });
  const filter = new CheckpointFilter(writer, plan);
  const bad: BadFile[] = [];
  try {
    await writer.start();
    for (const path of paths) {
      let fault: string | undefined;
      const report = await readSegment(
        files,
        path,
        (record) => {
          const why = filter.record(record);
          fault ??= why;
        },
        async () => {
          await writer.flush();
          await pause();
        },
      );
      const damage = worstOf(report.damage);
      const reason = damage?.reason ?? fault;
      if (reason !== undefined)
        bad.push({ segment: path, reason, isUnreadable: damage?.isUnreadable === true });
    }
    filter.finish();
    await writer.close();
  } catch (error) {
    await writer.abandon();
    await files.remove(temporary).catch(() => undefined);
    throw error;
  }
  return { counts: filter.counts(), bad };
}

/** Damage that a person could do something about, undefined when there is none: half a record is of no use to anybody. */
function worstOf(damage: readonly WalDamage[]): WalDamage | undefined {
  return damage.find(({ isUnreadable }) => isUnreadable) ?? damage.find(({ isTornTail }) => !isTornTail);
}

interface Metadata {
  readonly type: string;
  readonly unit: string;
  readonly help: string;
}

class CheckpointFilter implements RecordSink {
  readonly #writer: WalWriter;
  readonly #dropped = new IdMap();
  readonly #minMs: number;
  readonly #record = new RecordWriter();
  readonly #rich = new RichRecords();
  readonly #metadata = new Map<number, Metadata>();
  #seriesKept = 0;
  #seriesDropped = 0;
  #samplesKept = 0;
  #samplesDropped = 0;

  constructor(writer: WalWriter, { droppedIds, minMs }: CheckpointPlan) {
    this.#writer = writer;
    this.#minMs = minMs;
    for (const walId of droppedIds) this.#dropped.set(walId, 1);
  }

  counts(): Counts {
    return {
      seriesKept: this.#seriesKept,
      seriesDropped: this.#seriesDropped,
      samplesKept: this.#samplesKept,
      samplesDropped: this.#samplesDropped,
    };
  }

  /** Writes what is kept of a record. Returns why it is not understood, if so: what precedes the fault is taken then. */
  record(bytes: Uint8Array): string | undefined {
    const type = bytes[0] ?? 0;
    if (!isReadable(type)) {
      this.#writer.log(bytes, false);
      return undefined;
    }
    if (type === RecordType.series) this.#record.beginSeries();
    else if (type === RecordType.exemplars) this.#record.beginExemplars();
    else if (type === RecordType.tombstones) this.#record.beginTombstones();
    else this.#record.beginSamples();
    let fault: string | undefined;
    try {
      readRecord(bytes, this);
    } catch (error) {
      if (!(error instanceof TocsinError)) throw error;
      // Its checksum is right, so it was written like this; the checkpoint must not fail for it ever again.
      fault = `a record is not understood: ${errorText(error)}`;
    }
    this.#end();
    return fault;
  }

  /** Writes the newest metadata of each series. */
  finish(): void {
    this.#record.beginMetadata();
    for (const [walId, { type, unit, help }] of this.#metadata) {
      this.#record.metadata(walId, type, unit, help);
    }
    this.#end();
  }

  #end(): void {
    const log = (record: Uint8Array): void => {
      this.#writer.log(record, false);
    };
    if (this.#record.count > 0) log(this.#record.bytes);
    this.#record.clear();
    this.#rich.end(log);
  }

  /** Ends the records so far when they hold the other kind of samples: those of one series stay in order. */
  #turn(toRich: boolean): void {
    if (toRich ? this.#record.count === 0 : this.#rich.isEmpty) return;
    this.#end();
    this.#record.beginSamples();
  }

  series(walId: number, flat: readonly string[]): void {
    if (this.#keeps(walId)) {
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

  exemplar(walId: number, tMs: number, value: number, flat: readonly string[]): void {
    if (tMs >= this.#minMs && this.#keeps(walId)) this.#record.exemplar(walId, tMs, value, flat);
  }

  metadata(walId: number, type: string, unit: string, help: string): void {
    if (this.#keeps(walId)) this.#metadata.set(walId, { type, unit, help });
  }

  tombstone(walId: number, minMs: number, maxMs: number): void {
    if (maxMs >= this.#minMs && this.#keeps(walId)) this.#record.tombstone(walId, minMs, maxMs);
  }

  #keeps(walId: number): boolean {
    return this.#dropped.get(walId) === 0;
  }

  #keepsSample(walId: number, tMs: number): boolean {
    const isKept = tMs >= this.#minMs && this.#keeps(walId);
    if (isKept) this.#samplesKept++;
    else this.#samplesDropped++;
    return isKept;
  }
}
