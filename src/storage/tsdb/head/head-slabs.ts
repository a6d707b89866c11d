import { SLAB_KINDS, SlabSet } from './slabs.ts';
import type { HeadDescriptor, SlabAnnouncement, SlabKind, SlabSource } from './slabs.ts';

/** Shards of each hash table: a table grows shard by shard, so that no growth takes long. */
export const HASH_SHARDS = 64;
/** Readers in other threads that can be at work at a time. */
export const READER_SLOTS = 64;

/** Words of the control buffer. */
export const Control = {
  /** Counts up with every retirement of memory; see {@link Epochs}. */
  epoch: 0,
  /** Address of the list of all series, in order of their refs. */
  allSeries: 1,
  /** Counts up whenever a series comes or goes. */
  seriesVersion: 2,
  /** Number of live series. */
  seriesCount: 3,
  /** Odd while samples are being written, and another afterwards: newest samples that were read meanwhile may be torn. */
  writes: 4,
  /** Floats 4 and 5: the times between which the head has samples; NaN when it has none. */
  minTimeFloat: 4,
  maxTimeFloat: 5,
  /** Float: samples before this were given up, though chunks may still lead to them. */
  truncatedFloat: 6,
  /** Address of the directory of out-of-order samples, 0 while there are none; see OooView. */
  outOfOrder: 14,
  /** Counts up before such samples are taken out. */
  outOfOrderVersion: 15,
  /** Epoch at which each reader began, 0 when it is idle. */
  readers: 16,
  /** Slabs of the shards. */
  symbolShards: 16 + READER_SLOTS,
  pairShards: 16 + READER_SLOTS + HASH_SHARDS,
  seriesShards: 16 + READER_SLOTS + 2 * HASH_SHARDS,
  words: 16 + READER_SLOTS + 3 * HASH_SHARDS,
} as const;

/** Words of a row of the series table. All of a series but its samples and its label text. */
export const Row = {
  words: 24,
  /** Float: time of the newest sample; -Infinity when there was none. */
  lastTimeFloat: 0,
  /** Bits of the newest value, low word first. */
  lastLow: 2,
  lastHigh: 3,
  /** Float: time of the first sample of the open chunk. */
  chunkStartFloat: 2,
  /** Samples in the open chunk; stored last, so that whoever reads it finds them. */
  count: 6,
  tDelta: 7,
  /** leading zeros | trailing zeros << 8. */
  window: 8,
  /** First and last block of the open chunk, 0 when there is none. */
  openFirst: 9,
  openLast: 10,
  /** Bit within the last block | (blocks - 1) << 16. */
  position: 11,
  /** Milliseconds from the chunk's start at which it is to be cut. */
  cutAfter: 12,
  /** Odd while the chunk pointers are being changed. */
  version: 13,
  /** Newest closed chunk, 0 when there is none. */
  closed: 14,
  /** Address of the list of label pairs, in order of label names. */
  labels: 15,
  hash: 16,
  /** The series' ref, 0 when the row is free. */
  ref: 17,
  /** Float: number of the series in the log; never used twice in a data folder. */
  walIdFloat: 9,
  /** The appender whose pending sample is remembered, and where in its batch it is. */
  owner: 20,
  ownerIndex: 21,
  /** Youngest appender that was given this series' ref. */
  touched: 22,
  /** {@link ChunkKind} of the open chunk. */
  kind: 23,
} as const;

/** What a chunk is made of: floats in Prometheus' XOR encoding, or anything else (see rich-chunk.ts). */
export const ChunkKind = { xor: 0, rich: 1 } as const;
export type ChunkKind = (typeof ChunkKind)[keyof typeof ChunkKind];

/** Rows in a slab. */
export const ROWS_PER_SLAB = 8192;
/** Words of a pair: symbols of name and value, address of the list of series (or of values, see LabelIndex). */
export const PAIR_WORDS = 4;
export const PAIRS_PER_SLAB = 1 << 14;
/** Words of a symbol: address of its text, number of pairs that use it. */
export const SYMBOL_WORDS = 2;
export const SYMBOLS_PER_SLAB = 1 << 15;
export const IDS_PER_SLAB = 1 << 16;

