import type { WalPosition } from '../../tsdb/wal/wal-position.ts';

interface Mark {
  readonly end: WalPosition;
  /** Items that came from here and are neither sent nor given up; one more while it is open. */
  open: number;
}

/**
 * Up to where the log has been dealt with, although batches of several shards end in any order. Each record gets a mark;
 * the place behind the newest mark that is done, with all before it, is where a restart has to go on.
 */
export class SendProgress {
  readonly #marks = new Map<number, Mark>();
  #oldest = 0;
  #next = 0;
  #confirmed: WalPosition;

  constructor(from: WalPosition) {
    this.#confirmed = from;
  }

  /** Everything before this is sent or given up. */
  get confirmed(): WalPosition {
    return this.#confirmed;
  }

  /** Number of the record that is taken in now; `end` is where it ends. */
  begin(end: WalPosition): number {
    const mark = this.#next++;
    this.#marks.set(mark, { end, open: 1 });
    return mark;
  }

  /** One more item came from the record. */
  took(mark: number): void {
    this.#marks.get(mark)!.open++;
  }

  /** An item is dealt with, or the record has been read to its end. */
  done(mark: number): void {
    this.#marks.get(mark)!.open--;
    for (
      let first = this.#marks.get(this.#oldest);
      first?.open === 0;
      first = this.#marks.get(this.#oldest)
    ) {
      this.#confirmed = first.end;
      this.#marks.delete(this.#oldest++);
    }
  }
}
