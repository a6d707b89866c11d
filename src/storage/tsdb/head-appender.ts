import { assert } from '../../core/errors.ts';
import type { Labels } from '../../core/labels.ts';
import { AppendOutcome } from '../seam.ts';
import type { Appender, SeriesRef } from '../seam.ts';
import { areStaleBits, staleHigh } from '../stale.ts';
import type { Head } from './head.ts';
import { Row } from './head-slabs.ts';
import { RecordWriter } from './wal-records.ts';

/** How far ahead of now a sample may be. Prometheus' scrapes: 10 minutes. */
const MAX_AHEAD_MS = 10 * 60_000;
/** Times beyond this are not exact in the formats. */
const MAX_TIME_MS = 2 ** 52;

const floatBox = new Float64Array(1);
const wordBox = new Uint32Array(floatBox.buffer);

/** Where commits go besides the head; the write-ahead log, or nothing. */
export interface SampleLog {
  /** Takes a record in; the bytes are copied. `keep` marks records that later ones need. */
  log(record: Uint8Array, keep: boolean): void;
  /** Resolves when everything logged so far is safe from the death of the process. */
  flush(): Promise<void>;
}

/** What appenders count. */
export interface AppendCounters {
  appended: number;
  outOfOrder: number;
  outOfBounds: number;
  tooFarAhead: number;
  duplicate: number;
  committed: number;
  rolledBack: number;
}

/** Columns of samples that wait for their commit. Used again and again. */
class Batch {
  refs = new Uint32Array(256);
  times = new Float64Array(256);
  values = new Float64Array(256);
  words = new Uint32Array(this.values.buffer);
  length = 0;

  reserve(more: number): void {
    const wanted = this.length + more;
    if (wanted <= this.refs.length) return;
    let size = this.refs.length * 2;
    while (size < wanted) size *= 2;
    const { refs, times, values } = this;
    this.refs = new Uint32Array(size);
    this.times = new Float64Array(size);
    this.values = new Float64Array(size);
    this.words = new Uint32Array(this.values.buffer);
    this.refs.set(refs);
    this.times.set(times);
    this.values.set(values);
  }
}

/** Gives a stale marker that was quieted on its way its proper bits; `low` is where the value's low word is. */
function restoreStale(words: Uint32Array, low: number): void {
  if (areStaleBits(words[low]!, words[low + 1]!)) words[low + 1] = staleHigh;
}

/** Makes appenders over one head and one log, and lends them what they work with. */
export class Appenders {
  readonly #head: Head;
  readonly #log: SampleLog | undefined;
  readonly counters: AppendCounters = {
    appended: 0,
    outOfOrder: 0,
    outOfBounds: 0,
    tooFarAhead: 0,
    duplicate: 0,
    committed: 0,
    rolledBack: 0,
  };
  readonly #batches: Batch[] = [];
  readonly #record = new RecordWriter();

  constructor(head: Head, log: SampleLog | undefined) {
    this.#head = head;
    this.#log = log;
  }

  open(nowMs: number): Appender {
    const batch = this.#batches.pop() ?? new Batch();
    return new HeadAppender(this.#head, this, batch, nowMs + MAX_AHEAD_MS);
  }

  /** Applies a batch to the head and logs it. */
  commit(batch: Batch): Promise<void> {
    this.counters.committed++;
    this.#logSeries();
    this.#apply(batch);
    this.#giveBack(batch);
    return this.#log?.flush() ?? Promise.resolve();
  }

  rollback(batch: Batch): void {
    this.counters.rolledBack++;
    this.#giveBack(batch);
  }

  #giveBack(batch: Batch): void {
    batch.length = 0;
    this.#batches.push(batch);
  }

  /** Series that anybody made since the last commit: some of them may have samples in this one. */
  #logSeries(): void {
    const refs = this.#head.takeUnlogged();
    if (refs.length === 0 || this.#log === undefined) return;
    this.#record.beginSeries();
    for (const ref of refs) {
      const row = this.#head.slabs.rowOf(ref);
      if (row < 0) continue;
      const address = this.#head.rowWords(row)[this.#head.rowStart(row) + Row.labels]!;
      this.#record.series(this.#head.walIdOf(row), this.#head.labels.labels(address).flat);
    }
    if (this.#record.count > 0) this.#log.log(this.#record.bytes, true);
  }

  #apply(batch: Batch): void {
    const head = this.#head;
    const record = this.#record;
    const { refs, times, words, length } = batch;
    const { chunks, slabs } = head;
    let minMs = Infinity;
    let maxMs = -Infinity;
    record.beginSamples();
    for (let i = 0; i < length; i++) {
      const row = slabs.rowOf(refs[i]!);
      assert(row >= 0, 'a series must not go while an open appender has samples for it');
      const rowWords = head.rowWords(row);
      const floats = head.rowFloats(row);
      const at = head.rowStart(row);
      const tMs = times[i]!;
      const low = words[2 * i]!;
      const high = words[2 * i + 1]!;
      const lastMs = floats[(at >>> 1) + Row.lastTimeFloat]!;
      if (tMs <= lastMs) {
        // Another appender was quicker.
        const isSame =
          tMs === lastMs && rowWords[at + Row.lastLow] === low && rowWords[at + Row.lastHigh] === high;
        if (!isSame) this.#countLate(tMs === lastMs);
        continue;
      }
      chunks.append(rowWords, floats, at, tMs, low, high);
      if (this.#log !== undefined) record.sample(floats[(at >>> 1) + Row.walIdFloat]!, tMs, low, high);
      if (tMs < minMs) minMs = tMs;
      if (tMs > maxMs) maxMs = tMs;
      this.counters.appended++;
    }
    if (maxMs >= minMs) head.noteTimes(minMs, maxMs);
    if (record.count > 0) this.#log?.log(record.bytes, false);
  }

  #countLate(isDuplicate: boolean): void {
    if (isDuplicate) this.counters.duplicate++;
    else this.counters.outOfOrder++;
  }
}

