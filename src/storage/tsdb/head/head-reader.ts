import type { Labels } from '../../../core/labels.ts';
import { sortTexts } from '../../../core/labels.ts';
import type { Matcher } from '../../../core/matcher.ts';
import { SampleBuffer } from '../../seam.ts';
import type { SelectHints, SeriesCursor } from '../../seam.ts';
import { dropWithin } from '../block/drop-samples.ts';
import type { Interval } from '../block/intervals.ts';
import { Tombstones } from '../block/tombstones.ts';
import type { EncodedChunk } from '../chunk/encoding.ts';
import { HeadChunkSink } from '../head-chunks.ts';
import type { ChunkSource } from '../head-chunks.ts';
import { BLOCKS_PER_SLAB, BLOCK_BYTES, BLOCK_DATA } from './block-pool.ts';
import { ChunkHead, ClosedSlab } from './chunk-store.ts';
import { ReaderPins } from './epochs.ts';
import { ChunkKind, Control, HeadSlabs, ROWS_PER_SLAB, Row } from './head-slabs.ts';
import { LabelIndexView } from './label-index.ts';
import { LabelOrder } from './label-order.ts';
import { OooView } from '../ooo/ooo-view.ts';
import { RefScratch, haveCommon } from './postings.ts';
import { readRichChunk } from '../rich-chunk.ts';
import { selectRefs } from './selection.ts';
import type { HeadDescriptor, SlabSource } from './slabs.ts';
import { readXorChunk } from '../xor-chunk.ts';

/** Series whose labels a reader keeps: about 8 MiB. */
const LABELS_KEPT = 1 << 14;

/** Room for an open chunk of floats: the cut comes after at most 1,005 bytes and one sample. Histograms may need more. */
const SCRATCH_BYTES = 2048;

/** Index of a float's lower word. */
const LOW = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1 ? 0 : 1;

/** Keeps what a reader looks at from being used again; ended by the function it returned. */
export interface Pins {
  pin(): () => void;
}

/**
 * Reads a head, in the writer's thread or in any other: the same code over the same memory. Whoever reads pins first
 * and ends the pin when the results are no longer used; cursors are good as long as the pin holds.
 */
export class HeadReader {
  readonly #slabs: HeadSlabs;
  readonly #labels: LabelIndexView;
  readonly #pins: Pins;
  readonly #order: LabelOrder;
  /** Samples that came out of order. */
  readonly outOfOrder: OooView;
  #scratchWords = new Uint32Array(SCRATCH_BYTES / 4);
  #scratch = new Uint8Array(this.#scratchWords.buffer);
  #chain = new Uint32Array(256);
  /** The open chunk of the row that is read, its bytes in the scratch buffer, and the newest closed one. */
  readonly #open = { kind: 0, count: 0, bytes: 0, closed: 0 };
  /** What is deleted, by ref; another object at every change, so that cursors keep theirs. */
  #deleted = new Tombstones();
  readonly #sought = new SampleBuffer(16);
  /** By ref, which never names another series. */
  readonly #labelsByRef = new Map<number, Labels>();
  readonly #selected = new RefScratch();
  readonly #lastTime = new Float64Array(1);
  readonly #lastTimeWords = new Uint32Array(this.#lastTime.buffer);
  readonly #lastValue = new Float64Array(1);
  readonly #lastValueWords = new Uint32Array(this.#lastValue.buffer);

  constructor(slabs: HeadSlabs, labels: LabelIndexView, pins: Pins) {
    this.#slabs = slabs;
    this.#labels = labels;
    this.#pins = pins;
    this.#order = new LabelOrder(labels);
    this.outOfOrder = new OooView(slabs, labels.lists);
  }

  /**
   * Opens a head that a writer in another thread described. `slots` are this reader's own
   * numbers, below 64, one for each pin at a time; `source` gives the announcements of slabs that came since.
   */
  static open(descriptor: HeadDescriptor, source: SlabSource, slots: readonly number[]): HeadReader {
    const slabs = HeadSlabs.attach(descriptor, source);
    return new HeadReader(slabs, new LabelIndexView(slabs), new ReaderPins(slabs, slots));
  }

  /** Takes on what is deleted, for selections from now on. */
  setDeleted(stones: Tombstones): void {
    this.#deleted = stones;
  }

  /** Keeps the present state readable until the answer is called. */
  pin(): () => void {
    return this.#pins.pin();
  }

  /**
   * Before which time everything was taken out: what is older is to be looked for in blocks. Cursors go on giving what was
   * there when they were made, as long as the pin holds.
   */
  get truncatedMs(): number {
    return this.#slabs.controlFloats[Control.truncatedFloat]!;
  }

