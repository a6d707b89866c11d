import { TocsinError } from '../../../core/errors.ts';
import type { FileSystem } from '../../../core/ports.ts';
import type { StoredSample } from '../../tsdb/stored-sample.ts';
import { checkpointPath, listWal, walFiles } from '../../tsdb/wal/wal-folder.ts';
import type { WalHold } from '../../tsdb/wal/wal-hold.ts';
import type { WalPosition, WalProgress } from '../../tsdb/wal/wal-position.ts';
import { readSegment } from '../../tsdb/wal/wal-reader.ts';
import { RecordType, readRecord } from '../../tsdb/wal/wal-records.ts';
import type { RecordSink } from '../../tsdb/wal/wal-records.ts';
import type { RemoteWriteConfig } from '../config.ts';
import type { DropReason } from './metrics.ts';
import type { SendProgress } from './send-progress.ts';
import { SeriesTable } from './series-table.ts';
import type { OutgoingLabels, SentSeries } from './series-table.ts';
import type { Shard } from './shard.ts';

/** The log that is sent. */
export interface SentLog {
  /** `<data>/wal`. */
  readonly folder: string;
  readonly progress: WalProgress;
  /** Where this run's part of it begins. */
  readonly start: WalPosition;
  /** Keeps a segment and all that follow from being removed. */
  hold(segment: number): WalHold;
}

/** What a {@link LogFeed} works with. */
export interface LogFeedOptions {
  readonly config: RemoteWriteConfig;
  readonly outgoing: OutgoingLabels;
  readonly progress: SendProgress;
  /** Where a series belongs: samples of one stay in order only within a shard. */
  readonly shard: (series: SentSeries) => Shard;
  readonly nowMs: () => number;
  /** Told of every sample that goes into a shard. */
  readonly took: (tMs: number) => void;
  readonly dropped: (reason: DropReason) => void;
}

/** Puts the log's records into shards. */
export class LogFeed implements RecordSink {
  readonly #options: LogFeedOptions;
  readonly #table: SeriesTable;
  #segment = 0;
  #mark = 0;
  #oldestMs = -Infinity;

  constructor(options: LogFeedOptions) {
    this.#options = options;
    this.#table = new SeriesTable(options.outgoing);
  }

  get #sendsMetadata(): boolean {
    return this.#options.config.message === 'io.prometheus.write.v2.Request';
  }

  /** How many series are known. */
  get seriesCount(): number {
    return this.#table.size;
  }

  /** Takes a record that ends at `end`. Of what is not new only the names of series, and what their metrics are, is taken. */
  record(bytes: Uint8Array, end: WalPosition, isNew: boolean): void {
    this.#segment = end.segment;
    if (!isNew) {
      if (bytes[0] === RecordType.series || bytes[0] === RecordType.metadata) readRecord(bytes, this);
      return;
    }
    const { progress, config, nowMs } = this.#options;
    const { sampleAgeLimitMs } = config.queue;
    this.#oldestMs = sampleAgeLimitMs === 0 ? -Infinity : nowMs() - sampleAgeLimitMs;
    this.#mark = progress.begin(end);
    try {
      readRecord(bytes, this);
    } finally {
      progress.done(this.#mark);
    }
  }

  /**
   * Forgets the series that were reclaimed: those that neither the newest checkpoint nor what was read after it names.
   */
  async followCheckpoint(files: FileSystem, folder: string, pause: () => Promise<void>): Promise<void> {
    const { checkpoint } = await listWal(files, folder);
    if (checkpoint === undefined) return;
    await readCheckpointSeries(
      files,
      folder,
      {
        series: (walId, flat) => this.#table.add(walId, flat, checkpoint),
        metadata: (...said) => this.metadata(...said),
      },
      pause,
    );
    this.#table.forgetBefore(checkpoint);
  }

  series(walId: number, flat: readonly string[]): void {
    this.#table.add(walId, flat, this.#segment);
  }

  sample(walId: number, tMs: number, low: number, high: number): void {
    const series = this.#wanted(walId, tMs);
    if (series === undefined) return;
    this.#add(series, tMs, low, high);
    this.#options.shard(series).added();
  }

  rich(walId: number, tMs: number, sample: StoredSample): void {
    if (sample.histogram !== undefined && !this.#options.config.sendNativeHistograms) {
      this.#options.dropped('native_histograms_disabled');
      return;
    }
    const series = this.#wanted(walId, tMs);
    if (series === undefined) return;
    const index = this.#add(series, tMs, sample.low, sample.high);
    const shard = this.#options.shard(series);
    shard.batch().rich.set(index, sample);
    shard.added();
  }

  exemplar(walId: number, tMs: number, value: number, flat: readonly string[]): void {
    if (!this.#options.config.sendExemplars) return;
    const series = this.#wanted(walId, tMs);
    if (series === undefined) return;
    const index = this.#add(series, tMs, 0, 0);
    const shard = this.#options.shard(series);
    shard.batch().exemplars.set(index, { flat, value });
    shard.added();
  }

  /** Goes out with the samples that follow, in remote write 2.0; version 1.0 has it from what is scraped. */
  metadata(walId: number, type: string, unit: string, help: string): void {
    if (this.#sendsMetadata) this.#table.setMetadata(walId, { type, unit, help });
  }

  /** Deletions are not sent: no receiver takes them. */
  tombstone(): void {}

  #wanted(walId: number, tMs: number): SentSeries | undefined {
    const series = this.#table.find(walId);
    if (series === null) this.#options.dropped('relabelled');
    else if (series === undefined) this.#options.dropped('unknown_series');
    else if (tMs < this.#oldestMs) this.#options.dropped('too_old');
    else return series;
    return undefined;
  }

  #add(series: SentSeries, tMs: number, low: number, high: number): number {
    const { progress, shard, took } = this.#options;
    progress.took(this.#mark);
    took(tMs);
    return shard(series).batch().add(series, tMs, low, high, this.#mark);
  }
}

/** What a checkpoint does not say cleanly of series is missing here as it is wherever else the log is read, which has told of it. */
function readWhatCanBe(record: Uint8Array, sink: RecordSink): void {
  try {
    readRecord(record, sink);
  } catch (error) {
    if (!(error instanceof TocsinError)) throw error;
  }
}

/** Hands over the series that the newest checkpoint of a log names, and what their metrics are. */
async function readCheckpointSeries(
  files: FileSystem,
  folder: string,
  named: Pick<RecordSink, 'series' | 'metadata'>,
  pause: () => Promise<void>,
): Promise<void> {
  const found = await listWal(files, folder);
  if (found.checkpoint === undefined) return;
  const sink: RecordSink = {
    sample() {},
    rich() {},
    exemplar() {},
    tombstone() {},
    ...named,
  };
  const inside = checkpointPath(folder, found.checkpoint);
  for (const path of await walFiles(files, inside, await listWal(files, inside))) {
    await readSegment(
      files,
      path,
      (record) => {
        if (record[0] === RecordType.series || record[0] === RecordType.metadata) readWhatCanBe(record, sink);
      },
      pause,
    );
  }
}
