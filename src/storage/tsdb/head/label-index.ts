import { Labels } from '../../../core/labels.ts';
import { Control, PAIRS_PER_SLAB, PAIR_WORDS } from './head-slabs.ts';
import { HashIndex, HashIndexView, hashPair } from './hash-index.ts';
import { ListView, Lists } from './lists.ts';
import { subtract } from './postings.ts';
import { Symbols, SymbolsView } from './symbols.ts';
import type { Epochs } from './epochs.ts';
import type { HeadSlabs } from './head-slabs.ts';

/**
 * Which series carry which label. A pair is a name with a value; its list holds the refs of its series, ascending. The
 * pair of a name with the empty value lists the pairs of that name, and the pair of two empty texts lists those
 * name pairs: so names and values are found by the same tables. This is the part that readers use.
 */
export class LabelIndexView {
  readonly symbols: SymbolsView;
  readonly lists: ListView;
  protected readonly slabs: HeadSlabs;
  protected readonly index: HashIndexView;
  #soughtName = 0;
  #soughtValue = 0;
  readonly #isSought = (pair: number): boolean =>
    this.name(pair) === this.#soughtName && this.value(pair) === this.#soughtValue;

  constructor(slabs: HeadSlabs, symbols?: SymbolsView, lists?: ListView, index?: HashIndexView) {
    this.slabs = slabs;
    this.symbols = symbols ?? new SymbolsView(slabs);
    this.lists = lists ?? new ListView(slabs.lists);
    this.index = index ?? new HashIndexView(slabs.hash, slabs.control, Control.pairShards);
  }

  /** Pair of two symbols, 0 when no series has it. */
  find(name: number, value: number): number {
    this.#soughtName = name;
    this.#soughtValue = value;
    return this.index.find(hashPair(name, value), this.#isSought);
  }

  /** Pair of a name and a value, 0 when no series has it. */
  findText(name: string, value: string): number {
    const nameSymbol = this.symbols.find(name);
    const valueSymbol = this.symbols.find(value);
    if ((nameSymbol === 0 && name !== '') || (valueSymbol === 0 && value !== '')) return 0;
    return this.find(nameSymbol, valueSymbol);
  }

  /** Symbol of a pair's name. */
  name(pair: number): number {
    return this.slabs.pairs.words((pair / PAIRS_PER_SLAB) | 0)[(pair % PAIRS_PER_SLAB) * PAIR_WORDS]!;
  }

  /** Symbol of a pair's value. */
  value(pair: number): number {
    return this.slabs.pairs.words((pair / PAIRS_PER_SLAB) | 0)[(pair % PAIRS_PER_SLAB) * PAIR_WORDS + 1]!;
  }

  /** A pair's list, not copied; empty for pair 0. */
  list(pair: number): Uint32Array {
    return this.lists.view(this.listAddress(pair));
  }

  /** Length of a pair's list. */
  listLength(pair: number): number {
    return this.lists.length(this.listAddress(pair));
  }

  protected listAddress(pair: number): number {
    if (pair === 0) return 0;
    const words = this.slabs.pairs.words((pair / PAIRS_PER_SLAB) | 0);
    return Atomics.load(words, (pair % PAIRS_PER_SLAB) * PAIR_WORDS + 2);
  }

  /** Refs of all series, ascending, not copied. */
  allSeries(): Uint32Array {
    return this.lists.view(Atomics.load(this.slabs.control, Control.allSeries));
  }

  /** The pairs of each name with the empty value: one for each name there is. */
  names(): Uint32Array {
    return this.list(this.find(0, 0));
  }

  /** The pairs of a name, in no order. */
  values(name: string): Uint32Array {
    const symbol = this.symbols.find(name);
    return symbol === 0 ? NOTHING : this.list(this.find(symbol, 0));
  }

  /** The labels that a list of pairs (at `address`) stands for. */
  labels(address: number): Labels {
    const pairs = this.lists.view(address);
    const flat: string[] = [];
    for (let i = 0; i < pairs.length; i++) {
      flat.push(this.symbols.text(this.name(pairs[i]!)), this.symbols.text(this.value(pairs[i]!)));
    }
    return Labels.fromSortedFlat(flat);
  }

  /** Order of two pairs by the texts of name and value. */
  compare(a: number, b: number): number {
    if (a === b) return 0;
    return (
      this.symbols.compare(this.name(a), this.name(b)) || this.symbols.compare(this.value(a), this.value(b))
    );
  }
}

const NOTHING = new Uint32Array(0);

/** The writer's side of {@link LabelIndexView}. */
export class LabelIndex extends LabelIndexView {
  readonly #symbols: Symbols;
  readonly #lists: Lists;
  declare readonly lists: Lists;
  readonly #epochs: Epochs;
  readonly #free: number[] = [];
  #next = 1;
  #count = 0;

  constructor(slabs: HeadSlabs, epochs: Epochs) {
    const symbols = new Symbols(slabs, epochs);
    const lists = new Lists(slabs.lists, epochs);
    const index = new HashIndex(slabs.hash, slabs.control, Control.pairShards, epochs, (pair) =>
      hashPair(this.name(pair), this.value(pair)),
    );
    super(slabs, symbols, lists, index);
    this.#symbols = symbols;
    this.#lists = lists;
    this.#epochs = epochs;
  }

