import type { Labels } from '../../../core/labels.ts';
import type { Matcher } from '../../../core/matcher.ts';
import { ExemplarOutcome } from '../../seam.ts';
import type { Exemplar, SeriesExemplars, SeriesRef } from '../../seam.ts';

/** Most characters that names and values of an exemplar's labels may have together. */
const MAX_LABEL_CHARACTERS = 128;
/** No slot. */
const NONE = -1;

/** A series that has exemplars, with its oldest and its newest slot. */
interface Chain {
  readonly labels: Labels;
  ref: SeriesRef;
  oldest: number;
  newest: number;
}

/** What {@link ExemplarStore} counts. */
export interface ExemplarFigures {
  readonly appended: number;
  readonly outOfOrder: number;
  readonly stored: number;
  readonly series: number;
  readonly capacity: number;
  /** Time of the exemplar that goes next; 0 when there is none. */
  readonly lastMs: number;
}

/**
 * The newest exemplars of all series together: a ring in which a new one takes the place of the one that came first. Those of
 * a series are linked in order of time. A capacity of 0 takes none.
 *
 * @see prometheus tsdb/exemplar.go CircularExemplarStorage
 */
export class ExemplarStore {
  #capacity = 0;
  #times = new Float64Array(0);
  /** Neighbours in time within the series. */
  #earlier = new Int32Array(0);
  #later = new Int32Array(0);
  #exemplars: (Exemplar | undefined)[] = [];
  #chains: (Chain | undefined)[] = [];
  #next = 0;
  #stored = 0;
  readonly #byKey = new Map<string, Chain>();
  readonly #byRef = new Map<SeriesRef, Chain>();
  #appended = 0;
  #outOfOrder = 0;
  /** How much older than the newest one of its series an exemplar may be. */
  outOfOrderWindowMs = 0;

  constructor(capacity = 0) {
    this.resize(capacity);
  }

  get figures(): ExemplarFigures {
    const oldest = this.#stored < this.#capacity ? 0 : this.#next;
    return {
      appended: this.#appended,
      outOfOrder: this.#outOfOrder,
      stored: this.#stored,
      series: this.#byKey.size,
      capacity: this.#capacity,
      lastMs: this.#stored === 0 ? 0 : this.#times[oldest]!,
    };
  }

  get capacity(): number {
    return this.#capacity;
  }

