import { assert } from '../../../core/errors.ts';
import type { Clock } from '../../../core/clock.ts';
import type { Labels } from '../../../core/labels.ts';
import { Pacer } from '../../../core/pacer.ts';
import { OooStore } from '../ooo/ooo-store.ts';
import { ChunkStore } from './chunk-store.ts';
import { Epochs } from './epochs.ts';
import { HashIndex, mixHash } from './hash-index.ts';
import { Control, HeadSlabs, IDS_PER_SLAB, ROWS_PER_SLAB, Row } from './head-slabs.ts';
import { LabelIndex } from './label-index.ts';

/** Rows or lists that maintenance handles between two looks at the time. */
const GC_BATCH = 256;
/** How long maintenance works before it gives others a turn. */
const GC_SLICE_MS = 5;

/** What {@link Head.truncate} took out. */
export interface Truncation {
  readonly seriesRemoved: number;
  readonly chunksRemoved: number;
  /** Log numbers of the series that are gone. */
  readonly walIds: readonly number[];
}

/**
 * The series and samples of the recent past, in shared memory. This is the writer; there is one, and readers of any
 * thread look at the same slabs. Row functions take the slab's words and the row's first word there.
 */
export class Head {
  readonly slabs: HeadSlabs;
  readonly epochs: Epochs;
  readonly labels: LabelIndex;
  readonly chunks: ChunkStore;
  /** Samples older than their series' newest. */
  readonly outOfOrder: OooStore;
  readonly #series: HashIndex;
  readonly #freeRows: number[] = [];
  #nextRow = 0;
  #nextRef = 1;
  #nextWalId = 1;
  #unlogged: number[] = [];
  #soughtPairs: readonly number[] = [];
  #soughtHash = 0;
  #nextAppender = 1;
  readonly #openAppenders = new Set<number>();
  readonly #isSought = (row: number): boolean => this.#hasSoughtPairs(row - 1);
  /** Oldest sample that came since the present truncation began. */
  #oldestNoted = Infinity;
  #isReplaying = false;
  seriesCreated = 0;

