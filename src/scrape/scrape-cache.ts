import { METRIC_TYPES } from '../core/metric-types.ts';
import type { MetricTypeName } from '../core/metric-types.ts';
import { assert } from '../core/errors.ts';
import { NEWLINE } from './parser/bytes.ts';
import { MetaKind, TYPE_UNKNOWN } from './parser/entry.ts';

/**
 * What one target's last scrapes taught, keyed by the raw bytes of its lines: which series a line is, whether
 * relabelling drops it, what a HELP line says. A target whose series don't change is scraped without making a string.
 *
 * Layout: struct of arrays over slots, an open-addressing table of slot numbers (linear probing, a power of two in
 * size, at most half full), and one slab with all keys. Slots remember which slot came after them in the last scrape,
 * so lookups begin with a guess that is nearly always right. Removing is lazy: a slot that the last good scrape did not
 * touch counts as absent and leaves at the next {@link ScrapeCache.finish} that finds enough of them.
 *
 * The hash is seeded, so that a target cannot choose keys that collide.
 *
 * @see prometheus scrape/scrape.go scrapeCache
 */

/** What a slot of the cache stands for. */
export const SlotKind = { free: 0, series: 1, dropped: 2, meta: 3 } as const;
export type SlotKind = (typeof SlotKind)[keyof typeof SlotKind];

/** A metric family's description, as `/api/v1/metadata` gives it. */
export interface MetricMetadata {
  readonly family: string;
  readonly type: MetricTypeName;
  readonly help: string;
  readonly unit: string;
}

/** What lines said of a metric family so far. */
export interface MetaFamily {
  readonly name: string;
  /** Scrape in which it was last told something new. */
  changedIteration: number;
  type: number;
  help: string;
  unit: string;
  lastIteration: number;
}

/** What a known HELP, TYPE or UNIT line says. */
interface MetaLine {
  readonly family: MetaFamily;
  readonly kind: MetaKind;
  readonly text: string;
  readonly type: number;
}

const NO_SLOT = -1;
/** What the first line makes room for. */
const LEAST_SLOTS = 256;
const LEAST_KEY_BYTES = 1 << 14;
/** Columns of all caches that know nothing yet: thousands of targets may come at once, most of which answer later. */
const NO_BYTES = new Uint8Array(0);
const NO_WORDS = new Uint32Array(0);
const NO_INTEGERS = new Int32Array(0);
/** Never written: before a slot is put into a table, there is room for slots and with it a table. */
const EMPTY_TABLE = new Int32Array(1).fill(NO_SLOT);
/** What {@link ScrapeCache.reserve} makes room for at most: a body may be large and have no series at all. */
const MAX_RESERVED_SLOTS = 1 << 16;
const MAX_RESERVED_BYTES = 4 * 1024 * 1024;
/** Scrapes for which a family's description outlives its lines. */
const META_ITERATIONS = 10;
/** Slots beyond twice the last good scrape's after which a failing target's cache is emptied of what it left behind. */
const SPARE_SLOTS = 1000;

export class ScrapeCache {
  /** Number of the scrape under way; from 2, so that 0 in a column is never the scrape before. */
  iteration = 2;
  /** The family described last in the scrape under way. */
  family: MetaFamily | undefined;
  /** Iteration of the last good scrape with a body; slots not touched since count as absent. */
  #goodIteration = 0;
  #goodCount = 0;
  readonly #seed: number;

  #slotCount = 0;
  #kind = NO_BYTES;
  #hash = NO_WORDS;
  #keyStart = NO_WORDS;
  #keyLength = NO_WORDS;
  /** Storage ref of a series; index into #metaLines of a meta line. */
  #ref = NO_WORDS;
  /** Type code in force when the series was first seen: its labels depend on it. */
  #type = NO_BYTES;
  /** Unit in force when the series was first seen; no longer than the last slot that had one. */
  #unit: string[] = [];
  /** Iteration in which the slot's line was last seen. */
  #seen = NO_WORDS;
  /** Iteration in which the series last got a sample that counts for staleness. */
  #tracked = NO_WORDS;
  #next = NO_INTEGERS;
  #firstSlot = NO_SLOT;

  #table = EMPTY_TABLE;
  #keys = NO_BYTES;
  #keysUsed = 0;

  #metaLines: MetaLine[] = [];
  readonly #families = new Map<string, MetaFamily>();

  /** `seed` of the hash: any 32 bits that targets don't know. */
  constructor(seed: number) {
    this.#seed = seed | 0;
  }

