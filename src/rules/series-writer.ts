import type { FloatHistogram } from '../core/histogram/float-histogram.ts';
import type { Labels } from '../core/labels.ts';
import { AppendOutcome, histogramFault, staleMarker } from '../storage/index.ts';
import type { Appender, SampleStorage, SeriesRef } from '../storage/index.ts';
import type { Pacer } from '../core/pacer.ts';

/** One sample of a rule's result; its time is that of the evaluation. */
export interface RuleSample {
  readonly labels: Labels;
  readonly value: number;
  readonly histogram?: FloatHistogram | undefined;
}

interface WrittenSeries {
  readonly labels: Labels;
  readonly ref: SeriesRef;
}

/** Why samples were not taken, and how many for each reason; empty when all were. */
export type DroppedSamples = ReadonlyMap<string, number>;

const NOTHING_DROPPED: DroppedSamples = new Map();

const NO_MEMORY = 'no memory for new series';

const DROP_REASONS: Readonly<Record<AppendOutcome, string | undefined>> = {
  [AppendOutcome.stored]: undefined,
  [AppendOutcome.same]: undefined,
  [AppendOutcome.duplicate]: 'duplicate sample for timestamp',
  [AppendOutcome.outOfOrder]: 'out of order sample',
  [AppendOutcome.outOfBounds]: 'out of bounds',
  [AppendOutcome.tooFarAhead]: 'too far in the future',
  [AppendOutcome.malformed]: 'malformed histogram',
  [AppendOutcome.tooOld]: 'too old sample',
};

function dropReason(outcome: AppendOutcome, histogram: FloatHistogram | undefined): string | undefined {
  const fault = outcome === AppendOutcome.malformed && histogram !== undefined && histogramFault(histogram);
  return fault || DROP_REASONS[outcome];
}

/**
 * Writes what a rule gives and remembers which series it wrote, so that those it no longer gives are ended by a stale
 * marker.
 */
export class SeriesWriter {
  readonly #isVital: boolean;
  #written: ReadonlyMap<string, WrittenSeries> = new Map();

  /** `isVital`: its series are made even when there is no memory for others. */
  constructor(isVital: boolean) {
    this.#isVital = isVital;
  }

  /** Labels of the series that the last evaluation wrote. */
  get series(): Labels[] {
    return [...this.#written.values()].map(({ labels }) => labels);
  }

  /** Takes over from the writer of the rule's former version. */
  copyFrom(other: SeriesWriter): void {
    this.#written = other.#written;
  }

  /**
   * Writes samples at `tMs` and ends the series that are missing, in one transaction. Rejects when the storage cannot
   * take them; then nothing is written and the remembered series stay.
   */
  async write(
    storage: SampleStorage,
    samples: readonly RuleSample[],
    tMs: number,
    nowMs: number,
    pacer: Pacer,
  ): Promise<DroppedSamples> {
    // Most alerting rules have nothing to say most of the time.
    if (samples.length === 0 && this.#written.size === 0) return NOTHING_DROPPED;
    const appender = storage.appender(nowMs);
    const returned = new Map<string, WrittenSeries>();
    const dropped = new Map<string, number>();
    try {
      for (const { labels, value, histogram } of samples) {
        if (pacer.isDue) await pacer.pause();
        const ref = this.#refOf(appender, labels);
        if (ref === 0) {
          dropped.set(NO_MEMORY, (dropped.get(NO_MEMORY) ?? 0) + 1);
          continue;
        }
        const outcome =
          histogram === undefined
            ? appender.append(ref, tMs, value)
            : appender.appendRich(ref, tMs, { value, histogram, startMs: 0 });
        const reason = dropReason(outcome, histogram);
        if (reason === undefined) returned.set(labels.key, { labels, ref });
        else dropped.set(reason, (dropped.get(reason) ?? 0) + 1);
      }
      for (const [key, { labels }] of this.#written) {
        if (pacer.isDue) await pacer.pause();
        // Whether the marker is taken does not matter: another rule may have gone on with the series.
        if (returned.has(key)) continue;
        const ref = this.#refOf(appender, labels);
        if (ref !== 0) appender.append(ref, tMs, staleMarker);
      }
    } catch (error) {
      appender.rollback();
      throw error;
    }
    await appender.commit();
    this.#written = returned;
    return dropped;
  }

  #refOf(appender: Appender, labels: Labels): SeriesRef {
    const known = this.#written.get(labels.key);
    return known !== undefined && appender.isLive(known.ref)
      ? known.ref
      : appender.series(labels, this.#isVital);
  }
}

/** Ends series with a stale marker at `tMs`. */
export async function writeStaleMarkers(
  storage: SampleStorage,
  series: readonly Labels[],
  tMs: number,
  nowMs: number,
  pacer: Pacer,
): Promise<void> {
  if (series.length === 0) return;
  const appender = storage.appender(nowMs);
  try {
    for (const labels of series) {
      if (pacer.isDue) await pacer.pause();
      const ref = appender.series(labels);
      if (ref !== 0) appender.append(ref, tMs, staleMarker);
    }
  } catch (error) {
    appender.rollback();
    throw error;
  }
  await appender.commit();
}