  constructor(chunkRangeMs: number) {
    this.slabs = HeadSlabs.create(chunkRangeMs);
    this.epochs = new Epochs(this.slabs);
    this.labels = new LabelIndex(this.slabs, this.epochs);
    this.chunks = new ChunkStore(this.slabs, this.epochs);
    this.outOfOrder = new OooStore(this.slabs, this.labels.lists, this.epochs);
    this.#series = new HashIndex(
      this.slabs.hash,
      this.slabs.control,
      Control.seriesShards,
      this.epochs,
      (row) => this.rowWords(row - 1)[this.rowStart(row - 1) + Row.hash]!,
    );
  }

  /** Number of live series. */
  get seriesCount(): number {
    return this.slabs.control[Control.seriesCount]!;
  }

  /** Time of the oldest sample, NaN when there is none. */
  get minTimeMs(): number {
    return this.slabs.controlFloats[Control.minTimeFloat]!;
  }

  /** Time of the newest sample, NaN when there is none. */
  get maxTimeMs(): number {
    return this.slabs.controlFloats[Control.maxTimeFloat]!;
  }

  /** Bytes that are allocated, and how much of them is free for series and chunks to come. */
  get memory(): { readonly heldBytes: number; readonly reusableBytes: number } {
    const lengths = this.slabs.byteLengths();
    const heldBytes = Object.values(lengths).reduce((sum, part) => sum + part, 0);
    const perRow = this.#nextRow === 0 ? 0 : (heldBytes - lengths.closed) / this.#nextRow;
    return { heldBytes, reusableBytes: this.#freeRows.length * perRow + this.chunks.freeBytes };
  }

  /** Samples before this are not taken: half a chunk range before the newest, or what was truncated. */
  minValidMs(): number {
    const newest = this.maxTimeMs;
    const sinceNewest = Number.isNaN(newest) ? -Infinity : newest - this.slabs.chunkRangeMs / 2;
    return Math.max(this.truncatedMs, sinceNewest, -(2 ** 52));
  }

  /** Before which time everything was taken out. */
  get truncatedMs(): number {
    return this.slabs.controlFloats[Control.truncatedFloat]!;
  }

  /**
   * For an empty head: what is before `endMs` is in blocks, and not taken here. Returns from when on samples are taken, the start
   * of the window of `endMs`.
   */
  startAfter(endMs: number): number {
    assert(this.#nextRow === 0, 'a head begins after blocks before it has series');
    const fromMs = Number.isFinite(endMs) ? this.chunks.windowOf(endMs) : -Infinity;
    this.slabs.controlFloats[Control.truncatedFloat] = fromMs;
    return fromMs;
  }

  /** Number that the next series gets in the log, if it is higher than the present one. */
  reserveWalIds(next: number): void {
    this.#nextWalId = Math.max(this.#nextWalId, next);
  }

  /** Words of the slab that a row is in. */
  rowWords(row: number): Uint32Array {
    return this.slabs.rows.u32[(row / ROWS_PER_SLAB) | 0]!;
  }

  /** Floats of the slab that a row is in. */
  rowFloats(row: number): Float64Array {
    return this.slabs.rows.f64[(row / ROWS_PER_SLAB) | 0]!;
  }

  /** First word of a row in its slab. */
  rowStart(row: number): number {
    return (row % ROWS_PER_SLAB) * Row.words;
  }

  /** Ref of a series, which is made when it is new. `walId` is given by replay only; others get the next number and are to be logged. */
  series(labels: Labels, walId?: number): number {
    assert(labels.size > 0, 'a series must have labels');
    const pairs: number[] = [];
    const { flat } = labels;
    for (let i = 0; i < flat.length; i += 2) pairs.push(this.labels.intern(flat[i]!, flat[i + 1]!));
    return this.seriesOf(pairs, walId);
  }

  /** As {@link series}, by its pairs of labels in the order of their names. */
  seriesOf(pairs: readonly number[], walId: number | undefined): number {
    let hash = 0;
    for (let i = 0; i < pairs.length; i++) hash = Math.imul(hash ^ pairs[i]!, 0x01000193) + 0x9e3779b1;
    this.#soughtPairs = pairs;
    this.#soughtHash = mixHash(hash);
    const found = this.#series.find(this.#soughtHash, this.#isSought);
    if (found === 0) return this.#makeSeries(pairs, this.#soughtHash, walId);
    if (walId !== undefined) this.#nameLate(found - 1, walId);
    return this.rowWords(found - 1)[this.rowStart(found - 1) + Row.ref]!;
  }

  /** Ref of a series, 0 when there is none; leaves nothing behind. */
  find(labels: Labels): number {
    const pairs: number[] = [];
    const { flat } = labels;
    let hash = 0;
    for (let i = 0; i < flat.length; i += 2) {
      const pair = this.labels.findText(flat[i]!, flat[i + 1]!);
      if (pair === 0) return 0;
      pairs.push(pair);
      hash = Math.imul(hash ^ pair, 0x01000193) + 0x9e3779b1;
    }
    this.#soughtPairs = pairs;
    this.#soughtHash = mixHash(hash);
    const found = this.#series.find(this.#soughtHash, this.#isSought);
    return found === 0 ? 0 : this.rowWords(found - 1)[this.rowStart(found - 1) + Row.ref]!;
  }

  /** Log number of a live series. */
  walIdOf(row: number): number {
    return this.rowFloats(row)[(this.rowStart(row) >>> 1) + Row.walIdFloat]!;
  }

  /** The log is read from now on: series that others make have no number until it is known whether it names them. */
  beginReplay(): void {
    this.#isReplaying = true;
  }

  /** The log was read: gives numbers to the series that it does not name; they are to be logged. */
  endReplay(): void {
    this.#isReplaying = false;
    const made = this.#unlogged;
    this.#unlogged = [];
    for (const ref of made) {
      const row = this.slabs.rowOf(ref);
      if (row < 0 || this.walIdOf(row) !== 0) continue;
      this.rowFloats(row)[(this.rowStart(row) >>> 1) + Row.walIdFloat] = this.#nextWalId++;
      this.#unlogged.push(ref);
    }
  }

  /** Refs of series that the log does not know yet; they count as logged from now on. */
  takeUnlogged(): number[] {
    const refs = this.#unlogged;
    if (refs.length > 0) this.#unlogged = [];
    return refs;
  }

  /** The log has lost what it held: all series count as not logged. */
  forgetLogged(): void {
    // Series that have no number yet are there already.
    if (this.#isReplaying) return;
    this.#unlogged = [];
    for (let row = 0; row < this.#nextRow; row++) {
      const ref = this.rowWords(row)[this.rowStart(row) + Row.ref]!;
      if (ref !== 0) this.#unlogged.push(ref);
    }
  }

  /** Widens the head's time range. */
  noteTimes(minMs: number, maxMs: number): void {
    const floats = this.slabs.controlFloats;
    if (minMs < this.#oldestNoted) this.#oldestNoted = minMs;
    if (!(floats[Control.minTimeFloat]! <= minMs)) floats[Control.minTimeFloat] = minMs;
    if (!(floats[Control.maxTimeFloat]! >= maxMs)) floats[Control.maxTimeFloat] = maxMs;
  }

  /** Registers an open appender; series whose refs it was given are not reclaimed before it is closed. */
  openAppender(): number {
    const id = this.#nextAppender;
    this.#nextAppender = (id + 1) >>> 0 || 1;
    this.#openAppenders.add(id);
    return id;
  }

  closeAppender(id: number): void {
    this.#openAppenders.delete(id);
    this.chunks.endBatch();
  }

  /** How many appenders are open. */
  get openAppenders(): number {
    return this.#openAppenders.size;
  }

  /**
   * Takes out all chunks of windows that end at or before `minMs` and all series that have no sample left. Gives others
   * a turn every few milliseconds; appends and reads may go on meanwhile. The head then begins with the window of the oldest
   * sample that is left, however far that is from `minMs`.
   */
  async truncate(minMs: number, clock: Clock): Promise<Truncation> {
    assert(this.chunks.windowOf(minMs) === minMs, 'the head is truncated where a window begins');
    this.slabs.controlFloats[Control.truncatedFloat] = Math.max(this.truncatedMs, minMs);
    const windows = this.chunks.detachWindows(minMs);
    const pacer = new Pacer(clock, GC_SLICE_MS);
    const gone: number[] = [];
    const goneRows: number[] = [];
    const walIds: number[] = [];
    const emptied = new Set<number>();
    /** Row and its newest closed chunk, which lies in a window that goes: pairs. */
    const cutRows: number[] = [];
    let chunksRemoved = windows.chunks;
    this.#oldestNoted = Infinity;
    let oldestMs = Infinity;
    for (let row = 0; row < this.#nextRow; row++) {
      if (row % GC_BATCH === 0) await pacer.pause();
      const words = this.rowWords(row);
      const at = this.rowStart(row);
      if (words[at + Row.ref] === 0) continue;
      if (this.#isUsed(row, minMs)) {
        const startMs = this.rowFloats(row)[(at >>> 1) + Row.chunkStartFloat]!;
        if (words[at + Row.count]! > 0 && startMs >= minMs && startMs < oldestMs) oldestMs = startMs;
        const closed = words[at + Row.closed]!;
        if (closed !== 0 && this.#windowEnd(closed) <= minMs) cutRows.push(row, closed);
        continue;
      }
      gone.push(words[at + Row.ref]!);
      for (const pair of this.labels.lists.view(words[at + Row.labels]!)) emptied.add(pair);
      walIds.push(this.walIdOf(row));
      chunksRemoved += this.chunks.discardOpen(words, at);
      this.#unlink(row);
      goneRows.push(row);
    }
    // Whoever pinned before still reads the old windows; before they are filled anew nothing may lead there.
    this.epochs.retire(() => {
      this.#forgetClosed(cutRows);
    });
    this.chunks.retireSlabs(windows.slabs);
    this.chunks.endBatch();
    const floats = this.slabs.controlFloats;
    if (floats[Control.minTimeFloat]! < minMs) {
      oldestMs = Math.max(
        minMs,
        Math.min(oldestMs, this.#oldestNoted, this.chunks.oldestWindow() ?? Infinity),
      );
      floats[Control.minTimeFloat] = Math.min(oldestMs, this.maxTimeMs);
    }
    if (gone.length > 0) await this.#sweep(Uint32Array.from(gone).sort(), goneRows, emptied, pacer);
    this.epochs.collect();
    return { seriesRemoved: gone.length, chunksRemoved, walIds };
  }

  #makeSeries(pairs: readonly number[], hash: number, walId: number | undefined): number {
    const row = this.#freeRows.pop() ?? this.#nextRow++;
    if (((row / ROWS_PER_SLAB) | 0) === this.slabs.rows.count)
      this.slabs.rows.add(ROWS_PER_SLAB * Row.words * 4);
    const ref = this.#nextRef++;
    assert(ref < 2 ** 32, 'series refs are used up: 4 billion series were made since the start');
    if (ref >>> 16 === this.slabs.ids.count) this.slabs.ids.add(IDS_PER_SLAB * 4);
    const words = this.rowWords(row);
    const floats = this.rowFloats(row);
    const at = this.rowStart(row);
    words.fill(0, at, at + Row.words);
    floats[(at >>> 1) + Row.lastTimeFloat] = -Infinity;
    floats[(at >>> 1) + Row.walIdFloat] = walId ?? (this.#isReplaying ? 0 : this.#nextWalId++);
    if (walId === undefined) this.#unlogged.push(ref);
    else this.reserveWalIds(walId + 1);
    const address = this.labels.makeLabels(pairs);
    words[at + Row.labels] = address;
    words[at + Row.hash] = hash;
    words[at + Row.ref] = ref;
    words[at + Row.touched] = this.#nextAppender;
    Atomics.store(this.slabs.ids.u32[ref >>> 16]!, ref & 0xffff, row + 1);
    this.#series.insert(hash, row + 1);
    this.labels.addSeries(ref, pairs);
    this.slabs.control[Control.seriesCount]!++;
    Atomics.add(this.slabs.control, Control.seriesVersion, 1);
    this.seriesCreated++;
    return ref;
  }

  /** The log names a series that was made while it is read. */
  #nameLate(row: number, walId: number): void {
    const at = (this.rowStart(row) >>> 1) + Row.walIdFloat;
    const floats = this.rowFloats(row);
    if (floats[at] !== 0) return;
    floats[at] = walId;
    this.reserveWalIds(walId + 1);
  }

  #hasSoughtPairs(row: number): boolean {
    const words = this.rowWords(row);
    const at = this.rowStart(row);
    if (words[at + Row.hash] !== this.#soughtHash) return false;
    const { lists } = this.labels;
    const address = words[at + Row.labels]!;
    const sought = this.#soughtPairs;
    if (lists.length(address) !== sought.length) return false;
    for (let i = 0; i < sought.length; i++) if (lists.at(address, i) !== sought[i]) return false;
    return true;
  }

  /** Whether a series has samples from `minMs` on, or an open appender may give it some. */
  #isUsed(row: number, minMs: number): boolean {
    const at = this.rowStart(row);
    const lastMs = this.rowFloats(row)[(at >>> 1) + Row.lastTimeFloat]!;
    if (lastMs >= minMs) return true;
    if (this.outOfOrder.has(this.rowWords(row)[at + Row.ref]!)) return true;
    const touched = this.rowWords(row)[at + Row.touched]!;
    for (const id of this.#openAppenders) if (((touched - id) | 0) >= 0) return true;
    return false;
  }

  #forgetClosed(cutRows: readonly number[]): void {
    for (let i = 0; i < cutRows.length; i += 2) {
      const row = cutRows[i]!;
      const words = this.rowWords(row);
      const at = this.rowStart(row) + Row.closed;
      if (words[at] === cutRows[i + 1]) Atomics.store(words, at, 0);
    }
  }

  #windowEnd(chunk: number): number {
    return this.chunks.windowOfChunk(chunk) + this.slabs.chunkRangeMs;
  }

  /** Makes a series unfindable; its row stays for readers that already have it. */
  #unlink(row: number): void {
    const words = this.rowWords(row);
    const at = this.rowStart(row);
    const ref = words[at + Row.ref]!;
    this.#series.remove(words[at + Row.hash]!, row + 1);
    Atomics.store(this.slabs.ids.u32[ref >>> 16]!, ref & 0xffff, 0);
    words[at + Row.ref] = 0;
    this.slabs.control[Control.seriesCount]!--;
    Atomics.add(this.slabs.control, Control.seriesVersion, 1);
  }

  async #sweep(
    gone: Uint32Array,
    goneRows: readonly number[],
    pairs: ReadonlySet<number>,
    pacer: Pacer,
  ): Promise<void> {
    const emptyByName = new Map<number, Set<number>>();
    for (const pair of pairs) {
      await pacer.pause();
      if (!this.labels.sweepPair(pair, gone)) continue;
      const name = this.labels.name(pair);
      const empty = emptyByName.get(name);
      if (empty === undefined) emptyByName.set(name, new Set([pair]));
      else empty.add(pair);
    }
    for (const empty of emptyByName.values()) {
      await pacer.pause();
      this.labels.dropPairs(empty);
    }
    this.labels.sweepAll(gone);
    this.epochs.retire(() => {
      for (const row of goneRows) {
        this.labels.releaseLabels(this.rowWords(row)[this.rowStart(row) + Row.labels]!);
        this.#freeRows.push(row);
      }
    });
    while (this.labels.compactText()) await pacer.pause();
  }
}
