import { CounterResetHint, FloatHistogram } from '../../core/histogram/float-histogram.ts';
import { detectReset } from '../../core/histogram/resets.ts';
import type { Labels } from '../../core/labels.ts';
import type { SampleBuffer } from '../../storage/index.ts';
import type { SelectionReader } from './selection.ts';

/** At which times a reader is asked, and how far before each it has looked at every sample. */
export interface Visits {
  readonly firstMs: number;
  /** 0 when it is asked once. */
  readonly everyMs: number;
  readonly count: number;
  readonly lengthMs: number;
}

/**
 * Indexes at which what was seen before is forgotten: samples between visits that are further apart than they look
 * back.
 */
function forgottenAt({ timestamps, length }: SampleBuffer, visits: Visits): ReadonlySet<number> {
  const { firstMs, everyMs, count, lengthMs } = visits;
  const forgotten = new Set<number>();
  if (everyMs <= lengthMs) return forgotten;
  let at = 0;
  for (let k = 0; k < count && at < length; k++) {
    const endMs = firstMs + k * everyMs;
    if (k > 0 && timestamps[at]! < endMs - lengthMs) {
      while (at < length && timestamps[at]! < endMs - lengthMs) at++;
      forgotten.add(at);
    }
    while (at < length && timestamps[at]! < endMs) at++;
  }
  return forgotten;
}

/**
 * Gives native histograms without buckets, for functions that look at count and sum only. Whether a counter was reset
 * can't be told of them any more, so it is found out here and noted in the hints.
 *
 * @see prometheus promql/histogram_stats_iterator.go
 */
export class StatsReader implements SelectionReader {
  readonly #reader: SelectionReader;
  readonly #visits: Visits;

  constructor(reader: SelectionReader, visits: Visits) {
    this.#reader = reader;
    this.#visits = visits;
  }

  next(): boolean {
    return this.#reader.next();
  }

  labels(): Labels {
    return this.#reader.labels();
  }

  readNewest(minMs: number, maxMs: number, into: SampleBuffer): void {
    this.read(minMs, maxMs, into);
  }

  read(minMs: number, maxMs: number, into: SampleBuffer): void {
    this.#reader.read(minMs, maxMs, into);
    if (into.histograms === undefined) return;
    const forgotten = forgottenAt(into, this.#visits);
    let last: FloatHistogram | undefined;
    for (let i = 0; i < into.length; i++) {
      if (forgotten.has(i)) last = undefined;
      const histogram = into.histograms[i];
      if (histogram === undefined) continue;
      const { schema, count, sum } = histogram;
      into.setHistogram(
        i,
        new FloatHistogram({ schema, count, sum, counterResetHint: hint(histogram, last) }),
      );
      last = histogram;
    }
  }
}

function hint(histogram: FloatHistogram, last: FloatHistogram | undefined): CounterResetHint {
  const { unknown, reset, notReset } = CounterResetHint;
  if (histogram.counterResetHint !== unknown || last === undefined) return histogram.counterResetHint;
  return detectReset(histogram, last) ? reset : notReset;
}
