import { assert } from '../../../core/errors.ts';
import { emptyHistogram } from '../../../core/histogram/empty.ts';
import type { FloatHistogram } from '../../../core/histogram/float-histogram.ts';
import type { Labels } from '../../../core/labels.ts';
import { AppendOutcome, ExemplarOutcome } from '../../seam.ts';
import type { Appender, Exemplar, RichSample, SeriesMetadata, SeriesRef } from '../../seam.ts';
import { MAX_AHEAD_MS } from '../head/head-appender.ts';
import type { HeadStorage } from '../head/head-storage.ts';
import type { PendingSamples } from '../head/pending-samples.ts';
import { withoutEmpty } from '../head/series-extras.ts';
import type { PendingExtras } from '../head/series-extras.ts';
import { histogramFault } from '../histogram-fault.ts';
import { storedSample } from '../stored-sample.ts';
import type { StoredSample } from '../stored-sample.ts';
import { recordTypeOf } from '../wal/record-types.ts';
import type { RichRecordType } from '../wal/record-types.ts';
import type { EarlyWrites } from './early-writes.ts';

/** Times beyond this are not exact in the formats. */
const MAX_TIME_MS = 2 ** 52;

const wordBox = new Uint32Array(2);
const floatBox = new Float64Array(wordBox.buffer);

/**
 * A transaction while the log is being read. What the head has of a series is not known yet, so samples count as stored that it may
 * refuse when they come to it: those are counted there.
 */
export class EarlyAppender implements Appender {
  readonly #early: EarlyWrites;
  /** Makes series, and keeps them from being reclaimed; gets no samples. */
  readonly #series: Appender;
  readonly #batch: PendingSamples;
  readonly #nowMs: number;
  readonly #maxMs: number;
  readonly #keepsExemplars: boolean;
  /** Series of which there is a rich sample since the last turn, and its kind. */
  readonly #rich = new Map<SeriesRef, RichRecordType>();
  readonly #zeros = new Map<SeriesRef, number>();
  /** What was added at the times of {@link #zeros} to series of histograms. */
  readonly #emptyHistograms = new Map<SeriesRef, FloatHistogram>();
  readonly #extras: PendingExtras = { exemplars: [], metadata: [] };
  #isOpen = true;

  constructor(early: EarlyWrites, storage: HeadStorage, batch: PendingSamples, nowMs: number) {
    this.#early = early;
    this.#series = storage.appender(nowMs);
    this.#batch = batch;
    this.#nowMs = nowMs;
    this.#maxMs = Math.min(nowMs + MAX_AHEAD_MS, MAX_TIME_MS);
    this.#keepsExemplars = storage.extras.exemplars.capacity > 0;
  }

