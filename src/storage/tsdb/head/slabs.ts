import { assert } from '../../../core/errors.ts';

/**
 * The kinds of memory that the head is made of. Each is a list of fixed-size SharedArrayBuffers that grows by whole
 * buffers and never resizes one: views on growable buffers read 5 to 20 times slower.
 */
export const SLAB_KINDS = [
  'rows',
  'ids',
  'open',
  'closed',
  'text',
  'symbols',
  'pairs',
  'lists',
  'hash',
] as const;
/** One of {@link SLAB_KINDS}. */
export type SlabKind = (typeof SLAB_KINDS)[number];

/** Said to every reader whenever the writer gains a slab, or (with no buffer) gives one up. */
export interface SlabAnnouncement {
  readonly kind: SlabKind;
  readonly index: number;
  readonly buffer: SharedArrayBuffer | undefined;
}

/**
 * Where a reader in another thread gets announcements from, without going back to its event loop. The writer
 * announces before it publishes anything that refers to the slab, so what a reader has seen is always obtainable.
 */
export interface SlabSource {
  /** The announcements that have arrived since the last call, oldest first; empty when there are none. */
  drain(): readonly SlabAnnouncement[];
}

/** Everything a reader needs to open the head in another thread; structured-cloneable, the buffers are shared. */
export interface HeadDescriptor {
  readonly control: SharedArrayBuffer;
  readonly chunkRangeMs: number;
  readonly slabs: readonly SlabAnnouncement[];
}

const LITTLE_ENDIAN = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;
assert(LITTLE_ENDIAN, 'the head lays 64-bit floats over 32-bit words and needs a little-endian machine');

/** The slabs of one kind, seen as bytes, words and floats. */
export class SlabSet {
  readonly kind: SlabKind;
  readonly u8: (Uint8Array | undefined)[] = [];
  readonly u32: (Uint32Array | undefined)[] = [];
  readonly f64: (Float64Array | undefined)[] = [];
  readonly #onMissing: (() => void) | undefined;
  readonly #onChange: ((announcement: SlabAnnouncement) => void) | undefined;
  #byteLength = 0;

  /** A writer gives `onChange`; a reader gives `onMissing`, which installs what has been announced meanwhile. */
  constructor(
    kind: SlabKind,
    hooks: { readonly onChange?: (announcement: SlabAnnouncement) => void; readonly onMissing?: () => void },
  ) {
    this.kind = kind;
    this.#onChange = hooks.onChange;
    this.#onMissing = hooks.onMissing;
  }

  /** Bytes of all slabs together, whether touched or not. */
  get byteLength(): number {
    return this.#byteLength;
  }

  /** Number of indices given out so far. */
  get count(): number {
    return this.u8.length;
  }

  /** Makes a zeroed slab and tells readers. Returns its index, which is never given out again. */
  add(sizeBytes: number): number {
    const index = this.u8.length;
    const buffer = new SharedArrayBuffer(sizeBytes);
    this.install(index, buffer);
    this.#onChange?.({ kind: this.kind, index, buffer });
    return index;
  }

  /** Gives a slab up for good. */
  drop(index: number): void {
    this.install(index, undefined);
    this.#onChange?.({ kind: this.kind, index, buffer: undefined });
  }

  /** Puts an announced slab in its place. */
  install(index: number, buffer: SharedArrayBuffer | undefined): void {
    this.#byteLength += (buffer?.byteLength ?? 0) - (this.u8[index]?.byteLength ?? 0);
    while (this.u8.length < index) {
      this.u8.push(undefined);
      this.u32.push(undefined);
      this.f64.push(undefined);
    }
    this.u8[index] = buffer && new Uint8Array(buffer);
    this.u32[index] = buffer && new Uint32Array(buffer);
    this.f64[index] = buffer && new Float64Array(buffer);
  }

  /** Words of a slab, fetching the announcement when it is new to this reader. */
  words(index: number): Uint32Array {
    return this.u32[index] ?? this.#missing(this.u32, index);
  }

  /** Words of a slab that may never have been there. */
  find(index: number): Uint32Array | undefined {
    if (this.u32[index] === undefined) this.#onMissing?.();
    return this.u32[index];
  }

  /** Bytes of a slab. */
  bytes(index: number): Uint8Array {
    return this.u8[index] ?? this.#missing(this.u8, index);
  }

  /** Floats of a slab. */
  floats(index: number): Float64Array {
    return this.f64[index] ?? this.#missing(this.f64, index);
  }

  /** What a new reader has to be told. */
  announcements(): SlabAnnouncement[] {
    const all: SlabAnnouncement[] = [];
    this.u8.forEach((bytes, index) => {
      if (bytes !== undefined) {
        all.push({ kind: this.kind, index, buffer: bytes.buffer as SharedArrayBuffer });
      }
    });
    return all;
  }

  #missing<T>(views: readonly (T | undefined)[], index: number): T {
    this.#onMissing?.();
    const view = views[index];
    assert(view !== undefined, `slab ${this.kind} ${index} was used before it was announced`);
    return view;
  }
}

/** Words in a slab of an arena; an address is slab << 16 | word. */
export const ARENA_SLAB_WORDS = 1 << 16;
const ARENA_SLAB_BYTES = ARENA_SLAB_WORDS * 4;

/** Hands out runs of words from slabs, one after the other. Address 0 is never given out. */
export class BumpArena {
  readonly slabs: SlabSet;
  #slab = -1;
  #word = ARENA_SLAB_WORDS;

  constructor(slabs: SlabSet) {
    this.slabs = slabs;
  }

  /** The slab that is being filled, -1 when there is none. */
  get currentSlab(): number {
    return this.#slab;
  }

  /** Whether `words` still fit the slab that is being filled. */
  fits(words: number): boolean {
    return this.#word + words <= ARENA_SLAB_WORDS;
  }

  /** Starts filling a slab from `fromWord` on. */
  use(slab: number, fromWord: number): void {
    this.#slab = slab;
    this.#word = fromWord;
  }

  /** Address of `words` fresh words; runs larger than a slab get one of their own. */
  allocate(words: number): number {
    if (words > ARENA_SLAB_WORDS) return this.#newSlab(words * 4) * ARENA_SLAB_WORDS;
    if (!this.fits(words)) {
      const slab = this.#newSlab(ARENA_SLAB_BYTES);
      // The first word of the first slab stays unused, so that no address is 0.
      this.use(slab, slab === 0 ? 2 : 0);
    }
    const address = this.#slab * ARENA_SLAB_WORDS + this.#word;
    this.#word += words;
    return address;
  }

  #newSlab(bytes: number): number {
    // Slab 0 is the ordinary one, or the address of a large run there would be 0.
    if (this.slabs.count === 0 && bytes !== ARENA_SLAB_BYTES) {
      this.use(this.slabs.add(ARENA_SLAB_BYTES), 2);
    }
    const index = this.slabs.add(bytes);
    assert(index < 1 << 16, `the ${this.slabs.kind} memory of the head is full (16 GiB)`);
    return index;
  }
}
