import { MAX_EXPONENTIAL_SCHEMA } from '../../../core/histogram/float-histogram.ts';
import type { FloatHistogram } from '../../../core/histogram/float-histogram.ts';
import { reduceResolution } from '../../../core/histogram/resolution.ts';
import { validateHistogram, validateWholeCounts } from '../../../core/histogram/validate.ts';
import type { Labels } from '../../../core/labels.ts';
import { AppendOutcome, ExemplarOutcome } from '../../seam.ts';
import type { Appender, Exemplar, SampleStorage, SeriesMetadata, SeriesRef } from '../../seam.ts';
import { isStale, staleMarker } from '../../stale.ts';
import { histogramFault } from '../../tsdb/histogram-fault.ts';
import type { SentHistogram } from '../proto/histogram.ts';
import { Refusals } from './refusals.ts';

/** Finest schema that is reduced to the finest one that is stored; beyond it nothing is a schema. */
const MAX_REDUCIBLE_SCHEMA = 52;

/**
 * What is done with start timestamps of received samples: nothing, as Prometheus does; a sample of 0 at the start (feature
 * `created-timestamp-zero-ingestion`); stored beside the sample (feature `st-storage`).
 */
export type StartTimes = 'ignored' | 'zeroes' | 'stored';

/** What was taken of a request. */
export interface WrittenCounts {
  readonly samples: number;
  readonly histograms: number;
  readonly exemplars: number;
}

/** What Prometheus says of a sample that is not taken. */
const REASONS: readonly string[] = (() => {
  const reasons: string[] = [];
  reasons[AppendOutcome.duplicate] = 'duplicate sample for timestamp';
  reasons[AppendOutcome.outOfOrder] = 'out of order sample';
  reasons[AppendOutcome.outOfBounds] = 'out of bounds';
  reasons[AppendOutcome.tooOld] = 'too old sample';
  reasons[AppendOutcome.tooFarAhead] = 'out of bounds: timestamp is too far in the future';
  return reasons;
})();

/**
 * The samples of one received request on their way into the storage: appends what it is given, counts what was taken, and
 * collects why other things were not. All or nothing is the caller's affair: `commit` or `rollback` once, at the end.
 */
export class Incoming {
  readonly refusals = new Refusals();
  samples = 0;
  histograms = 0;
  exemplars = 0;
  /** Exemplars that came too late. */
  lateExemplars = 0;
  /** New series that there was no memory for, with all their samples. */
  refusedSeries = 0;
  readonly #appender: Appender;
  readonly #starts: StartTimes;
  #isOpen = true;

  constructor(storage: Pick<SampleStorage, 'appender'>, nowMs: number, starts: StartTimes) {
    this.#appender = storage.appender(nowMs);
    this.#starts = starts;
  }

  get written(): WrittenCounts {
    return { samples: this.samples, histograms: this.histograms, exemplars: this.exemplars };
  }

  isLive(ref: SeriesRef): boolean {
    return this.#appender.isLive(ref);
  }

  /** The ref of a series; 0 when there is no memory for a new one. */
  series(labels: Labels): SeriesRef {
    const ref = this.#appender.series(labels);
    if (ref === 0) this.refusedSeries++;
    return ref;
  }

  /** Adds a float; `startMs` is 0 where none is known, `labels` makes the labels of the series where they are to be shown. */
  float(ref: SeriesRef, tMs: number, value: number, startMs: number, labels: () => string): void {
    const outcome =
      startMs === 0 || this.#starts === 'ignored'
        ? this.#appender.append(ref, tMs, value)
        : this.#started(ref, tMs, value, undefined, startMs);
    if (outcome <= AppendOutcome.same) this.samples++;
    else this.refusals.add(`${REASONS[outcome]} for series ${labels()}`);
  }

  /** Adds a native histogram; one whose sum is the stale marker ends the series. */
  histogram(ref: SeriesRef, sent: SentHistogram, labels: () => string): void {
    const outcome = this.#addHistogram(ref, sent);
    if (outcome === AppendOutcome.stored || outcome === AppendOutcome.same) this.histograms++;
    else {
      const reason = typeof outcome === 'string' ? outcome : REASONS[outcome];
      this.refusals.add(`${reason} for series ${labels()}`);
    }
  }

  /** Adds an exemplar; one that comes too late is a refusal, one that is too long is passed over. */
  exemplar(ref: SeriesRef, exemplar: Exemplar, labels: () => string): void {
    const outcome = this.#appender.appendExemplar?.(ref, exemplar) ?? ExemplarOutcome.stored;
    if (outcome === ExemplarOutcome.stored) this.exemplars++;
    else if (outcome === ExemplarOutcome.outOfOrder) {
      this.lateExemplars++;
      this.refusals.add(`out of order exemplar for series ${labels()}`);
    }
  }

  metadata(ref: SeriesRef, metadata: SeriesMetadata): void {
    this.#appender.updateMetadata?.(ref, metadata);
  }

  /** Makes everything visible; resolves when the log has it. Rejects with TOCSIN_ERR_STORAGE when that fails. */
  commit(): Promise<void> {
    this.#isOpen = false;
    return this.#appender.commit();
  }

  /** Leaves nothing; does nothing after {@link commit}. */
  rollback(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#appender.rollback();
  }

  /** What became of it, or what is wrong with it. */
  #addHistogram(
    ref: SeriesRef,
    { tMs, startMs, histogram: sent, isWhole }: SentHistogram,
  ): AppendOutcome | string {
    if (isStale(sent.sum)) return this.#appender.append(ref, tMs, staleMarker);
    let histogram = sent;
    if (sent.schema > MAX_EXPONENTIAL_SCHEMA && sent.schema <= MAX_REDUCIBLE_SCHEMA) {
      const fault = validateHistogram(sent.with({ schema: MAX_EXPONENTIAL_SCHEMA }));
      if (fault !== undefined) return fault;
      histogram = reduceResolution(sent, MAX_EXPONENTIAL_SCHEMA);
    }
    if (isWhole) {
      const fault = histogramFault(histogram) ?? validateWholeCounts(histogram);
      if (fault !== undefined) return fault;
    }
    const outcome =
      startMs === 0 || this.#starts === 'ignored'
        ? this.#appender.appendRich(ref, tMs, { value: 0, histogram, startMs: 0 })
        : this.#started(ref, tMs, 0, histogram, startMs);
    return outcome === AppendOutcome.malformed ? (histogramFault(histogram) ?? 'invalid histogram') : outcome;
  }

  #started(
    ref: SeriesRef,
    tMs: number,
    value: number,
    histogram: FloatHistogram | undefined,
    startMs: number,
  ): AppendOutcome {
    if (this.#starts === 'stored') return this.#appender.appendRich(ref, tMs, { value, histogram, startMs });
    if (histogram === undefined) {
      this.#appender.appendStartZero(ref, startMs, tMs);
      return this.#appender.append(ref, tMs, value);
    }
    return this.#appender.appendRich(ref, tMs, { value, histogram, startMs: 0 });
  }
}