  series(labels: Labels, isVital?: boolean): SeriesRef {
    assert(this.#isOpen, 'an appender is used once');
    return this.#series.series(labels, isVital);
  }

  isLive(ref: SeriesRef): boolean {
    return this.#series.isLive(ref);
  }

  append(ref: SeriesRef, tMs: number, value: number): AppendOutcome {
    assert(this.#isOpen, 'an appender is used once');
    assert(Number.isInteger(tMs), 'the time of a sample is in whole milliseconds');
    // It counts what lies too far ahead.
    if (tMs > this.#maxMs) return this.#series.append(ref, tMs, value);
    if (tMs < -MAX_TIME_MS) return AppendOutcome.outOfBounds;
    this.#batch.reserve(1);
    this.#add(ref, tMs, value);
    return AppendOutcome.stored;
  }

  appendRich(ref: SeriesRef, tMs: number, sample: RichSample): AppendOutcome {
    const { value, histogram, startMs } = sample;
    if (histogram === undefined && startMs === 0) return this.append(ref, tMs, value);
    assert(this.#isOpen, 'an appender is used once');
    assert(Number.isInteger(tMs), 'the time of a sample is in whole milliseconds');
    assert(Number.isInteger(startMs), 'the start of a sample is in whole milliseconds');
    if (histogram !== undefined && histogramFault(histogram) !== undefined) return AppendOutcome.malformed;
    if (tMs > this.#maxMs) return this.#series.appendRich(ref, tMs, sample);
    if (tMs < -MAX_TIME_MS) return AppendOutcome.outOfBounds;
    const stored = storedSample(sample);
    const type = recordTypeOf(stored);
    const known = this.#rich.get(ref);
    if (known !== undefined && known !== type) this.#turn();
    this.#rich.set(ref, type);
    this.#batch.addRich(ref, tMs, stored);
    return AppendOutcome.stored;
  }

  appendStartZero(ref: SeriesRef, startMs: number, tMs: number, histogram?: FloatHistogram): void {
    if (startMs >= Math.min(tMs, this.#maxMs) || startMs < -MAX_TIME_MS) return;
    if (this.#early.hasZero(ref, startMs)) return;
    this.#zeros.set(ref, startMs);
    if (histogram === undefined) this.append(ref, startMs, 0);
    else {
      const empty = emptyHistogram(histogram);
      this.#emptyHistograms.set(ref, empty);
      this.appendRich(ref, startMs, { value: 0, histogram: empty, startMs: 0 });
    }
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
    let refused = 0;
    for (let i = 0; i < count; i++) {
      const outcome = this.append(refs[i]!, tMs, values[i]!);
      outcomes[i] = outcome;
      if (outcome > AppendOutcome.same) refused++;
    }
    return refused;
  }

  appendExemplar(ref: SeriesRef, exemplar: Exemplar): ExemplarOutcome {
    assert(this.#isOpen, 'an appender is used once');
    if (!this.#keepsExemplars) return ExemplarOutcome.stored;
    const outcome = this.#series.appendExemplar?.(ref, exemplar) ?? ExemplarOutcome.refused;
    if (outcome === ExemplarOutcome.stored) {
      this.#extras.exemplars.push({ ref, exemplar: withoutEmpty(exemplar) });
    }
    return outcome;
  }

  updateMetadata(ref: SeriesRef, metadata: SeriesMetadata): void {
    assert(this.#isOpen, 'an appender is used once');
    this.#extras.metadata.push({ ref, metadata });
  }

  async commit(): Promise<void> {
    assert(this.#isOpen, 'an appender is used once');
    this.#isOpen = false;
    let done: Promise<void>;
    try {
      for (let wait = this.#early.hindrance(); wait !== undefined; wait = this.#early.hindrance()) await wait;
      done = this.#early.isOver
        ? this.#handOver()
        : this.#early.commit(this.#batch, this.#zeros, this.#extras);
    } finally {
      this.#end();
    }
    await done;
  }

  rollback(): void {
    assert(this.#isOpen, 'an appender is used once');
    this.#isOpen = false;
    this.#end();
  }

  #end(): void {
    this.#series.rollback();
    this.#early.giveBack(this.#batch);
  }

  /** The log was read meanwhile: the head takes the samples itself. */
  #handOver(): Promise<void> {
    const appender = this.#early.headAppender(this.#nowMs);
    const batch = this.#batch;
    for (const { ref, metadata } of this.#extras.metadata) appender.updateMetadata?.(ref, metadata);
    for (const [ref, startMs] of this.#zeros)
      appender.appendStartZero(ref, startMs, this.#maxMs, this.#emptyHistograms.get(ref));
    let from = 0;
    let richFrom = 0;
    for (const turn of [...batch.turns, { floats: batch.length, rich: batch.rich.length }]) {
      for (let i = from; i < turn.floats; i++) {
        const ref = batch.refs[i]!;
        const tMs = batch.times[i]!;
        if (this.#zeros.get(ref) !== tMs) appender.append(ref, tMs, batch.values[i]!);
      }
      for (const { ref, tMs, sample } of batch.rich.slice(richFrom, turn.rich)) {
        const isZero = sample.histogram !== undefined && this.#zeros.get(ref) === tMs;
        if (!isZero) appender.appendRich(ref, tMs, richSample(sample));
      }
      from = turn.floats;
      richFrom = turn.rich;
    }
    for (const { ref, exemplar } of this.#extras.exemplars) appender.appendExemplar?.(ref, exemplar);
    return appender.commit();
  }

  #add(ref: SeriesRef, tMs: number, value: number): void {
    if (this.#rich.has(ref)) this.#turn();
    this.#batch.addFloat(ref, tMs, value);
  }

  #turn(): void {
    this.#batch.turn();
    this.#rich.clear();
  }
}

function richSample({ low, high, histogram, startMs }: StoredSample): RichSample {
  wordBox[0] = low;
  wordBox[1] = high;
  return { value: floatBox[0]!, histogram, startMs };
}
