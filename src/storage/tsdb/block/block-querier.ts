import { sortTexts } from '../../../core/labels.ts';
import type { Matcher } from '../../../core/matcher.ts';
import type { Querier, SelectHints, SeriesCursor } from '../../seam.ts';
import { haveCommon } from '../head/postings.ts';
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
    const all = index.postings.names();
    if (matchers.length === 0) return limited(all, limit);
    const refs = await selectRefs(index, matchers, this.#slices);
    const valueCount = all.reduce((sum, name) => sum + index.postings.valueCount(name), 0);
    if (refs.length < valueCount) {
      const texts = [...(await this.#namesOf(refs, all.length))].map((name) => index.symbols.get(name));
      return limited(sortTexts(texts), limit);
    }
    const found: string[] = [];
    for (const name of all) if ((await this.#valuesAmong(name, refs, 1)).length > 0) found.push(name);
    return limited(found, limit);
  }

  async labelValues(name: string, matchers: readonly Matcher[], limit: number): Promise<string[]> {
    const { index } = this.#parts;
    if (name === '') return [];
    if (matchers.length === 0) return this.#allValues(name, limit);
    const refs = await selectRefs(index, matchers, this.#slices);
    const valueCount = index.postings.valueCount(name);
    if (refs.length >= valueCount) return this.#valuesAmong(name, refs, limit);
    const values = new Set<string>();
    const series = new SeriesEntry();
    for (const ref of refs) {
      index.readSeries(ref, series, false);
      const value = valueOf(index, series, name);
      if (value !== '') values.add(value);
      if (values.size === valueCount) break;
      if (this.#slices.step()) await this.#slices.rest();
    }
    return limited(sortTexts([...values]), limit);
  }

  close(): void {
    this.#onClose?.();
    this.#onClose = undefined;
  }

  async #allValues(name: string, limit: number): Promise<string[]> {
    const found: string[] = [];
    const walk = this.#parts.index.postings.values(name);
    while (walk.next() && !(limit > 0 && found.length >= limit)) {
      found.push(walk.value);
      if (this.#slices.step()) await this.#slices.rest();
    }
    return found;
  }

  /** Values of a name that any of these series has, from the lists of the values: for many series. 0 is no limit. */
  async #valuesAmong(name: string, refs: Uint32Array, limit: number): Promise<string[]> {
    const { index } = this.#parts;
    const found: string[] = [];
    const walk = index.postings.values(name);
    while (walk.next()) {
      if (haveCommon(index.readPostings(walk.place), refs)) found.push(walk.value);
      if (limit > 0 && found.length >= limit) break;
      if (this.#slices.step(5)) await this.#slices.rest();
    }
    return found;
  }

  /** Numbers of the names that any of these series has; there are `nameCount` in the block. */
  async #namesOf(refs: Uint32Array, nameCount: number): Promise<ReadonlySet<number>> {
    const names = new Set<number>();
    const series = new SeriesEntry();
    for (const ref of refs) {
      this.#parts.index.readSeries(ref, series, false);
      for (let i = 0; i < series.symbols.length; i += 2) names.add(series.symbols[i]!);
      if (names.size === nameCount) break;
      if (this.#slices.step()) await this.#slices.rest();
    }
    return names;
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
