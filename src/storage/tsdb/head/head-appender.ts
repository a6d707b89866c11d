import { assert } from '../../../core/errors.ts';
import { emptyHistogram } from '../../../core/histogram/empty.ts';
import type { FloatHistogram } from '../../../core/histogram/float-histogram.ts';
import type { Labels } from '../../../core/labels.ts';
import { AppendOutcome } from '../../seam.ts';
import type {
  Appender,
  CommitPace,
  Exemplar,
  ExemplarOutcome,
  RichSample,
  SeriesMetadata,
  SeriesRef,
} from '../../seam.ts';
import { newAppendCounters } from './append-counters.ts';
import type { Head } from './head.ts';
import { lateOutcome } from './late-outcome.ts';
import type { MemoryGuard } from './memory-guard.ts';
import { PendingSamples, RICH_INDEX } from './pending-samples.ts';
import { Control, Row } from './head-slabs.ts';
import { OooAppends } from '../ooo/ooo-appends.ts';
import { SeriesExtras } from './series-extras.ts';
import type { PendingExtras } from './series-extras.ts';
import { histogramFault } from '../histogram-fault.ts';
import { storedSample } from '../stored-sample.ts';
import type { StoredSample } from '../stored-sample.ts';
import { RecordWriter, RichRecords } from '../wal/wal-records.ts';

/** How far ahead of now a sample may be. Prometheus' scrapes: 10 minutes. */
export const MAX_AHEAD_MS: number = 10 * 60_000;
/** Times beyond this are not exact in the formats. */
const MAX_TIME_MS = 2 ** 52;
/** A record of series is ended above this. */
const SERIES_RECORD_BYTES = 1 << 20;

/** Where commits go besides the head; the write-ahead log, or nothing. */
export interface SampleLog {
  /** Takes a record in; the bytes are copied. `keep` marks records that later ones need. */
  log(record: Uint8Array, keep: boolean): void;
  /** Resolves when everything logged so far is safe from the death of the process. */
  flush(pace?: CommitPace): Promise<void>;
}

/** Makes appenders over one head and one log, and lends them what they work with. */
export class Appenders {
  readonly #head: Head;
  readonly #log: SampleLog | undefined;
  readonly counters = newAppendCounters();
  readonly #pool: PendingSamples[] = [];
  /** Told of every sample that comes late, whether it is taken or not: how far it is behind the newest of all. */
  onLate: (deltaMs: number) => void = () => undefined;
  readonly #record = new RecordWriter();
  readonly #takeText = this.#record.utf8.bind(this.#record);
  readonly #richRecords = new RichRecords();
  readonly extras: SeriesExtras;
  /** Samples that come out of order. */
  readonly outOfOrder: OooAppends;
  /** Undefined where memory has no limit. */
  readonly guard: MemoryGuard | undefined;

  constructor(head: Head, log: SampleLog | undefined, oooLog?: SampleLog, guard?: MemoryGuard) {
    this.#head = head;
    this.#log = log;
    this.guard = guard;
    this.outOfOrder = new OooAppends(head, log, oooLog, this.counters);
    this.extras = new SeriesExtras(head);
  }