  /**
   * Makes room at once for the first body of a target, the first `length` of `bytes`: growing step by step would leave as
   * much garbage again as is kept. Does nothing for a cache that knows lines already.
   */
  reserve(bytes: Uint8Array, length: number): void {
    if (this.#slotCount > 0) return;
    const seen = Math.min(length, MAX_RESERVED_BYTES);
    let lines = 1;
    for (let at = bytes.indexOf(NEWLINE); at >= 0 && at < seen; at = bytes.indexOf(NEWLINE, at + 1)) lines++;
    let slots = Math.max(this.#kind.length, LEAST_SLOTS);
    while (slots < lines && slots < MAX_RESERVED_SLOTS) slots *= 2;
    if (slots > this.#kind.length) this.#growSlots(slots);
    if (seen > this.#keys.length) this.#growKeys(seen);
  }

  /** Slots in use, absent ones included. */
  get size(): number {
    return this.#slotCount;
  }

  /** All keys; `keyStart` and `keyLength` point into it. Valid until the next `add…`. */
  get keys(): Uint8Array {
    return this.#keys;
  }

  keyStart(slot: number): number {
    return this.#keyStart[slot]!;
  }

  keyLength(slot: number): number {
    return this.#keyLength[slot]!;
  }

  kind(slot: number): SlotKind {
    return this.#kind[slot]! as SlotKind;
  }

  ref(slot: number): number {
    return this.#ref[slot]!;
  }

  setRef(slot: number, ref: number): void {
    this.#ref[slot] = ref;
  }

  type(slot: number): number {
    return this.#type[slot]!;
  }

  unit(slot: number): string {
    return this.#unit[slot] ?? '';
  }

  /** The slot that followed `previous` (-1: the first) in the last scrape; -1 when there is none. */
  guess(previous: number): number {
    const slot = previous < 0 ? this.#firstSlot : this.#next[previous]!;
    return slot >= 0 && this.#isPresent(slot) ? slot : NO_SLOT;
  }

  /** Remembers that `slot` follows `previous`. */
  link(previous: number, slot: number): void {
    if (previous < 0) this.#firstSlot = slot;
    else this.#next[previous] = slot;
  }

  /** Notes that the slot's line is in this scrape; true when it was already. */
  touch(slot: number): boolean {
    if (this.#seen[slot] === this.iteration) return true;
    this.#seen[slot] = this.iteration;
    return false;
  }

  /** Notes that the slot's series has a sample in this scrape whose absence will mean staleness. */
  track(slot: number): void {
    this.#tracked[slot] = this.iteration;
  }

  /** Slot of the key bytes[start, end), or -1. */
  find(bytes: Uint8Array, start: number, end: number): number {
    const slot = this.#lookup(bytes, start, end, this.#hashOf(bytes, start, end));
    return slot >= 0 && this.#isPresent(slot) ? slot : NO_SLOT;
  }

  /** Adds a series under its raw bytes; returns its slot. */
  addSeries(bytes: Uint8Array, start: number, end: number, ref: number, type: number, unit: string): number {
    const slot = this.#add(bytes, start, end, SlotKind.series);
    this.#ref[slot] = ref;
    this.#type[slot] = type;
    if (unit !== '') while (this.#unit.length < slot) this.#unit.push('');
    if (unit !== '' || slot < this.#unit.length) this.#unit[slot] = unit;
    return slot;
  }

  /** Adds a line whose series relabelling drops. */
  addDropped(bytes: Uint8Array, start: number, end: number): number {
    return this.#add(bytes, start, end, SlotKind.dropped);
  }

  /** Adds a meta line; {@link applyMeta} then does what it says. */
  addMeta(
    bytes: Uint8Array,
    start: number,
    end: number,
    line: { family: string; kind: MetaKind; text: string; type: number },
  ): number {
    let family = this.#families.get(line.family);
    if (family === undefined) {
      family = {
        name: line.family,
        changedIteration: this.iteration,
        type: TYPE_UNKNOWN,
        help: '',
        unit: '',
        lastIteration: 0,
      };
      this.#families.set(line.family, family);
    }
    const slot = this.#add(bytes, start, end, SlotKind.meta);
    this.#ref[slot] = this.#metaLines.length;
    this.#metaLines.push({ family, kind: line.kind, text: line.text, type: line.type });
    return slot;
  }

  /** Updates the family's description by a known line, and what is `inForce` for the samples after it. */
  applyMeta(slot: number, inForce: { metricType: number; unit: string }): void {
    const { family, kind, text, type } = this.#metaLines[this.#ref[slot]!]!;
    family.lastIteration = this.iteration;
    this.family = family;
    const known = kind === MetaKind.type ? family.type : kind === MetaKind.help ? family.help : family.unit;
    if (known !== (kind === MetaKind.type ? type : text)) family.changedIteration = this.iteration;
    switch (kind) {
      case MetaKind.help:
        family.help = text;
        break;
      case MetaKind.unit:
        family.unit = text;
        inForce.unit = text;
        break;
      case MetaKind.type:
        family.type = type;
        inForce.metricType = type;
        break;
    }
  }

  /** Forgets a slot that was added in this scrape and whose sample was not taken. */
  forget(slot: number): void {
    this.#kind[slot] = SlotKind.free;
  }

  /** Refs of series that had a sample in the last scrape and have none in this one. */
  staleRefs(): number[] {
    const tracked = this.#tracked;
    const before = this.iteration - 1;
    const refs = new Set<number>();
    for (let slot = 0; slot < this.#slotCount; slot++) {
      if (tracked[slot] === before && this.#kind[slot] === SlotKind.series) refs.add(this.#ref[slot]!);
    }
    if (refs.size === 0) return [];
    // Another line may give the same series: its spelling changed, or relabelling made two one.
    for (let slot = 0; slot < this.#slotCount; slot++) {
      if (tracked[slot] === this.iteration) refs.delete(this.#ref[slot]!);
    }
    return [...refs];
  }

  /**
   * Ends the scrape under way. `good` says that a body was taken: what it did not have is then forgotten. Returns
   * whether a failing target's leftovers had to be removed.
   */
  finish(good: boolean): boolean {
    let seenCount = 0;
    for (let slot = 0; slot < this.#slotCount; slot++) {
      if (this.#seen[slot] === this.iteration) seenCount++;
    }
    let forced = false;
    if (good) {
      this.#goodIteration = this.iteration;
      this.#goodCount = seenCount;
    } else if (this.#slotCount > this.#goodCount * 2 + SPARE_SLOTS) {
      this.#goodIteration = this.iteration;
      forced = true;
    }
    if (this.#slotCount > seenCount * 2 + SPARE_SLOTS && (good || forced)) this.#compact();
    if (good && this.iteration % META_ITERATIONS === 0) this.#forgetFamilies();
    this.iteration++;
    return forced;
  }

  /** The families' descriptions. */
  metadata(): MetricMetadata[] {
    const all: MetricMetadata[] = [];
    for (const [family, { type, help, unit }] of this.#families) {
      all.push({ family, type: METRIC_TYPES[type]!, help, unit });
    }
    return all;
  }

  /** Size of {@link metadata}, for the metrics about it. */
  metadataSize(): { readonly count: number; readonly bytes: number } {
    let bytes = 0;
    for (const { type, help, unit } of this.#families.values()) {
      bytes += help.length + unit.length + METRIC_TYPES[type]!.length;
    }
    return { count: this.#families.size, bytes };
  }

  #isPresent(slot: number): boolean {
    return this.#kind[slot] !== SlotKind.free && this.#seen[slot]! >= this.#goodIteration;
  }

  #hashOf(bytes: Uint8Array, start: number, end: number): number {
    let hash = this.#seed;
    for (let i = start; i < end; i++) {
      hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
      hash ^= hash >>> 15;
    }
    return hash >>> 0;
  }

  #lookup(bytes: Uint8Array, start: number, end: number, hash: number): number {
    const table = this.#table;
    const mask = table.length - 1;
    const length = end - start;
    const keys = this.#keys;
    for (let at = hash & mask; ; at = (at + 1) & mask) {
      const slot = table[at]!;
      if (slot < 0) return NO_SLOT;
      if (this.#hash[slot] !== hash || this.#keyLength[slot] !== length) continue;
      if (sameBytes(bytes, start, keys, this.#keyStart[slot]!, length)) return slot;
    }
  }

  #add(bytes: Uint8Array, start: number, end: number, kind: SlotKind): number {
    const hash = this.#hashOf(bytes, start, end);
    let slot = this.#lookup(bytes, start, end, hash);
    if (slot < 0) {
      if (this.#slotCount === this.#kind.length)
        this.#growSlots(Math.max(this.#kind.length * 2, LEAST_SLOTS));
      slot = this.#slotCount++;
      this.#storeKey(slot, bytes, start, end);
      this.#hash[slot] = hash;
      this.#insert(slot);
    }
    this.#kind[slot] = kind;
    this.#seen[slot] = this.iteration;
    this.#tracked[slot] = 0;
    this.#next[slot] = NO_SLOT;
    return slot;
  }

  #insert(slot: number): void {
    const table = this.#table;
    const mask = table.length - 1;
    let at = this.#hash[slot]! & mask;
    while (table[at]! >= 0) at = (at + 1) & mask;
    table[at] = slot;
  }

  #storeKey(slot: number, bytes: Uint8Array, start: number, end: number): void {
    const length = end - start;
    if (this.#keysUsed + length > this.#keys.length) {
      this.#growKeys(Math.max(this.#keys.length * 2, this.#keysUsed + length, LEAST_KEY_BYTES));
    }
    this.#keys.set(bytes.subarray(start, end), this.#keysUsed);
    this.#keyStart[slot] = this.#keysUsed;
    this.#keyLength[slot] = length;
    this.#keysUsed += length;
  }

  #growKeys(capacity: number): void {
    assert(capacity < 2 ** 32, 'the lines of a target take less than 4 GiB');
    const keys = new Uint8Array(capacity);
    keys.set(this.#keys.subarray(0, this.#keysUsed));
    this.#keys = keys;
  }

  #growSlots(capacity: number): void {
    const grow = <T extends Uint8Array | Uint32Array | Int32Array>(column: T, grown: T): T => {
      grown.set(column);
      return grown;
    };
    this.#kind = grow(this.#kind, new Uint8Array(capacity));
    this.#hash = grow(this.#hash, new Uint32Array(capacity));
    this.#keyStart = grow(this.#keyStart, new Uint32Array(capacity));
    this.#keyLength = grow(this.#keyLength, new Uint32Array(capacity));
    this.#ref = grow(this.#ref, new Uint32Array(capacity));
    this.#type = grow(this.#type, new Uint8Array(capacity));
    this.#seen = grow(this.#seen, new Uint32Array(capacity));
    this.#tracked = grow(this.#tracked, new Uint32Array(capacity));
    this.#next = grow(this.#next, new Int32Array(capacity).fill(NO_SLOT));
    this.#rebuildTable(capacity);
  }

  #rebuildTable(capacity: number): void {
    this.#table = new Int32Array(capacity * 2).fill(NO_SLOT);
    for (let slot = 0; slot < this.#slotCount; slot++) this.#insert(slot);
  }

  /** Moves the slots that count as present together; refs of meta lines are renumbered. */
  #compact(): void {
    const oldKeys = this.#keys;
    const moved = new Int32Array(this.#slotCount).fill(NO_SLOT);
    const metaLines: MetaLine[] = [];
    let to = 0;
    let keysUsed = 0;
    for (let slot = 0; slot < this.#slotCount; slot++) {
      if (!this.#isPresent(slot)) continue;
      moved[slot] = to;
      const start = this.#keyStart[slot]!;
      const length = this.#keyLength[slot]!;
      // Keys lie in order of slots, so they only ever move to the front.
      oldKeys.copyWithin(keysUsed, start, start + length);
      this.#keyStart[to] = keysUsed;
      this.#keyLength[to] = length;
      keysUsed += length;
      const kind = this.#kind[slot]!;
      if (kind === SlotKind.meta) {
        this.#ref[to] = metaLines.length;
        metaLines.push(this.#metaLines[this.#ref[slot]!]!);
      } else this.#ref[to] = this.#ref[slot]!;
      this.#kind[to] = kind;
      this.#hash[to] = this.#hash[slot]!;
      this.#type[to] = this.#type[slot]!;
      if (to < this.#unit.length) this.#unit[to] = this.#unit[slot] ?? '';
      this.#seen[to] = this.#seen[slot]!;
      this.#tracked[to] = this.#tracked[slot]!;
      this.#next[to] = this.#next[slot]!;
      to++;
    }
    for (let slot = 0; slot < to; slot++) {
      const next = this.#next[slot]!;
      this.#next[slot] = next < 0 ? NO_SLOT : moved[next]!;
    }
    this.#firstSlot = this.#firstSlot < 0 ? NO_SLOT : moved[this.#firstSlot]!;
    this.#slotCount = to;
    this.#unit.length = Math.min(this.#unit.length, to);
    this.#keysUsed = keysUsed;
    this.#metaLines = metaLines;
    this.#rebuildTable(this.#kind.length);
  }

  #forgetFamilies(): void {
    for (const [name, family] of this.#families) {
      if (this.iteration - family.lastIteration > META_ITERATIONS) this.#families.delete(name);
    }
  }
}

function sameBytes(a: Uint8Array, aStart: number, b: Uint8Array, bStart: number, length: number): boolean {
  for (let i = 0; i < length; i++) if (a[aStart + i] !== b[bStart + i]) return false;
  return true;
}
