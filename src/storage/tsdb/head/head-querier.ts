import type { Matcher } from '../../../core/matcher.ts';
import type { Querier, SelectHints, SeriesCursor } from '../../seam.ts';
import type { HeadReader } from './head-reader.ts';

/** A head's reader behind the seam: pins when it is made, and ends the pin when it is closed. */
export class HeadQuerier implements Querier {
  readonly #reader: HeadReader;
  readonly #minMs: number;
  readonly #maxMs: number;
  #unpin: (() => void) | undefined;

  constructor(reader: HeadReader, minMs: number, maxMs: number) {
    this.#reader = reader;
    this.#minMs = minMs;
    this.#maxMs = maxMs;
    this.#unpin = reader.pin();
  }

  async select(matchers: readonly Matcher[], hints: SelectHints): Promise<SeriesCursor> {
    const minMs = Math.max(hints.minMs, this.#minMs);
    const maxMs = Math.min(hints.maxMs, this.#maxMs);
    return this.#reader.select(matchers, { minMs, maxMs, limit: hints.limit });
  }

  async labelNames(matchers: readonly Matcher[], limit: number): Promise<string[]> {
    return this.#reader.labelNames(matchers, limit);
  }

  async labelValues(name: string, matchers: readonly Matcher[], limit: number): Promise<string[]> {
    return this.#reader.labelValues(name, matchers, limit);
  }

  close(): void {
    this.#unpin?.();
    this.#unpin = undefined;
  }
}