  /** Takes on another capacity; of what does not fit, that which came first goes. Less than 0 is 0. */
  resize(capacity: number): void {
    const size = Math.max(0, capacity);
    if (size === this.#capacity) return;
    const kept = this.#inOrderOfArrival().slice(size === 0 ? this.#capacity : -size);
    this.#byKey.clear();
    this.#byRef.clear();
    this.#capacity = size;
    this.#times = new Float64Array(size);
    this.#earlier = new Int32Array(size);
    this.#later = new Int32Array(size);
    this.#exemplars = new Array<Exemplar | undefined>(size).fill(undefined);
    this.#chains = new Array<Chain | undefined>(size).fill(undefined);
    this.#next = 0;
    this.#stored = 0;
    for (const { chain, exemplar } of kept) this.#put(chain.ref, () => chain.labels, exemplar);
  }

  /** Whether an exemplar would be taken now; `same` is one that is there already. Nothing is counted. */
  check(ref: SeriesRef, labels: () => Labels, exemplar: Exemplar): ExemplarOutcome | 'same' {
    if (characterCount(exemplar.labels) > MAX_LABEL_CHARACTERS) return ExemplarOutcome.refused;
    const chain = this.#chainOf(ref, labels);
    if (chain === undefined) return ExemplarOutcome.stored;
    const newest = this.#exemplars[chain.newest]!;
    if (areSame(newest, exemplar)) return 'same';
    const { timestampMs: tMs, value } = exemplar;
    const newestMs = newest.timestampMs;
    const isLate = tMs < newestMs && tMs <= newestMs - this.outOfOrderWindowMs;
    // Of one time there may be several, as in native histograms; an order among them tells those that came before.
    const isBehind =
      tMs === newestMs &&
      (value < newest.value || (value === newest.value && exemplar.labels.compare(newest.labels) < 0));
    return isLate || isBehind ? ExemplarOutcome.outOfOrder : ExemplarOutcome.stored;
  }

  /**
   * Puts an exemplar in, unless {@link check} speaks against it. `labels` are those of the series; `kept` is what later ones are
   * compared with.
   */
  add(ref: SeriesRef, labels: () => Labels, exemplar: Exemplar, kept: Exemplar = exemplar): ExemplarOutcome {
    if (this.#capacity === 0) return ExemplarOutcome.refused;
    const outcome = this.check(ref, labels, exemplar);
    if (outcome === 'same') return ExemplarOutcome.stored;
    if (outcome === ExemplarOutcome.outOfOrder) this.#outOfOrder++;
    if (outcome !== ExemplarOutcome.stored) return outcome;
    const chain = this.#chainOf(ref, labels);
    if (chain !== undefined && exemplar.timestampMs < this.#times[chain.newest]!) {
      const before = this.#slotBefore(chain, exemplar.timestampMs);
      if (before !== NONE && this.#times[before] === exemplar.timestampMs) return ExemplarOutcome.stored;
    }
    this.#put(ref, labels, kept);
    this.#appended++;
    return ExemplarOutcome.stored;
  }

  /**
   * Exemplars with startMs <= t <= endMs of series that all matchers of any set match; series in order of labels, exemplars in
   * order of time.
   */
  select(startMs: number, endMs: number, sets: readonly (readonly Matcher[])[]): SeriesExemplars[] {
    const found: SeriesExemplars[] = [];
    for (const { labels, oldest, newest } of this.#byKey.values()) {
      if (this.#times[oldest]! > endMs || this.#times[newest]! < startMs) continue;
      if (!sets.some((set) => set.every((matcher) => matcher.matches(labels.get(matcher.name))))) continue;
      const exemplars: Exemplar[] = [];
      for (let slot = oldest; slot !== NONE && this.#times[slot]! <= endMs; slot = this.#later[slot]!) {
        if (this.#times[slot]! >= startMs) exemplars.push(this.#exemplars[slot]!);
      }
      if (exemplars.length > 0) found.push({ labels, exemplars });
    }
    return found.sort((a, b) => a.labels.compare(b.labels));
  }

  #chainOf(ref: SeriesRef, labels: () => Labels): Chain | undefined {
    const known = this.#byRef.get(ref);
    if (known !== undefined || this.#byKey.size === 0) return known;
    const chain = this.#byKey.get(labels().key);
    if (chain === undefined) return undefined;
    // The series went and came again.
    this.#byRef.delete(chain.ref);
    chain.ref = ref;
    this.#byRef.set(ref, chain);
    return chain;
  }

  #put(ref: SeriesRef, labels: () => Labels, exemplar: Exemplar): void {
    const slot = this.#next;
    this.#free(slot);
    let chain = this.#chainOf(ref, labels);
    if (chain === undefined) {
      chain = { labels: labels(), ref, oldest: NONE, newest: NONE };
      this.#byKey.set(chain.labels.key, chain);
      this.#byRef.set(ref, chain);
    }
    this.#times[slot] = exemplar.timestampMs;
    this.#exemplars[slot] = exemplar;
    this.#chains[slot] = chain;
    this.#link(chain, slot, this.#slotBefore(chain, exemplar.timestampMs));
    this.#stored++;
    this.#next = (slot + 1) % this.#capacity;
  }

  /** Links a slot in behind another; behind none it is the oldest. */
  #link(chain: Chain, slot: number, before: number): void {
    const after = before === NONE ? chain.oldest : this.#later[before]!;
    this.#earlier[slot] = before;
    this.#later[slot] = after;
    if (before === NONE) chain.oldest = slot;
    else this.#later[before] = slot;
    if (after === NONE) chain.newest = slot;
    else this.#earlier[after] = slot;
  }

  /** The newest slot of a series that is not after a time. */
  #slotBefore(chain: Chain, tMs: number): number {
    let slot = chain.newest;
    while (slot !== NONE && this.#times[slot]! > tMs) slot = this.#earlier[slot]!;
    return slot;
  }

  #free(slot: number): void {
    const chain = this.#chains[slot];
    if (chain === undefined) return;
    const before = this.#earlier[slot]!;
    const after = this.#later[slot]!;
    if (before === NONE) chain.oldest = after;
    else this.#later[before] = after;
    if (after === NONE) chain.newest = before;
    else this.#earlier[after] = before;
    this.#chains[slot] = undefined;
    this.#exemplars[slot] = undefined;
    this.#stored--;
    if (chain.oldest !== NONE) return;
    this.#byKey.delete(chain.labels.key);
    this.#byRef.delete(chain.ref);
  }

  #inOrderOfArrival(): { readonly chain: Chain; readonly exemplar: Exemplar }[] {
    const all: { readonly chain: Chain; readonly exemplar: Exemplar }[] = [];
    for (let i = 0; i < this.#capacity; i++) {
      const slot = (this.#next + i) % this.#capacity;
      const chain = this.#chains[slot];
      const exemplar = this.#exemplars[slot];
      if (chain !== undefined && exemplar !== undefined) all.push({ chain, exemplar });
    }
    return all;
  }
}

/** Whether two exemplars are the same: a time that no source gave does not tell them apart. */
function areSame(a: Exemplar, b: Exemplar): boolean {
  if ((a.hasTimestamp || b.hasTimestamp) && a.timestampMs !== b.timestampMs) return false;
  return a.value === b.value && a.labels.equals(b.labels);
}

function characterCount(labels: Labels): number {
  let count = 0;
  for (const text of labels.flat) {
    // No text has more characters than UTF-16 units.
    count += text.length;
  }
  if (count <= MAX_LABEL_CHARACTERS) return count;
  return labels.flat.reduce((sum, text) => sum + Array.from(text).length, 0);
}
