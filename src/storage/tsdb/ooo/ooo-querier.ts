import type { Matcher } from '../../../core/matcher.ts';
import type { SampleBuffer, SelectHints, SeriesCursor } from '../../seam.ts';
import { HeadQuerier } from '../head/head-querier.ts';
import type { HeadReader } from '../head/head-reader.ts';

/** Reads what came out of order alone, which blocks of its own are made of. Closes as {@link HeadQuerier} does. */
export class OooQuerier extends HeadQuerier {
  readonly #head: HeadReader;
  readonly #minMs: number;
  readonly #maxMs: number;

  constructor(reader: HeadReader, minMs: number, maxMs: number) {
    super(reader, minMs, maxMs);
    this.#head = reader;
    this.#minMs = minMs;
    this.#maxMs = maxMs;
  }

  override async select(matchers: readonly Matcher[], hints: SelectHints): Promise<SeriesCursor> {
    const minMs = Math.max(hints.minMs, this.#minMs);
    const maxMs = Math.min(hints.maxMs, this.#maxMs);
    const cursor = this.#head.select(matchers, { ...hints, minMs, maxMs });
    return {
      count: cursor.count,
      next: () => cursor.next(),
      labels: () => cursor.labels(),
      ref: () => cursor.ref(),
      read: (fromMs: number, toMs: number, into: SampleBuffer) => cursor.readOutOfOrder(fromMs, toMs, into),
    };
  }
}