  open(nowMs: number): Appender {
    const batch = this.#pool.pop() ?? new PendingSamples();
    return new HeadAppender(this.#head, this, batch, nowMs + MAX_AHEAD_MS);
  }

  /** Applies a batch, and what there is besides samples, to the head and logs it. */
  commit(batch: PendingSamples, extras: PendingExtras | undefined, pace?: CommitPace): Promise<void> {
    this.counters.committed++;
    this.#logSeries();
    if (extras !== undefined) this.extras.commitMetadata(extras, this.#log);
    this.#apply(batch);
    if (extras !== undefined) this.extras.commitExemplars(extras, this.#log);
    const hasOutOfOrder = this.outOfOrder.commit(batch.outOfOrder);
    this.#giveBack(batch);
    if (hasOutOfOrder) return this.outOfOrder.flush();
    return this.#log?.flush(pace) ?? Promise.resolve();
  }

  rollback(batch: PendingSamples): void {
    this.counters.rolledBack++;
    this.#giveBack(batch);
  }

  /** The newest sample of a row, whose first word is `at`. */
  lastSample(words: Uint32Array, at: number): StoredSample {
    const tail = this.#head.chunks.tail(words[at + Row.ref]!);
    if (tail !== undefined) return tail.last;
    return {
      low: words[at + Row.lastLow]!,
      high: words[at + Row.lastHigh]!,
      histogram: undefined,
      startMs: 0,
    };
  }

  /** Counts a sample that comes too late; hands its outcome through. */
  countLate(outcome: AppendOutcome, isHistogram: boolean): AppendOutcome {
    if (outcome === AppendOutcome.duplicate) this.counters.duplicate++;
    else if (outcome === AppendOutcome.outOfOrder) {
      if (isHistogram) this.counters.outOfOrderHistograms++;
      else this.counters.outOfOrder++;
    }
    return outcome;
  }

  #giveBack(batch: PendingSamples): void {
    batch.clear();
    this.#pool.push(batch);
  }

  /** Series that anybody made since the last commit: some of them may have samples in this one. */
  #logSeries(): void {
    const refs = this.#head.takeUnlogged();
    if (refs.length === 0 || this.#log === undefined) return;
    const { labels } = this.#head;
    this.#record.beginSeries();
    for (const ref of refs) {
      const row = this.#head.slabs.rowOf(ref);
      if (row < 0) continue;
      const address = this.#head.rowWords(row)[this.#head.rowStart(row) + Row.labels]!;
      const pairs = labels.lists.view(address);
      this.#record.beginLabels(this.#head.walIdOf(row), pairs.length);
      for (const pair of pairs) {
        labels.symbols.utf8(labels.name(pair), this.#takeText);
        labels.symbols.utf8(labels.value(pair), this.#takeText);
      }
      if (this.#record.bytes.length < SERIES_RECORD_BYTES) continue;
      this.#log.log(this.#record.bytes, true);
      this.#record.beginSeries();
    }
    if (this.#record.count > 0) this.#log.log(this.#record.bytes, true);
  }

  #apply(batch: PendingSamples): void {
    const { control } = this.#head.slabs;
    Atomics.add(control, Control.writes, 1);
    // Not all machines keep stores behind the one before them; they do behind a load.
    Atomics.load(control, Control.writes);
    try {
      this.#applyTurns(batch);
    } finally {
      Atomics.add(control, Control.writes, 1);
    }
  }

  #applyTurns(batch: PendingSamples): void {
    let from = 0;
    let richFrom = 0;
    for (const turn of batch.turns) {
      this.#applyFloats(batch, from, turn.floats);
      this.#applyRich(batch, richFrom, turn.rich);
      from = turn.floats;
      richFrom = turn.rich;
    }
    this.#applyFloats(batch, from, batch.length);
    this.#applyRich(batch, richFrom, batch.rich.length);
  }

  #applyFloats(batch: PendingSamples, from: number, to: number): void {
    if (from === to) return;
    const head = this.#head;
    const record = this.#record;
    const { refs, times, words } = batch;
    const { chunks, slabs } = head;
    let minMs = Infinity;
    let maxMs = -Infinity;
    record.beginSamples();
    for (let i = from; i < to; i++) {
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
        const sample: StoredSample = { low, high, histogram: undefined, startMs: 0 };
        if (tMs < lastMs && head.outOfOrder.takes(tMs, head.maxTimeMs))
          batch.outOfOrder.push({ ref: refs[i]!, tMs, sample });
        else this.countLate(lateOutcome(sample, this.lastSample(rowWords, at), tMs === lastMs), false);
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

  #applyRich(batch: PendingSamples, from: number, to: number): void {
    const head = this.#head;
    const { counters } = this;
    for (let i = from; i < to; i++) {
      const { ref, tMs, sample } = batch.rich[i]!;
      const row = head.slabs.rowOf(ref);
      assert(row >= 0, 'a series must not go while an open appender has samples for it');
      const words = head.rowWords(row);
      const floats = head.rowFloats(row);
      const at = head.rowStart(row);
      const lastMs = floats[(at >>> 1) + Row.lastTimeFloat]!;
      if (tMs <= lastMs) {
        if (tMs < lastMs && head.outOfOrder.takes(tMs, head.maxTimeMs)) {
          batch.outOfOrder.push({ ref, tMs, sample });
          continue;
        }
        this.countLate(
          lateOutcome(sample, this.lastSample(words, at), tMs === lastMs),
          sample.histogram !== undefined,
        );
        continue;
      }
      head.chunks.appendRich(words, floats, at, tMs, sample);
      if (this.#log !== undefined) this.#richRecords.add(floats[(at >>> 1) + Row.walIdFloat]!, tMs, sample);
      head.noteTimes(tMs, tMs);
      if (sample.histogram === undefined) counters.appended++;
      else counters.appendedHistograms++;
    }
    this.#richRecords.end((record) => this.#log?.log(record, false));
  }
}

class HeadAppender implements Appender {
  readonly #head: Head;
  readonly #appenders: Appenders;
  readonly #batch: PendingSamples;
  readonly #id: number;
  readonly #minMs: number;
  readonly #maxMs: number;
  /** Time of the head's newest sample when this began. */
  readonly #headMaxMs: number;
  /** Most transactions have none. */
  #extras: PendingExtras | undefined;
  #isOpen = true;

  constructor(head: Head, appenders: Appenders, batch: PendingSamples, maxMs: number) {
    this.#head = head;
    this.#appenders = appenders;
    this.#batch = batch;
    this.#id = head.openAppender();
    this.#minMs = head.minValidMs();
    this.#headMaxMs = head.maxTimeMs;
    this.#maxMs = Math.min(maxMs, MAX_TIME_MS);
  }

  series(labels: Labels, isVital = false): SeriesRef {
    assert(this.#isOpen, 'an appender is used once');
    const { guard } = this.#appenders;
    const isOpenToAll = guard === undefined || isVital || guard.admits();
    const ref = isOpenToAll ? this.#head.series(labels) : this.#head.find(labels);
    if (ref !== 0) this.#touch(this.#head.slabs.rowOf(ref));
    else guard!.refused++;
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

  appendRich(ref: SeriesRef, tMs: number, sample: RichSample): AppendOutcome {
    const { value, histogram, startMs } = sample;
    if (histogram === undefined && startMs === 0) return this.append(ref, tMs, value);
    assert(this.#isOpen, 'an appender is used once');
    assert(Number.isInteger(tMs), 'the time of a sample is in whole milliseconds');
    assert(Number.isInteger(startMs), 'the start of a sample is in whole milliseconds');
    if (histogram !== undefined && histogramFault(histogram) !== undefined) return AppendOutcome.malformed;
    return this.#addRich(ref, tMs, sample);
  }

  appendStartZero(ref: SeriesRef, startMs: number, tMs: number, histogram?: FloatHistogram): void {
    const isWithin = startMs >= this.#minMs && startMs < Math.min(tMs, this.#maxMs);
    if (!isWithin || startMs <= this.#newestMs(ref)) return;
    if (histogram === undefined) this.append(ref, startMs, 0);
    else this.appendRich(ref, startMs, { value: 0, histogram: emptyHistogram(histogram), startMs: 0 });
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

  appendExemplar(ref: SeriesRef, exemplar: Exemplar): ExemplarOutcome {
    this.#touch(this.#liveRow(ref));
    return this.#appenders.extras.addExemplar(this.#pendingExtras(), ref, exemplar);
  }

  updateMetadata(ref: SeriesRef, metadata: SeriesMetadata): void {
    this.#touch(this.#liveRow(ref));
    this.#appenders.extras.addMetadata(this.#pendingExtras(), ref, metadata);
  }

  async commit(pace?: CommitPace): Promise<void> {
    assert(this.#isOpen, 'an appender is used once');
    this.#isOpen = false;
    const logged = this.#appenders.commit(this.#batch, this.#extras, pace);
    this.#head.closeAppender(this.#id);
    await logged;
  }

  rollback(): void {
    assert(this.#isOpen, 'an appender is used once');
    this.#isOpen = false;
    this.#appenders.rollback(this.#batch);
    this.#head.closeAppender(this.#id);
  }

  #liveRow(ref: SeriesRef): number {
    const row = this.#head.slabs.rowOf(ref);
    assert(row >= 0, 'a cached series ref must be checked with isLive before anything is added to it');
    return row;
  }

  #pendingExtras(): PendingExtras {
    assert(this.#isOpen, 'an appender is used once');
    return (this.#extras ??= { exemplars: [], metadata: [] });
  }

  #add(ref: number, tMs: number, value: number): AppendOutcome {
    if (tMs > this.#maxMs || tMs < this.#minMs)
      return this.#outside(ref, tMs, { value, histogram: undefined, startMs: 0 });
    const row = this.#head.slabs.rowOf(ref);
    assert(row >= 0, 'a cached series ref must be checked with isLive before it is appended to');
    const words = this.#head.rowWords(row);
    const at = this.#head.rowStart(row);
    const batch = this.#batch;
    let lastMs = this.#head.rowFloats(row)[(at >>> 1) + Row.lastTimeFloat]!;
    if (words[at + Row.owner] === this.#id) {
      const pending = words[at + Row.ownerIndex]!;
      lastMs = Math.max(lastMs, batch.timeOf(pending));
      if (pending >= RICH_INDEX && tMs > lastMs) batch.turn();
    }
    if (tMs <= lastMs) return this.#late(row, tMs, { value, histogram: undefined, startMs: 0 });
    const index = batch.addFloat(ref, tMs, value);
    words[at + Row.owner] = this.#id;
    words[at + Row.ownerIndex] = index;
    this.#touch(row);
    return AppendOutcome.stored;
  }

  #addRich(ref: number, tMs: number, rich: RichSample): AppendOutcome {
    if (tMs > this.#maxMs || tMs < this.#minMs) return this.#outside(ref, tMs, rich);
    const row = this.#head.slabs.rowOf(ref);
    assert(row >= 0, 'a cached series ref must be checked with isLive before it is appended to');
    const words = this.#head.rowWords(row);
    const at = this.#head.rowStart(row);
    const batch = this.#batch;
    let lastMs = this.#head.rowFloats(row)[(at >>> 1) + Row.lastTimeFloat]!;
    const isPending = words[at + Row.owner] === this.#id;
    if (isPending) lastMs = Math.max(lastMs, batch.timeOf(words[at + Row.ownerIndex]!));
    if (tMs <= lastMs) return this.#late(row, tMs, rich);
    const sample = storedSample(rich);
    if (isPending && !batch.isAlike(words[at + Row.ownerIndex]!, sample)) batch.turn();
    words[at + Row.ownerIndex] = batch.addRich(ref, tMs, sample);
    words[at + Row.owner] = this.#id;
    this.#touch(row);
    return AppendOutcome.stored;
  }

  /** Time of the newest sample of a series, whether committed or from this appender; -Infinity when it has none. */
  #newestMs(ref: number): number {
    const row = this.#head.slabs.rowOf(ref);
    assert(row >= 0, 'a cached series ref must be checked with isLive before it is appended to');
    const words = this.#head.rowWords(row);
    const at = this.#head.rowStart(row);
    const lastMs = this.#head.rowFloats(row)[(at >>> 1) + Row.lastTimeFloat]!;
    if (words[at + Row.owner] !== this.#id) return lastMs;
    return Math.max(lastMs, this.#batch.timeOf(words[at + Row.ownerIndex]!));
  }

  #outside(ref: number, tMs: number, rich: RichSample): AppendOutcome {
    const isHistogram = rich.histogram !== undefined;
    const { counters } = this.#appenders;
    if (tMs > this.#maxMs) {
      counters.tooFarAhead++;
      return AppendOutcome.tooFarAhead;
    }
    if (this.#head.outOfOrder.windowMs > 0) return this.#addOutOfOrder(ref, tMs, rich);
    this.#noteLate(tMs);
    if (isHistogram) counters.outOfBoundsHistograms++;
    else counters.outOfBounds++;
    return AppendOutcome.outOfBounds;
  }

  /** For a sample that is not newer than the last one of its row. */
  #late(row: number, tMs: number, rich: RichSample): AppendOutcome {
    const words = this.#head.rowWords(row);
    const at = this.#head.rowStart(row);
    let lastMs = this.#head.rowFloats(row)[(at >>> 1) + Row.lastTimeFloat]!;
    let last: StoredSample | undefined;
    if (words[at + Row.owner] === this.#id) {
      const pending = words[at + Row.ownerIndex]!;
      const pendingMs = this.#batch.timeOf(pending);
      if (pendingMs >= lastMs) {
        lastMs = pendingMs;
        last = this.#batch.sampleAt(pending);
      }
    }
    if (tMs < lastMs && this.#head.outOfOrder.windowMs > 0)
      return this.#addOutOfOrder(words[at + Row.ref]!, tMs, rich);
    last ??= this.#appenders.lastSample(words, at);
    const outcome = lateOutcome(storedSample(rich), last, tMs === lastMs);
    if (tMs < lastMs) this.#noteLate(tMs);
    return this.#appenders.countLate(outcome, rich.histogram !== undefined);
  }

  /** For a sample that can only be taken out of order. */
  #addOutOfOrder(ref: number, tMs: number, rich: RichSample): AppendOutcome {
    const row = this.#head.slabs.rowOf(ref);
    assert(row >= 0, 'a cached series ref must be checked with isLive before it is appended to');
    this.#noteLate(tMs);
    if (!this.#head.outOfOrder.takes(tMs, this.#headMaxMs)) {
      if (rich.histogram === undefined) this.#appenders.counters.tooOld++;
      else this.#appenders.counters.tooOldHistograms++;
      return AppendOutcome.tooOld;
    }
    this.#batch.outOfOrder.push({ ref, tMs, sample: storedSample(rich) });
    this.#touch(row);
    return AppendOutcome.stored;
  }

  #noteLate(tMs: number): void {
    // In an empty head the newest is NaN.
    if (this.#headMaxMs > tMs) this.#appenders.onLate(this.#headMaxMs - tMs);
  }

  #touch(row: number): void {
    const words = this.#head.rowWords(row);
    const at = this.#head.rowStart(row) + Row.touched;
    // Compared modulo 2^32: ids wrap.
    if (((this.#id - words[at]!) | 0) > 0) words[at] = this.#id;
  }
}
