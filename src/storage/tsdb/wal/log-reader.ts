import { errorText } from '../../../core/errors.ts';
import type { FileSystem } from '../../../core/ports.ts';
import type { StoredSample } from '../stored-sample.ts';
import { BatchBuilder } from './batch-builder.ts';
import { SeriesNamer } from './named-series.ts';
import type { NamedSeries } from './named-series.ts';
import { SampleBatch } from './sample-batch.ts';
import { readSegment } from './wal-reader.ts';
import type { SegmentReport } from './wal-reader.ts';
import { RecordType, isRichType, readRecord, skimSeries } from './wal-records.ts';
import type { RecordSink } from './wal-records.ts';

/** A batch is handed over when it has no room for so many samples more: those of a page of 32 KiB, as a rule. */
const MARGIN = 1 << 15;
/** The same for bytes of records besides samples. */
const MAX_RECORD_BYTES = 1 << 20;
const NO_BYTES = new Uint8Array(0);
/** Least bytes of a sample in a record. */
const SAMPLE_BYTES = 10;

/** A record that is not one of floats, or (with a `fault`) one of floats that ends where it should not. */
export interface OtherRecord {
  /** Empty where `series` tells what it says. */
  readonly bytes: Uint8Array;
  readonly series: NamedSeries | undefined;
  readonly fault: string | undefined;
  /** How many samples of the batch came before it. */
  readonly at: number;
  /** Which of the files it is in. */
  readonly file: number;
}

/** A stretch of the log. */
export interface LogStretch {
  readonly batch: SampleBatch;
  /** In the order of the log. Those that name series come before all samples of these series. */
  readonly others: readonly OtherRecord[];
}

/** What is done with a log that is read. */
export interface LogTaker {
  /** Takes a stretch. Resolves to a batch that may be filled now; the same or another. */
  take(stretch: LogStretch): Promise<SampleBatch>;
  /** A file was read; what it held may not all have been handed over. */
  endOfFile(file: number, report: SegmentReport): Promise<void>;
  /** Awaited between pages. */
  pause(): Promise<void>;
}

/** Reads files of the log, one after the other, into batches of samples sorted by series. */
export class LogReader implements RecordSink {
  readonly #files: FileSystem;
  readonly #taker: LogTaker;
  readonly #builder: BatchBuilder;
  readonly #namer = new SeriesNamer();
  /** Full before its time: one record had more than there was room for. */
  readonly #full: LogStretch[] = [];
  #others: OtherRecord[] = [];
  #otherBytes = 0;
  #file = 0;

  constructor(files: FileSystem, first: SampleBatch, taker: LogTaker) {
    this.#files = files;
    this.#taker = taker;
    this.#builder = new BatchBuilder(first);
  }

  /** Rejects when the taker does. */
  async read(paths: readonly string[]): Promise<void> {
    for (const [file, path] of paths.entries()) {
      this.#file = file;
      const report = await readSegment(
        this.#files,
        path,
        (record) => {
          this.#record(record);
        },
        () => this.#pause(),
      );
      await this.#taker.endOfFile(file, report);
    }
    await this.#handOverFull();
    await this.#taker.take(this.#finish());
  }

  async #pause(): Promise<void> {
    await this.#handOverFull();
    const isFull = this.#builder.room < Math.min(MARGIN, this.#builder.batch.capacity / 4);
    if (isFull || this.#otherBytes > MAX_RECORD_BYTES) {
      const stretch = this.#finish();
      this.#begin(await this.#taker.take(stretch));
    }
    await this.#taker.pause();
  }

  async #handOverFull(): Promise<void> {
    for (let next = this.#full.shift(); next !== undefined; next = this.#full.shift()) {
      // Another one is being filled already.
      await this.#taker.take(next);
    }
  }

  #record(bytes: Uint8Array): void {
    const type = bytes[0] ?? 0;
    // Not all of its bytes are of samples.
    const mostSamples = Math.ceil(bytes.length / SAMPLE_BYTES);
    if ((type === RecordType.samples || isRichType(type)) && mostSamples > this.#builder.room)
      this.#turn(mostSamples);
    if (type === RecordType.samples) this.#samples(bytes);
    else if (type === RecordType.series) this.#series(bytes);
    else {
      if (isRichType(type)) this.#mix(bytes);
      this.#add(bytes);
    }
  }

  #samples(bytes: Uint8Array): void {
    try {
      readRecord(bytes, this);
    } catch (error) {
      this.#push({ bytes: NO_BYTES, series: undefined, fault: errorText(error) });
    }
  }

  /** Samples that came before the name of their series are unknown, or are another's. */
  #series(bytes: Uint8Array): void {
    let isNamedLate = false;
    try {
      skimSeries(bytes, (walId) => {
        isNamedLate ||= this.#builder.has(walId);
      });
    } catch {
      // Whoever takes the record says what is wrong with it.
    }
    if (isNamedLate) this.#turn(0);
    const series = this.#namer.name(bytes);
    if (series === undefined) this.#add(bytes);
    else {
      this.#push({ bytes: NO_BYTES, series, fault: undefined });
      this.#otherBytes += series.words.byteLength + series.texts.length;
    }
  }

  #mix(bytes: Uint8Array): void {
    const mix = (walId: number): void => {
      this.#builder.mix(walId);
    };
    try {
      readRecord(bytes, { ...NO_SINK, sample: mix, rich: mix });
    } catch {
      // Whoever takes the record says what is wrong with it.
    }
  }

  #add(bytes: Uint8Array): void {
    this.#push({ bytes: bytes.slice(), series: undefined, fault: undefined });
    this.#otherBytes += bytes.length;
  }

  #push(other: Omit<OtherRecord, 'at' | 'file'>): void {
    this.#others.push({ ...other, at: this.#builder.batch.samples, file: this.#file });
  }

  /** Goes on with another batch in the middle of a page. */
  #turn(samples: number): void {
    const { capacity } = this.#builder.batch;
    this.#full.push(this.#finish());
    this.#begin(SampleBatch.make(Math.max(capacity, samples)));
  }

  #finish(): LogStretch {
    const stretch = { batch: this.#builder.finish(), others: this.#others };
    this.#others = [];
    this.#otherBytes = 0;
    return stretch;
  }

  #begin(batch: SampleBatch): void {
    this.#builder.begin(batch);
  }

  /** Called by {@link readRecord}. */
  sample(walId: number, tMs: number, low: number, high: number): void {
    if (this.#builder.add(walId, tMs, low, high)) return;
    this.#turn(this.#builder.batch.capacity);
    this.#builder.add(walId, tMs, low, high);
  }

  /** Not called: only records of floats are read. */
  series(): void {}
  rich(_walId: number, _tMs: number, _sample: StoredSample): void {}
  exemplar(): void {}
  metadata(): void {}
  tombstone(): void {}
}

const nothing = (): void => undefined;
const NO_SINK: RecordSink = {
  series: nothing,
  sample: nothing,
  rich: nothing,
  exemplar: nothing,
  metadata: nothing,
  tombstone: nothing,
};
