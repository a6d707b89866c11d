import { compareText } from '../../../core/labels.ts';
import type { Labels } from '../../../core/labels.ts';
import type { Matcher } from '../../../core/matcher.ts';
import { SampleBuffer } from '../../seam.ts';
import type { Querier, SelectHints, SeriesCursor, SeriesRef } from '../../seam.ts';
import { mergeSamples } from './merge-samples.ts';

/**
 * One querier over several: series with equal labels become one, samples in order of time, the earlier querier's where
 * times are equal. Refs are those of the first querier that has the series, so the queriers' refs must differ (blocks'
 * do; put the head first, whose refs live longest). A merged cursor's `count` is a bound from above. Closes them all.
 *
 * @see prometheus storage/merge.go NewMergeQuerier
 */
export function mergeQueriers(queriers: readonly Querier[]): Querier {
  return queriers.length === 1 ? queriers[0]! : new MergedQuerier(queriers);
}

/** One cursor over several, as {@link mergeQueriers} makes them; `limit` 0 is no limit. */
export function mergeCursors(cursors: readonly SeriesCursor[], limit: number): SeriesCursor {
  const filled = cursors.filter(({ count }) => count > 0);
  return filled.length === 1 ? filled[0]! : new MergedCursor(filled, limit);
}

class MergedQuerier implements Querier {
  readonly #queriers: readonly Querier[];

  constructor(queriers: readonly Querier[]) {
    this.#queriers = queriers;
  }

  async select(matchers: readonly Matcher[], hints: SelectHints): Promise<SeriesCursor> {
    const cursors = await Promise.all(this.#queriers.map((querier) => querier.select(matchers, hints)));
    return mergeCursors(cursors, hints.limit);
  }

  async labelNames(matchers: readonly Matcher[], limit: number): Promise<string[]> {
    return mergeTexts(
      await Promise.all(this.#queriers.map((each) => each.labelNames(matchers, limit))),
      limit,
    );
  }

  async labelValues(name: string, matchers: readonly Matcher[], limit: number): Promise<string[]> {
    return mergeTexts(
      await Promise.all(this.#queriers.map((each) => each.labelValues(name, matchers, limit))),
      limit,
    );
  }

  close(): void {
    for (const querier of this.#queriers) querier.close();
  }
}

/** One sorted list of several, each without twins, none twice; `limit` 0 is no limit. */
function mergeTexts(lists: readonly (readonly string[])[], limit: number): string[] {
  let merged: readonly string[] = [];
  for (const list of lists) if (list.length > 0) merged = merged.length === 0 ? list : mergeTwo(merged, list);
  return limit > 0 ? merged.slice(0, limit) : [...merged];
}

function mergeTwo(a: readonly string[], b: readonly string[]): string[] {
  const merged: string[] = [];
  let i = 0;
  let j = 0;
  while (i < a.length && j < b.length) {
    const order = compareText(a[i]!, b[j]!);
    merged.push(order <= 0 ? a[i]! : b[j]!);
    if (order <= 0) i++;
    if (order >= 0) j++;
  }
  for (; i < a.length; i++) merged.push(a[i]!);
  for (; j < b.length; j++) merged.push(b[j]!);
  return merged;
}

interface Source {
  readonly order: number;
  readonly cursor: SeriesCursor;
  labels: Labels;
}

/** Walks several cursors in step. */
class MergedCursor implements SeriesCursor {
  readonly count: number;
  /** Sources that have a series, by labels and then by order; those of the present series are not among them. */
  readonly #waiting: Source[] = [];
  readonly #present: Source[] = [];
  readonly #limit: number;
  #done = 0;
  readonly #one = new SampleBuffer();
  readonly #sum = new SampleBuffer();

  constructor(cursors: readonly SeriesCursor[], limit: number) {
    const count = cursors.reduce((sum, cursor) => sum + cursor.count, 0);
    this.#limit = limit;
    this.count = limit > 0 ? Math.min(limit, count) : count;
    for (let order = 0; order < cursors.length; order++) {
      const cursor = cursors[order]!;
      if (cursor.next()) this.#wait({ order, cursor, labels: cursor.labels() });
    }
  }

  next(): boolean {
    if (this.#limit > 0 && this.#done >= this.#limit) return false;
    for (const source of this.#present) {
      if (!source.cursor.next()) continue;
      source.labels = source.cursor.labels();
      this.#wait(source);
    }
    this.#present.length = 0;
    const first = this.#waiting.shift();
    if (first === undefined) return false;
    this.#present.push(first);
    while (this.#waiting.length > 0 && this.#waiting[0]!.labels.equals(first.labels)) {
      this.#present.push(this.#waiting.shift()!);
    }
    this.#done++;
    return true;
  }

  labels(): Labels {
    return this.#present[0]!.labels;
  }

  ref(): SeriesRef {
    return this.#present[0]!.cursor.ref();
  }

  read(minMs: number, maxMs: number, into: SampleBuffer): number {
    this.#present[0]!.cursor.read(minMs, maxMs, into);
    for (let i = 1; i < this.#present.length; i++) {
      this.#present[i]!.cursor.read(minMs, maxMs, this.#one);
      if (this.#one.length === 0) continue;
      mergeSamples(into, this.#one, this.#sum);
      mergeSamples(this.#sum, NONE, into);
    }
    return into.length;
  }

  readNewest(minMs: number, maxMs: number, into: SampleBuffer): number {
    const [first] = this.#present;
    if (this.#present.length > 1) return this.read(minMs, maxMs, into);
    if (first!.cursor.readNewest === undefined) return first!.cursor.read(minMs, maxMs, into);
    return first!.cursor.readNewest(minMs, maxMs, into);
  }

  /** Puts a source in its place; there are few, so a list will do. */
  #wait(source: Source): void {
    const waiting = this.#waiting;
    let low = 0;
    let high = waiting.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const other = waiting[middle]!;
      const order = other.labels.compare(source.labels) || other.order - source.order;
      if (order < 0) low = middle + 1;
      else high = middle;
    }
    waiting.splice(low, 0, source);
  }
}

const NONE = new SampleBuffer(1);