class HeadAppender implements Appender {
  readonly #head: Head;
  readonly #appenders: Appenders;
  readonly #batch: Batch;
  readonly #id: number;
  readonly #minMs: number;
  readonly #maxMs: number;
  #isOpen = true;

  constructor(head: Head, appenders: Appenders, batch: Batch, maxMs: number) {
    this.#head = head;
    this.#appenders = appenders;
    this.#batch = batch;
    this.#id = head.openAppender();
    this.#minMs = head.minValidMs();
    this.#maxMs = Math.min(maxMs, MAX_TIME_MS);
  }

  series(labels: Labels): SeriesRef {
    assert(this.#isOpen, 'an appender is used once');
    const ref = this.#head.series(labels);
    this.#touch(this.#head.slabs.rowOf(ref));
    return ref;
  }

  isLive(ref: SeriesRef): boolean {
    const row = this.#head.slabs.rowOf(ref);
    if (row < 0) return false;
    this.#touch(row);
    return true;
  }

  append(ref: SeriesRef, tMs: number, value: number): AppendOutcome {
    assert(this.#isOpen, 'an appender is used once');
    assert(Number.isInteger(tMs), 'the time of a sample is in whole milliseconds');
    this.#batch.reserve(1);
    return this.#add(ref, tMs, value);
  }

  appendColumn(
    refs: Uint32Array,
    values: Float64Array,
    count: number,
    tMs: number,
    outcomes: Uint8Array,
  ): number {
    assert(this.#isOpen, 'an appender is used once');
    assert(Number.isInteger(tMs), 'the time of a sample is in whole milliseconds');
    this.#batch.reserve(count);
    let refused = 0;
    for (let i = 0; i < count; i++) {
      const outcome = this.#add(refs[i]!, tMs, values[i]!);
      outcomes[i] = outcome;
      if (outcome > AppendOutcome.same) refused++;
    }
    return refused;
  }

  async commit(): Promise<void> {
    assert(this.#isOpen, 'an appender is used once');
    this.#isOpen = false;
    const logged = this.#appenders.commit(this.#batch);
    this.#head.closeAppender(this.#id);
    await logged;
  }

  rollback(): void {
    assert(this.#isOpen, 'an appender is used once');
    this.#isOpen = false;
    this.#appenders.rollback(this.#batch);
    this.#head.closeAppender(this.#id);
  }

  #add(ref: number, tMs: number, value: number): AppendOutcome {
    const { counters } = this.#appenders;
    if (tMs > this.#maxMs) {
      counters.tooFarAhead++;
      return AppendOutcome.tooFarAhead;
    }
    if (tMs < this.#minMs) {
      counters.outOfBounds++;
      return AppendOutcome.outOfBounds;
    }
    const row = this.#head.slabs.rowOf(ref);
    assert(row >= 0, 'a cached series ref must be checked with isLive before it is appended to');
    const words = this.#head.rowWords(row);
    const at = this.#head.rowStart(row);
    const batch = this.#batch;
    let lastMs = this.#head.rowFloats(row)[(at >>> 1) + Row.lastTimeFloat]!;
    let lastLow = words[at + Row.lastLow]!;
    let lastHigh = words[at + Row.lastHigh]!;
    if (words[at + Row.owner] === this.#id) {
      const pending = words[at + Row.ownerIndex]!;
      if (batch.times[pending]! >= lastMs) {
        lastMs = batch.times[pending]!;
        lastLow = batch.words[2 * pending]!;
        lastHigh = batch.words[2 * pending + 1]!;
      }
    }
    if (tMs <= lastMs) return this.#late(tMs === lastMs, value, lastLow, lastHigh);
    const index = batch.length++;
    batch.refs[index] = ref;
    batch.times[index] = tMs;
    batch.values[index] = value;
    if (value !== value) restoreStale(batch.words, 2 * index);
    words[at + Row.owner] = this.#id;
    words[at + Row.ownerIndex] = index;
    this.#touch(row);
    return AppendOutcome.stored;
  }

  #late(isEqualTime: boolean, value: number, lastLow: number, lastHigh: number): AppendOutcome {
    if (!isEqualTime) {
      this.#appenders.counters.outOfOrder++;
      return AppendOutcome.outOfOrder;
    }
    floatBox[0] = value;
    restoreStale(wordBox, 0);
    if (wordBox[0] === lastLow && wordBox[1] === lastHigh) return AppendOutcome.same;
    this.#appenders.counters.duplicate++;
    return AppendOutcome.duplicate;
  }

  #touch(row: number): void {
    const words = this.#head.rowWords(row);
    const at = this.#head.rowStart(row) + Row.touched;
    // Compared modulo 2^32: ids wrap.
    if (((this.#id - words[at]!) | 0) > 0) words[at] = this.#id;
  }
}
