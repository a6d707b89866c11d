import { compareText } from '../../../core/labels.ts';
import type { Matcher } from '../../../core/matcher.ts';
import type { Querier, SelectHints, SeriesCursor } from '../../seam.ts';
import { BlockCursor, hasSamples } from './block-cursor.ts';
import type { BlockParts } from './block-cursor.ts';
import { Slices, selectRefs, valueOf } from './block-selection.ts';
import { SeriesEntry } from './index-reader.ts';

/** Reads one block within a span of time. Cursors are of no use any more once it is closed. */
export class BlockQuerier implements Querier {
  readonly #parts: BlockParts;
  readonly #minMs: number;
  readonly #maxMs: number;
  readonly #blockMinMs: number;
  readonly #blockMaxMs: number;
  readonly #slices: Slices;
  #onClose: (() => void) | undefined;

  constructor(
    parts: BlockParts,
    block: { readonly minTime: number; readonly maxTime: number },
    span: { readonly minMs: number; readonly maxMs: number },
    pause: (() => Promise<void>) | undefined,
    onClose: () => void,
  ) {
    this.#parts = parts;
    this.#minMs = span.minMs;
    this.#maxMs = span.maxMs;
    this.#blockMinMs = block.minTime;
    this.#blockMaxMs = block.maxTime;
    this.#slices = new Slices(pause);
    this.#onClose = onClose;
  }

  async select(matchers: readonly Matcher[], hints: SelectHints): Promise<SeriesCursor> {
    const parts = this.#parts;
    const minMs = Math.max(hints.minMs, this.#minMs);
    const maxMs = Math.min(hints.maxMs, this.#maxMs);
    if (maxMs < this.#blockMinMs || minMs >= this.#blockMaxMs)
      return new BlockCursor(parts, new Uint32Array(0));
    let refs = await selectRefs(parts.index, matchers, this.#slices);
    const holdsAll = minMs <= this.#blockMinMs && maxMs >= this.#blockMaxMs - 1;
    if (!holdsAll || !parts.tombstones.isEmpty) refs = await this.#within(refs, minMs, maxMs, hints.limit);
    if (hints.limit > 0) refs = refs.subarray(0, hints.limit);
    return new BlockCursor(parts, refs);
  }

  async labelNames(matchers: readonly Matcher[], limit: number): Promise<string[]> {
    const { index } = this.#parts;
    if (matchers.length === 0) return limited(index.postings.names(), limit);
    const names = new Set<number>();
    const series = new SeriesEntry();
    for (const ref of await selectRefs(index, matchers, this.#slices)) {
      index.readSeries(ref, series, false);
      for (let i = 0; i < series.symbols.length; i += 2) names.add(series.symbols[i]!);
      if (this.#slices.step()) await this.#slices.rest();
    }
    const texts = [...names].map((name) => index.symbols.get(name));
    return limited(texts.sort(compareText), limit);
  }

  async labelValues(name: string, matchers: readonly Matcher[], limit: number): Promise<string[]> {
    const { index } = this.#parts;
    const found: string[] = [];
    if (matchers.length === 0) {
      const walk = index.postings.values(name);
      while (walk.next() && !(limit > 0 && found.length >= limit)) {
        if (name !== '') found.push(walk.value);
        if (this.#slices.step()) await this.#slices.rest();
      }
      return found;
    }
    const values = new Set<string>();
    const series = new SeriesEntry();
    for (const ref of await selectRefs(index, matchers, this.#slices)) {
      index.readSeries(ref, series, false);
      const value = valueOf(index, series, name);
      if (value !== '') values.add(value);
      if (this.#slices.step()) await this.#slices.rest();
    }
    return limited([...values].sort(compareText), limit);
  }

  close(): void {
    this.#onClose?.();
    this.#onClose = undefined;
  }

  /** Those of `refs` that have samples within a span; no more than `limit` unless that is 0. */
  async #within(refs: Uint32Array, minMs: number, maxMs: number, limit: number): Promise<Uint32Array> {
    const out = new Uint32Array(refs.length);
    const series = new SeriesEntry();
    let count = 0;
    for (const ref of refs) {
      this.#parts.index.readSeries(ref, series);
      if (hasSamples(this.#parts, ref, series, minMs, maxMs)) out[count++] = ref;
      if (limit > 0 && count >= limit) break;
      if (this.#slices.step()) await this.#slices.rest();
    }
    return out.subarray(0, count);
  }
}

function limited(texts: string[], limit: number): string[] {
  return limit > 0 ? texts.slice(0, limit) : texts;
}