  /** Number of name and value pairs. */
  get pairCount(): number {
    return this.#count;
  }

  /** Pair of a name and a value, made when it is new; a made pair must get a series before anything else happens. */
  intern(name: string, value: string): number {
    const nameSymbol = this.#symbols.intern(name);
    const valueSymbol = this.#symbols.intern(value);
    const found = this.find(nameSymbol, valueSymbol);
    if (found !== 0) return found;
    this.#count++;
    const pair = this.#make(nameSymbol, valueSymbol);
    const ofName = this.find(nameSymbol, 0);
    if (ofName !== 0) {
      this.#push(ofName, pair);
      return pair;
    }
    const made = this.#make(nameSymbol, 0);
    this.#push(made, pair);
    const root = this.find(0, 0) || this.#make(0, 0);
    this.#push(root, made);
    return pair;
  }

  /** Makes the list of pairs of a new series. */
  makeLabels(pairs: readonly number[]): number {
    return this.#lists.make(pairs, pairs.length);
  }

  /** Adds a series to its pairs and to the list of all. Refs must be added in ascending order. */
  addSeries(ref: number, pairs: readonly number[]): void {
    for (let i = 0; i < pairs.length; i++) this.#push(pairs[i]!, ref);
    const all = this.slabs.control[Control.allSeries]!;
    const now = this.#lists.push(all, ref);
    if (now === all) return;
    Atomics.store(this.slabs.control, Control.allSeries, now);
    this.#lists.retire(all);
  }

  /** Takes refs (ascending) out of a pair's list. True when none is left: see {@link dropPairs}. */
  sweepPair(pair: number, gone: Uint32Array): boolean {
    const address = this.listAddress(pair);
    const kept = subtract(this.list(pair), gone);
    this.#setList(pair, kept.length === 0 ? 0 : this.#lists.make(kept, kept.length));
    this.#lists.retire(address);
    return kept.length === 0;
  }

  /** Gives up those of `pairs` (all of one name) that still have no series. */
  dropPairs(pairs: ReadonlySet<number>): void {
    const gone = [...pairs].filter((pair) => this.listLength(pair) === 0);
    if (gone.length === 0) return;
    const name = this.name(gone[0]!);
    const ofName = this.find(name, 0);
    this.#unlist(ofName, new Set(gone));
    this.#count -= gone.length;
    if (this.listLength(ofName) === 0) {
      this.#unlist(this.find(0, 0), new Set([ofName]));
      gone.push(ofName);
    }
    for (const pair of gone) {
      (this.index as HashIndex).remove(hashPair(this.name(pair), this.value(pair)), pair);
      this.#symbols.release(this.name(pair));
      this.#symbols.release(this.value(pair));
    }
    this.#epochs.retire(() => {
      for (const pair of gone) this.#free.push(pair);
    });
  }

  /** Takes refs (ascending) out of the list of all series. */
  sweepAll(gone: Uint32Array): void {
    const all = this.slabs.control[Control.allSeries]!;
    const kept = subtract(this.lists.view(all), gone);
    Atomics.store(this.slabs.control, Control.allSeries, this.#lists.make(kept, kept.length));
    this.#lists.retire(all);
  }

  /** Frees a series' list of pairs at once. */
  releaseLabels(address: number): void {
    this.#lists.release(address);
  }

  /** Makes room in the memory of texts; false when there is nothing to gain. */
  compactText(): boolean {
    return this.#symbols.compactOne();
  }

  #unlist(pair: number, gone: ReadonlySet<number>): void {
    const address = this.listAddress(pair);
    const kept = this.list(pair).filter((member) => !gone.has(member));
    this.#setList(pair, kept.length === 0 ? 0 : this.#lists.make(kept, kept.length));
    this.#lists.retire(address);
  }

  #make(name: number, value: number): number {
    const pair = this.#free.pop() ?? this.#next++;
    const slab = (pair / PAIRS_PER_SLAB) | 0;
    if (slab === this.slabs.pairs.count) this.slabs.pairs.add(PAIRS_PER_SLAB * PAIR_WORDS * 4);
    const words = this.slabs.pairs.words(slab);
    const at = (pair % PAIRS_PER_SLAB) * PAIR_WORDS;
    words[at] = name;
    words[at + 1] = value;
    words[at + 2] = 0;
    this.#symbols.retain(name);
    this.#symbols.retain(value);
    (this.index as HashIndex).insert(hashPair(name, value), pair);
    return pair;
  }

  #push(pair: number, word: number): void {
    const address = this.listAddress(pair);
    const now = this.#lists.push(address, word);
    if (now === address) return;
    this.#setList(pair, now);
    this.#lists.retire(address);
  }

  #setList(pair: number, address: number): void {
    const words = this.slabs.pairs.words((pair / PAIRS_PER_SLAB) | 0);
    Atomics.store(words, (pair % PAIRS_PER_SLAB) * PAIR_WORDS + 2, address);
  }
}