/** All memory of a head that readers may look at. The writer makes one; readers make theirs from its descriptor. */
export class HeadSlabs {
  readonly control: Uint32Array;
  readonly controlFloats: Float64Array;
  readonly chunkRangeMs: number;
  readonly rows: SlabSet;
  readonly ids: SlabSet;
  readonly open: SlabSet;
  readonly closed: SlabSet;
  readonly text: SlabSet;
  readonly symbols: SlabSet;
  readonly pairs: SlabSet;
  readonly lists: SlabSet;
  readonly hash: SlabSet;
  readonly #subscribers = new Set<(announcement: SlabAnnouncement) => void>();

  private constructor(control: SharedArrayBuffer, chunkRangeMs: number, source: SlabSource | undefined) {
    this.control = new Uint32Array(control);
    this.controlFloats = new Float64Array(control);
    this.chunkRangeMs = chunkRangeMs;
    const hooks = {
      onChange: (announcement: SlabAnnouncement): void => {
        for (const subscriber of this.#subscribers) subscriber(announcement);
      },
      ...(source && {
        onMissing: (): void => {
          this.installAll(source.drain());
        },
      }),
    };
    this.rows = new SlabSet('rows', hooks);
    this.ids = new SlabSet('ids', hooks);
    this.open = new SlabSet('open', hooks);
    this.closed = new SlabSet('closed', hooks);
    this.text = new SlabSet('text', hooks);
    this.symbols = new SlabSet('symbols', hooks);
    this.pairs = new SlabSet('pairs', hooks);
    this.lists = new SlabSet('lists', hooks);
    this.hash = new SlabSet('hash', hooks);
  }

  /** The writer's memory: empty. */
  static create(chunkRangeMs: number): HeadSlabs {
    const bytes = Math.ceil((Control.words * 4) / 8) * 8;
    const slabs = new HeadSlabs(new SharedArrayBuffer(bytes), chunkRangeMs, undefined);
    slabs.control[Control.epoch] = 1;
    slabs.controlFloats[Control.minTimeFloat] = NaN;
    slabs.controlFloats[Control.maxTimeFloat] = NaN;
    slabs.controlFloats[Control.truncatedFloat] = -Infinity;
    return slabs;
  }

  /** A reader's view of a writer's memory. */
  static attach(descriptor: HeadDescriptor, source: SlabSource): HeadSlabs {
    const slabs = new HeadSlabs(descriptor.control, descriptor.chunkRangeMs, source);
    slabs.installAll(descriptor.slabs);
    return slabs;
  }

  /** What another thread needs to attach; follow up with {@link subscribe} in the same turn. */
  describe(): HeadDescriptor {
    return {
      control: this.control.buffer as SharedArrayBuffer,
      chunkRangeMs: this.chunkRangeMs,
      slabs: SLAB_KINDS.flatMap((kind) => this[kind].announcements()),
    };
  }

  /** Calls `tell` for every slab that comes or goes from now on, before anything refers to it. Returns the end of it. */
  subscribe(tell: (announcement: SlabAnnouncement) => void): () => void {
    this.#subscribers.add(tell);
    return () => {
      this.#subscribers.delete(tell);
    };
  }

  installAll(announcements: readonly SlabAnnouncement[]): void {
    for (const { kind, index, buffer } of announcements) this[kind].install(index, buffer);
  }

  /** Bytes by kind. */
  byteLengths(): Readonly<Record<SlabKind, number>> {
    const entries = SLAB_KINDS.map((kind) => [kind, this[kind].byteLength] as const);
    return Object.fromEntries(entries) as Record<SlabKind, number>;
  }

  /** Row of a series' ref, -1 when it is not live. Rows are numbered over all slabs. */
  rowOf(ref: number): number {
    const words = this.ids.u32[ref >>> 16] ?? this.ids.find(ref >>> 16);
    return words === undefined ? -1 : Atomics.load(words, ref & 0xffff) - 1;
  }
}