  /** Series that match and have a chunk within the time of the hints, in order of labels. Needs a pin. */
  select(matchers: readonly Matcher[], hints: SelectHints): HeadCursor {
    const floorMs = this.truncatedMs;
    const deleted = this.#deleted.isEmpty ? undefined : this.#deleted;
    const refs = this.#select(matchers);
    const rows = new Uint32Array(refs.length);
    const found = new Uint32Array(refs.length);
    const lists: Uint32Array[] = [];
    const { outOfOrder } = this;
    const oooLists = outOfOrder.isEmpty ? undefined : new Uint32Array(refs.length);
    let count = 0;
    for (let i = 0; i < refs.length; i++) {
      const row = this.#slabs.rowOf(refs[i]!);
      if (row < 0) continue;
      let oooList = oooLists === undefined ? 0 : outOfOrder.listOf(refs[i]!);
      if (oooList !== 0 && !outOfOrder.overlaps(oooList, hints.minMs, hints.maxMs)) oooList = 0;
      if (oooList === 0 && !this.#overlaps(row, hints.minMs, hints.maxMs, floorMs)) continue;
      const spans = oooList === 0 ? deleted?.of(refs[i]!) : undefined;
      if (spans !== undefined && spans.length > 0 && !this.#hasLeft(row, hints, floorMs, spans)) continue;
      if (oooLists !== undefined) oooLists[count] = oooList;
      lists.push(this.#pairs(row));
      rows[count] = row;
      found[count++] = refs[i]!;
    }
    const order = this.#order.sort(lists);
    const kept = hints.limit > 0 ? order.subarray(0, hints.limit) : order;
    return new HeadCursor(this, rows, found, kept, floorMs, oooLists, deleted);
  }

  /** Sorted label names of the series that match; all names when there are no matchers. 0 is no limit. Needs a pin. */
  labelNames(matchers: readonly Matcher[], limit: number): string[] {
    const symbols = new Set<number>();
    if (matchers.length === 0) {
      for (const pair of this.#labels.names()) symbols.add(this.#labels.name(pair));
    } else {
      for (const ref of this.#select(matchers)) {
        const row = this.#slabs.rowOf(ref);
        if (row >= 0) for (const pair of this.#pairs(row)) symbols.add(this.#labels.name(pair));
      }
    }
    return this.#sortedTexts(symbols, limit);
  }

  /** Sorted values of a label on the series that match. 0 is no limit. Needs a pin. */
  labelValues(name: string, matchers: readonly Matcher[], limit: number): string[] {
    const pairs = this.#labels.values(name);
    const symbols = new Set<number>();
    if (matchers.length === 0) {
      for (const pair of pairs) if (this.#labels.listLength(pair) > 0) symbols.add(this.#labels.value(pair));
      return this.#sortedTexts(symbols, limit);
    }
    const refs = this.#select(matchers);
    if (refs.length < pairs.length) {
      const nameSymbol = this.#labels.symbols.find(name);
      for (const ref of refs) {
        const row = this.#slabs.rowOf(ref);
        if (row < 0) continue;
        for (const pair of this.#pairs(row)) {
          if (this.#labels.name(pair) === nameSymbol) symbols.add(this.#labels.value(pair));
        }
      }
    } else {
      for (const pair of pairs) {
        if (haveCommon(this.#labels.list(pair), refs)) symbols.add(this.#labels.value(pair));
      }
    }
    return this.#sortedTexts(symbols, limit);
  }

  /** Refs of the series that match, of use until the next call. */
  #select(matchers: readonly Matcher[]): Uint32Array {
    this.#selected.reset();
    return selectRefs(this.#slabs, this.#labels, matchers, this.#selected.take);
  }

  /** Labels of the series with the given ref, which is in the given row. */
  labelsOf(row: number, ref: number): Labels {
    const kept = this.#labelsByRef.get(ref);
    if (kept !== undefined) return kept;
    const labels = this.#labels.labels(this.#words(row)[(row % ROWS_PER_SLAB) * Row.words + Row.labels]!);
    if (this.#labelsByRef.size >= LABELS_KEPT) this.#labelsByRef.clear();
    this.#labelsByRef.set(ref, labels);
    return labels;
  }

  /**
   * Fills `into` with samples of a row with minMs <= t <= maxMs, the newest of them always included. Mostly that is the
   * row's newest sample, for which nothing has to be decoded.
   */
  readNewest(row: number, minMs: number, maxMs: number, floorMs: number, into: SampleBuffer): number {
    const { control } = this.#slabs;
    const words = this.#words(row);
    const at = (row % ROWS_PER_SLAB) * Row.words;
    const writes = Atomics.load(control, Control.writes);
    const isFloat = Atomics.load(words, at + Row.kind) === ChunkKind.xor;
    const count = Atomics.load(words, at + Row.count);
    for (let i = 0; i < 2; i++) {
      this.#lastTimeWords[i] = Atomics.load(words, at + 2 * Row.lastTimeFloat + i);
      this.#lastValueWords[i] = Atomics.load(words, at + (i === LOW ? Row.lastLow : Row.lastHigh));
    }
    const isWhole = writes % 2 === 0 && Atomics.load(control, Control.writes) === writes;
    const tMs = this.#lastTime[0]!;
    if (!isWhole || !isFloat || count === 0 || tMs > maxMs)
      return this.read(row, minMs, maxMs, floorMs, into);
    into.clear();
    if (!(tMs >= minMs)) return 0;
    into.reserve(1);
    into.timestamps[0] = tMs;
    // As bits: a NaN keeps its payload.
    into.values.set(this.#lastValue);
    into.length = 1;
    return 1;
  }

  /** Fills `into` with the samples of a row with minMs <= t <= maxMs. Returns how many there are. */
  read(row: number, minMs: number, maxMs: number, floorMs: number, into: SampleBuffer): number {
    into.clear();
    const open = this.#open;
    this.#readPointers(row);
    for (let i = this.#chainOf(open.closed, minMs, maxMs, floorMs); i > 0;) {
      const address = this.#chain[--i]!;
      const sizes = this.#slabs.closed.words(address >>> 16)[(address & 0xffff) + ChunkHead.sizes]!;
      this.#readClosed(address, sizes, minMs, maxMs, into);
    }
    const { kind, bytes, count } = open;
    if (count > 0) this.#readChunk(kind, this.#scratch, 0, bytes, count, minMs, maxMs, into);
    return into.length;
  }

  /** As {@link read}, but as chunks; those of floats that are as a whole within the time are copied as they are. */
  readChunks(row: number, minMs: number, maxMs: number, floorMs: number, sink: HeadChunkSink): void {
    const open = this.#open;
    this.#readPointers(row);
    for (let i = this.#chainOf(open.closed, minMs, maxMs, floorMs); i > 0;) {
      const address = this.#chain[--i]!;
      const at = address & 0xffff;
      const words = this.#slabs.closed.words(address >>> 16);
      const windowMs = this.#slabs.closed.floats(address >>> 16)[ClosedSlab.windowFloat]!;
      const firstMs = windowMs + words[at + ChunkHead.minOffset]!;
      const lastMs = windowMs + words[at + ChunkHead.maxOffset]!;
      const sizes = words[at + ChunkHead.sizes]!;
      const isFloats = ((sizes >>> ChunkHead.kindShift) & 1) === ChunkKind.xor;
      if (isFloats && firstMs >= minMs && lastMs <= maxMs) {
        const source = this.#slabs.closed.bytes(address >>> 16);
        const from = (at + ChunkHead.words) * 4;
        const bits = source.subarray(from, from + (sizes >>> ChunkHead.bytesShift));
        sink.copy(firstMs, lastMs, sizes & 0xff, bits);
      } else {
        this.#readClosed(address, sizes, minMs, maxMs, sink.samples);
      }
    }
    const { kind, bytes, count } = open;
    if (count > 0) this.#readChunk(kind, this.#scratch, 0, bytes, count, minMs, maxMs, sink.samples);
    sink.end();
  }

  /** Whether a row has samples within the time of the hints that are not deleted. */
  #hasLeft(
    row: number,
    { minMs, maxMs }: SelectHints,
    floorMs: number,
    deleted: readonly Interval[],
  ): boolean {
    this.read(row, minMs, maxMs, floorMs, this.#sought);
    dropWithin(this.#sought, 0, deleted);
    return this.#sought.length > 0;
  }

  /** Reads where a row's chunks are, and gathers the open one. */
  #readPointers(row: number): void {
    const words = this.#words(row);
    const at = (row % ROWS_PER_SLAB) * Row.words;
    const open = this.#open;
    // The chunk pointers change together; a read that fell into a change is done again.
    for (;;) {
      const version = Atomics.load(words, at + Row.version);
      if (version % 2 === 1) continue;
      open.kind = Atomics.load(words, at + Row.kind);
      open.count = Atomics.load(words, at + Row.count);
      open.closed = Atomics.load(words, at + Row.closed);
      open.bytes = open.count === 0 ? 0 : this.#gather(Atomics.load(words, at + Row.openFirst));
      if (Atomics.load(words, at + Row.version) === version) return;
    }
  }

  /** Puts the closed chunks from `newest` back that have a part within the time into the chain. Returns how many. */
  #chainOf(newest: number, minMs: number, maxMs: number, floorMs: number): number {
    let length = 0;
    for (let address = newest; address !== 0; address = this.#chunkBefore(address)) {
      const words = this.#slabs.closed.words(address >>> 16);
      const windowMs = this.#slabs.closed.floats(address >>> 16)[ClosedSlab.windowFloat]!;
      const at = address & 0xffff;
      if (windowMs + words[at + ChunkHead.maxOffset]! < minMs || windowMs < floorMs) break;
      if (windowMs + words[at + ChunkHead.minOffset]! > maxMs) continue;
      if (length === this.#chain.length) {
        const larger = new Uint32Array(length * 2);
        larger.set(this.#chain);
        this.#chain = larger;
      }
      this.#chain[length++] = address;
    }
    return length;
  }

  #readClosed(address: number, sizes: number, minMs: number, maxMs: number, into: SampleBuffer): void {
    const source = this.#slabs.closed.bytes(address >>> 16);
    const kind = (sizes >>> ChunkHead.kindShift) & 1;
    const offset = ((address & 0xffff) + ChunkHead.words) * 4;
    this.#readChunk(kind, source, offset, sizes >>> ChunkHead.bytesShift, sizes & 0xff, minMs, maxMs, into);
  }

  /** The chunk before a closed one, 0 when there is none or its memory was given up. */
  #chunkBefore(address: number): number {
    const { closed } = this.#slabs;
    const words = closed.words(address >>> 16);
    const at = address & 0xffff;
    const previous = words[at + ChunkHead.previous]!;
    if (previous === 0) return 0;
    const slab = closed.find(previous >>> 16);
    if (slab === undefined) return 0;
    return Atomics.load(slab, ClosedSlab.birth) === words[at + ChunkHead.previousBirth] ? previous : 0;
  }

  #readChunk(
    kind: number,
    source: Uint8Array,
    offset: number,
    bytes: number,
    count: number,
    minMs: number,
    maxMs: number,
    into: SampleBuffer,
  ): void {
    if (kind === ChunkKind.xor) readXorChunk(source, offset, bytes, count, minMs, maxMs, into);
    else readRichChunk(source, offset, bytes, count, minMs, maxMs, into);
  }

  /** Puts a chain of blocks together in the scratch buffer. Returns its length in bytes. */
  #gather(first: number): number {
    const blockWords = BLOCK_BYTES / 4;
    let scratch: Uint32Array = this.#scratchWords;
    let length = 0;
    for (let block = first; block !== 0;) {
      if (length + blockWords > scratch.length) scratch = this.#growScratch();
      const words = this.#slabs.open.words((block / BLOCKS_PER_SLAB) | 0);
      const start = (block & (BLOCKS_PER_SLAB - 1)) * blockWords;
      for (let i = 0; i < BLOCK_DATA / 4; i++) scratch[length + i] = words[start + i]!;
      length += BLOCK_DATA / 4;
      block = Atomics.load(words, start + blockWords - 1);
    }
    return length * 4;
  }

  #growScratch(): Uint32Array {
    const larger = new Uint32Array(this.#scratchWords.length * 2);
    larger.set(this.#scratchWords);
    this.#scratchWords = larger;
    this.#scratch = new Uint8Array(larger.buffer);
    return larger;
  }

  #overlaps(row: number, minMs: number, maxMs: number, floorMs: number): boolean {
    const words = this.#words(row);
    const floats = this.#slabs.rows.floats((row / ROWS_PER_SLAB) | 0);
    const at = (row % ROWS_PER_SLAB) * Row.words;
    if (!(floats[(at >>> 1) + Row.lastTimeFloat]! >= minMs)) return false;
    if (Atomics.load(words, at + Row.openFirst) !== 0) {
      if (floats[(at >>> 1) + Row.chunkStartFloat]! <= maxMs) return true;
    }
    let address = Atomics.load(words, at + Row.closed);
    for (; address !== 0; address = this.#chunkBefore(address)) {
      const chunk = this.#slabs.closed.words(address >>> 16);
      const windowMs = this.#slabs.closed.floats(address >>> 16)[ClosedSlab.windowFloat]!;
      const chunkAt = address & 0xffff;
      if (windowMs + chunk[chunkAt + ChunkHead.maxOffset]! < minMs || windowMs < floorMs) return false;
      if (windowMs + chunk[chunkAt + ChunkHead.minOffset]! <= maxMs) return true;
    }
    return false;
  }

  #words(row: number): Uint32Array {
    return this.#slabs.rows.words((row / ROWS_PER_SLAB) | 0);
  }

  #pairs(row: number): Uint32Array {
    return this.#labels.lists.view(this.#words(row)[(row % ROWS_PER_SLAB) * Row.words + Row.labels]!);
  }

  #sortedTexts(symbols: ReadonlySet<number>, limit: number): string[] {
    const texts = Array.from(symbols, (symbol) => this.#labels.symbols.text(symbol));
    sortTexts(texts);
    return limit > 0 ? texts.slice(0, limit) : texts;
  }
}

/** Walks series of the head; good as long as the pin under which it was made. */
export class HeadCursor implements SeriesCursor, ChunkSource {
  readonly count: number;
  readonly #reader: HeadReader;
  readonly #rows: Uint32Array;
  readonly #refs: Uint32Array;
  readonly #order: Uint32Array;
  readonly #floorMs: number;
  /** Lists of out-of-order samples by place, as they were when the cursor was made. */
  readonly #oooLists: Uint32Array | undefined;
  /** What was deleted when the cursor was made. */
  readonly #deleted: Tombstones | undefined;
  #at = -1;

  constructor(
    reader: HeadReader,
    rows: Uint32Array,
    refs: Uint32Array,
    order: Uint32Array,
    floorMs: number,
    oooLists: Uint32Array | undefined,
    deleted: Tombstones | undefined,
  ) {
    this.#deleted = deleted;
    this.#oooLists = oooLists;
    this.#floorMs = floorMs;
    this.#reader = reader;
    this.#rows = rows;
    this.#refs = refs;
    this.#order = order;
    this.count = order.length;
  }

  next(): boolean {
    this.#at++;
    return this.#at < this.count;
  }

  labels(): Labels {
    const at = this.#order[this.#at]!;
    return this.#reader.labelsOf(this.#rows[at]!, this.#refs[at]!);
  }

  ref(): number {
    return this.#refs[this.#order[this.#at]!]!;
  }

  read(minMs: number, maxMs: number, into: SampleBuffer): number {
    const at = this.#order[this.#at]!;
    this.#reader.read(this.#rows[at]!, minMs, maxMs, this.#floorMs, into);
    const list = this.#oooLists?.[at] ?? 0;
    if (list !== 0) this.#reader.outOfOrder.merge(list, minMs, maxMs, into);
    const deleted = this.#deletedHere();
    if (deleted !== undefined) dropWithin(into, 0, deleted);
    return into.length;
  }

  /** Fills `into` with what came out of order alone. Returns how many samples that is. */
  readOutOfOrder(minMs: number, maxMs: number, into: SampleBuffer): number {
    into.clear();
    const list = this.#oooLists?.[this.#order[this.#at]!] ?? 0;
    if (list !== 0) this.#reader.outOfOrder.merge(list, minMs, maxMs, into);
    const deleted = this.#deletedHere();
    if (deleted !== undefined) dropWithin(into, 0, deleted);
    return into.length;
  }

  /** Without what came out of order: that becomes blocks of its own. */
  chunks(minMs: number, maxMs: number, emit: (chunk: EncodedChunk) => void): void {
    const row = this.#rows[this.#order[this.#at]!]!;
    const sink = new HeadChunkSink(emit);
    const deleted = this.#deletedHere();
    if (deleted === undefined) {
      this.#reader.readChunks(row, minMs, maxMs, this.#floorMs, sink);
      return;
    }
    this.#reader.read(row, minMs, maxMs, this.#floorMs, sink.samples);
    dropWithin(sink.samples, 0, deleted);
    sink.end();
  }

  readNewest(minMs: number, maxMs: number, into: SampleBuffer): number {
    if ((this.#oooLists?.[this.#order[this.#at]!] ?? 0) !== 0) return this.read(minMs, maxMs, into);
    if (this.#deletedHere() !== undefined) return this.read(minMs, maxMs, into);
    return this.#reader.readNewest(this.#rows[this.#order[this.#at]!]!, minMs, maxMs, this.#floorMs, into);
  }

  /** What is deleted of the present series; undefined when that is nothing. */
  #deletedHere(): readonly Interval[] | undefined {
    const spans = this.#deleted?.of(this.ref());
    return spans === undefined || spans.length === 0 ? undefined : spans;
  }
}
