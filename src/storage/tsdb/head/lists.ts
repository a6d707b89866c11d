import { BumpArena } from './slabs.ts';
import type { Epochs } from './epochs.ts';
import type { SlabSet } from './slabs.ts';

/** The head of a list is its length (25 bits) and the class of its run (7 bits). */
const LENGTH_MASK = 0x01ff_ffff;
const CLASS_SHIFT = 25;

/** Words of a run by class: four sizes to every doubling. */
const RUN_WORDS: readonly number[] = makeRunSizes();

function makeRunSizes(): number[] {
  const sizes = [2, 3];
  for (let octave = 4; octave < LENGTH_MASK; octave *= 2) {
    for (let quarter = 4; quarter < 8; quarter++) sizes.push((octave * quarter) / 4);
  }
  return sizes;
}

/**
 * Lists of words (series refs, pairs, symbols) in slabs. A list is a run of words, the first of which holds the class of the
 * run's size and the list's length. A reader that has the address has a list that can only grow at its end; whoever replaces or shortens one
 * makes a new list and publishes its address.
 */
export class ListView {
  protected readonly slabs: SlabSet;

  constructor(slabs: SlabSet) {
    this.slabs = slabs;
  }

  /** How many words a list holds; 0 for address 0. */
  length(address: number): number {
    if (address === 0) return 0;
    return Atomics.load(this.slabs.words(address >>> 16), address & 0xffff) & LENGTH_MASK;
  }

  /** The words of a list, not copied. */
  view(address: number): Uint32Array {
    if (address === 0) return NOTHING;
    const words = this.slabs.words(address >>> 16);
    const at = address & 0xffff;
    return words.subarray(at + 1, at + 1 + (Atomics.load(words, at) & LENGTH_MASK));
  }

  /** One word of a list; `index` is below its length. */
  at(address: number, index: number): number {
    return this.slabs.words(address >>> 16)[(address & 0xffff) + 1 + index]!;
  }
}

const NOTHING = new Uint32Array(0);

/** The writer's side of {@link ListView}: runs of one class are used again for others of it. */
export class Lists extends ListView {
  readonly #arena: BumpArena;
  readonly #epochs: Epochs;
  readonly #free: number[][] = RUN_WORDS.map(() => []);

  constructor(slabs: SlabSet, epochs: Epochs) {
    super(slabs);
    this.#arena = new BumpArena(slabs);
    this.#epochs = epochs;
  }

  /** A new list of the first `count` words of `source`, with room for at least `room` in all. */
  make(source: ArrayLike<number>, count: number, room = count): number {
    const size = classFor(Math.max(room, count));
    const address = this.#free[size]!.pop() ?? this.#arena.allocate(RUN_WORDS[size]!);
    const words = this.slabs.words(address >>> 16);
    const at = address & 0xffff;
    for (let i = 0; i < count; i++) words[at + 1 + i] = source[i]!;
    Atomics.store(words, at, count | (size << CLASS_SHIFT));
    return address;
  }

  /** Adds a word at the end. Returns the list's address, which is another when it had to move: publish it, then {@link retire} the old. */
  push(address: number, word: number): number {
    if (address === 0) return this.make([word], 1);
    const words = this.slabs.words(address >>> 16);
    const at = address & 0xffff;
    const head = words[at]!;
    const count = head & LENGTH_MASK;
    if (count + 1 < RUN_WORDS[head >>> CLASS_SHIFT]!) {
      words[at + 1 + count] = word;
      Atomics.store(words, at, head + 1);
      return address;
    }
    const moved = this.make(words.subarray(at + 1, at + 1 + count), count, count + 1 + (count >>> 1));
    return this.push(moved, word);
  }

  /** Frees a list that nothing leads to any more, when the last reader has gone. */
  retire(address: number): void {
    if (address === 0) return;
    this.#epochs.retire(() => {
      this.release(address);
    });
  }

  /** Frees a list at once; for callers that retire many together. */
  release(address: number): void {
    const head = this.slabs.words(address >>> 16)[address & 0xffff]!;
    this.#free[head >>> CLASS_SHIFT]!.push(address);
  }
}

/** Smallest class whose run holds `count` words and the head. */
function classFor(count: number): number {
  const words = count + 1;
  if (words <= 4) return Math.max(words - 2, 0);
  // words lies in (2^octave, 2^(octave + 1)], which four classes divide.
  const octave = 31 - Math.clz32(words - 1);
  const quarter = Math.ceil((words - 2 ** octave) / 2 ** (octave - 2));
  return 2 + (octave - 2) * 4 + quarter;
}
