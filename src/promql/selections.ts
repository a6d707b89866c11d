import type { Matcher } from '../core/matcher.ts';
import type { SelectPurpose } from '../storage/index.ts';
import type { SelectionPlan } from './plan.ts';

interface Use {
  readonly matchers: readonly Matcher[];
  readonly key: string;
  readonly minMs: number;
  readonly maxMs: number;
  readonly purpose: SelectPurpose | undefined;
}

/**
 * Gathers what a query's selectors read. Selectors with equal matchers share one selection when their spans of time
 * overlap; those far apart (`x / x offset 1w`) don't, as sharing would read what lies between.
 */
export class SelectionSet {
  readonly #uses: Use[] = [];

  /** Notes a selector; the number is turned into a selection's by {@link resolve}. */
  add(
    matchers: readonly Matcher[],
    minMs: number,
    maxMs: number,
    purpose: SelectPurpose | undefined,
  ): number {
    const key = matchers.map(String).toSorted().join('\n');
    return this.#uses.push({ matchers, key, minMs, maxMs, purpose }) - 1;
  }

  /** The selections, and which of them each noted selector reads. */
  resolve(): { readonly selections: readonly SelectionPlan[]; readonly indexOf: readonly number[] } {
    const selections: SelectionPlan[] = [];
    const indexOf: number[] = Array.from({ length: this.#uses.length }, () => 0);
    const order = this.#uses.map((_, i) => i);
    order.sort((a, b) => this.#uses[a]!.minMs - this.#uses[b]!.minMs || a - b);
    const open = new Map<string, number>();
    for (const i of order) {
      const { matchers, key, minMs, maxMs, purpose } = this.#uses[i]!;
      const index = open.get(key);
      const present = index === undefined ? undefined : selections[index]!;
      if (index !== undefined && present !== undefined && minMs <= present.maxMs) {
        const end = Math.max(present.maxMs, maxMs);
        const shared = isSame(present.purpose, purpose) ? purpose : undefined;
        selections[index] = { ...present, maxMs: end, purpose: shared, uses: present.uses + 1 };
        indexOf[i] = index;
        continue;
      }
      indexOf[i] = selections.push({ matchers, minMs, maxMs, purpose, uses: 1 }) - 1;
      open.set(key, indexOf[i]);
    }
    return { selections, indexOf };
  }
}

function isSame(a: SelectPurpose | undefined, b: SelectPurpose | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  const isAlike = a.func === b.func && a.by === b.by && a.rangeMs === b.rangeMs;
  return (
    isAlike &&
    a.grouping.length === b.grouping.length &&
    a.grouping.every((name, i) => name === b.grouping[i])
  );
}
