import { Labels } from '../../../core/labels.ts';
import { WriteRequestCursor } from '../proto/write-request.ts';
import type { SeriesRef } from '../../seam.ts';
import type { Incoming } from './incoming.ts';
import type { WriteReceiverMetrics } from './metrics.ts';
import { Pacer } from './pacer.ts';
import type { PacerOptions } from './pacer.ts';
import { receivedLabels } from './received-labels.ts';
import { RawSeriesKeys } from './series-keys.ts';

/** What both stores are made of. */
export interface StoreOptions {
  readonly metrics: WriteReceiverMetrics;
  readonly pacer: PacerOptions;
  readonly maxCacheBytes: number;
}

/**
 * Puts the series of `prometheus.WriteRequest` messages into the storage. A series that was there before costs a comparison
 * of the bytes of its labels. Series with labels that cannot be are counted and passed over, as Prometheus does.
 */
export class StoreV1 {
  readonly #options: StoreOptions;
  readonly #keys: RawSeriesKeys;
  readonly #cursors: WriteRequestCursor[] = [];

  constructor(options: StoreOptions) {
    this.#options = options;
    this.#keys = new RawSeriesKeys(options.maxCacheBytes);
  }

  /** Hands a message to `incoming`. Rejects with TOCSIN_ERR_PARSE for bytes that are no such message. */
  async store(message: Uint8Array, incoming: Incoming): Promise<void> {
    const cursor = this.#cursors.pop() ?? new WriteRequestCursor();
    const pacer = new Pacer(this.#options.pacer);
    const shown = (): string => shownLabels(cursor.labels());
    this.#keys.pass(this.#options.pacer.clock.monotonicMs());
    try {
      cursor.reset(message);
      while (cursor.next()) {
        let ref = this.#keys.get(cursor);
        if (ref === 0 || !incoming.isLive(ref)) ref = this.#resolve(cursor, incoming);
        if (ref !== 0) append(ref, cursor, incoming, shown);
        if (pacer.isDue()) await pacer.rest();
      }
    } finally {
      cursor.release();
      this.#cursors.push(cursor);
    }
  }

  /** The ref of a series that is not known by its bytes; 0 when it cannot be or there is no memory for it. */
  #resolve(cursor: WriteRequestCursor, incoming: Incoming): SeriesRef {
    const labels = receivedLabels(cursor.labels());
    if (typeof labels === 'string') {
      // As Prometheus counts: the series once, whatever it brings.
      this.#options.metrics.invalidLabels.inc();
      return 0;
    }
    const ref = incoming.series(labels);
    if (ref !== 0) this.#keys.set(cursor, ref);
    return ref;
  }
}

function append(ref: SeriesRef, { data }: WriteRequestCursor, incoming: Incoming, shown: () => string): void {
  const { samples, times, values, starts, hasStarts } = data;
  for (let i = 0; i < samples; i++) {
    incoming.float(ref, times[i]!, values[i]!, hasStarts ? starts[i]! : 0, shown);
  }
  for (const { flat, value, tMs } of data.exemplars) {
    const labels = Labels.fromEntries(pairs(flat));
    incoming.exemplar(ref, { labels, value, timestampMs: tMs, hasTimestamp: true }, shown);
  }
  for (const histogram of data.histograms) incoming.histogram(ref, histogram, shown);
}

/** Names and values in turn, as pairs. */
export function* pairs(flat: readonly string[]): Generator<readonly [string, string]> {
  for (let i = 0; i + 1 < flat.length; i += 2) yield [flat[i]!, flat[i + 1]!];
}

/** Labels as they are shown in answers. */
export function shownLabels(flat: readonly string[]): string {
  return Labels.fromEntries(pairs(flat)).toString().toWellFormed();
}
