import type { Clock } from '../../../core/clock.ts';
import type { SampleLog } from '../head/head-appender.ts';
import { RecordType } from '../wal/record-types.ts';
import type { WalWriter } from '../wal/wal-writer.ts';

/** The write-ahead log as the head's appenders see it. */
export class HeadLog implements SampleLog {
  readonly #wal: WalWriter;
  readonly #clock: Clock;
  /**
   * Whether what is appended at present was read from the log: then only series are logged that it does not name, which others
   * may have made.
   */
  isReading = false;

  constructor(wal: WalWriter, clock: Clock) {
    this.#wal = wal;
    this.#clock = clock;
  }

  log(record: Uint8Array, keep: boolean): void {
    if (!this.isReading || record[0] === RecordType.series) this.#wal.log(record, keep);
  }

  flush(): Promise<void> {
    return this.isReading ? Promise.resolve() : this.#clock.track(this.#wal.flush());
  }
}
