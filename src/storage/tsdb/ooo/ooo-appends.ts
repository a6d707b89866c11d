import { assert } from '../../../core/errors.ts';
import type { AppendCounters } from '../head/append-counters.ts';
import type { SampleLog } from '../head/head-appender.ts';
import type { Head } from '../head/head.ts';
import type { PendingRich } from '../head/pending-samples.ts';
import { RecordWriter, RichRecords } from '../wal/wal-records.ts';

/** Takes the out-of-order samples of commits into memory, the log, and the log of out-of-order samples. */
export class OooAppends {
  readonly #head: Head;
  readonly #logs: readonly SampleLog[];
  readonly #counters: AppendCounters;
  readonly #record = new RecordWriter();
  readonly #rich = new RichRecords();

  constructor(
    head: Head,
    log: SampleLog | undefined,
    oooLog: SampleLog | undefined,
    counters: AppendCounters,
  ) {
    this.#head = head;
    this.#logs = [log, oooLog].filter((each) => each !== undefined);
    this.#counters = counters;
  }

  /**
   * Takes samples in; one for whose time there is one in the open chunk already is left out. Returns whether there were any.
   * They go to both logs, as in Prometheus: remote write reads the one, a start the other.
   */
  commit(pending: readonly PendingRich[]): boolean {
    if (pending.length === 0) return false;
    const head = this.#head;
    this.#record.beginSamples();
    for (const { ref, tMs, sample } of pending) {
      const row = head.slabs.rowOf(ref);
      assert(row >= 0, 'a series must not go while an open appender has samples for it');
      if (!head.outOfOrder.insert(ref, tMs, sample)) continue;
      const walId = head.walIdOf(row);
      if (sample.histogram === undefined) this.#counters.appendedOutOfOrder++;
      else this.#counters.appendedOutOfOrderHistograms++;
      const isPlain = sample.histogram === undefined && sample.startMs === 0;
      if (isPlain) this.#record.sample(walId, tMs, sample.low, sample.high);
      else this.#rich.add(walId, tMs, sample);
    }
    head.outOfOrder.publish();
    if (this.#record.count > 0) this.#log(this.#record.bytes);
    this.#rich.end((record) => {
      this.#log(record);
    });
    return true;
  }

  /** Resolves when both logs are safe from the death of the process. */
  async flush(): Promise<void> {
    await Promise.all(this.#logs.map((log) => log.flush()));
  }

  #log(record: Uint8Array): void {
    for (const log of this.#logs) log.log(record, false);
  }
}
