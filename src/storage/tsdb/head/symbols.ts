import { assert } from '../../../core/errors.ts';
import { Control, SYMBOLS_PER_SLAB, SYMBOL_WORDS } from './head-slabs.ts';
import { HashIndex, HashIndexView, mixHash } from './hash-index.ts';
import { ARENA_SLAB_WORDS, BumpArena } from './slabs.ts';
import type { Epochs } from './epochs.ts';
import type { HeadSlabs } from './head-slabs.ts';

/** Words before a text: its symbol (0 when it is given up), its length in bytes, its hash. */
const TEXT_HEAD = 3;
/** Texts that a reader keeps as JavaScript strings. */
const STRINGS_KEPT = 1 << 16;
/** Texts whose symbols the writer remembers. */
const RECENT_KEPT = 1 << 12;

const NO_BYTES = new Uint8Array(0);
const encoder = new TextEncoder();
let scratch = new Uint8Array(1024);

/** Puts a text's UTF-8 into the scratch buffer and returns its length in bytes. */
function encode(text: string): number {
  if (scratch.length < text.length * 3) scratch = new Uint8Array(text.length * 6);
  // Almost all label text is short ASCII, for which a loop is quicker than the encoder.
  if (text.length < 64) {
    let i = 0;
    for (; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (code > 0x7f) break;
      scratch[i] = code;
    }
    if (i === text.length) return i;
  }
  return encoder.encodeInto(text, scratch).written;
}

function hashScratch(length: number): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < length; i++) hash = Math.imul(hash ^ scratch[i]!, 0x01000193);
  return mixHash(hash);
}

/**
 * Label names and values, each kept once as UTF-8. A symbol is a small number; 0 is the empty text. This is what readers
 * need: text to symbol, symbol to text, and order.
 */
export class SymbolsView {
  protected readonly slabs: HeadSlabs;
  protected readonly index: HashIndexView;
  #soughtHash = 0;
  #soughtLength = 0;
  readonly #strings = new Map<number, { address: number; hash: number; text: string }>();
  readonly #isSought = (symbol: number): boolean => this.#equalsScratch(symbol);

  constructor(slabs: HeadSlabs, index?: HashIndexView) {
    this.slabs = slabs;
    this.index = index ?? new HashIndexView(slabs.hash, slabs.control, Control.symbolShards);
  }

  /** Symbol of a text, 0 when it is empty or nobody uses it. */
  find(text: string): number {
    if (text === '') return 0;
    return this.sought(encode(text));
  }

  /** Symbol of the text in the scratch buffer. */
  protected sought(length: number): number {
    this.#soughtLength = length;
    this.#soughtHash = hashScratch(length);
    return this.index.find(this.#soughtHash, this.#isSought);
  }

  protected get soughtHash(): number {
    return this.#soughtHash;
  }

  /** Text of a symbol. */
  text(symbol: number): string {
    if (symbol === 0) return '';
    const address = this.address(symbol);
    const words = this.slabs.text.words(address >>> 16);
    const at = address & 0xffff;
    const hash = words[at + 2]!;
    // A symbol that was given up may be another text by now.
    const kept = this.#strings.get(symbol);
    if (kept !== undefined && kept.address === address && kept.hash === hash) return kept.text;
    const start = (at + TEXT_HEAD) * 4;
    const text = Buffer.from(words.buffer).toString('utf8', start, start + words[at + 1]!);
    if (this.#strings.size >= STRINGS_KEPT) this.#strings.clear();
    this.#strings.set(symbol, { address, hash, text });
    return text;
  }

  /** Hands a symbol's text over as UTF-8: what holds it, where it begins there, and its length. */
  utf8(symbol: number, take: (bytes: Uint8Array, start: number, length: number) => void): void {
    if (symbol === 0) {
      take(NO_BYTES, 0, 0);
      return;
    }
    const address = this.address(symbol);
    const at = address & 0xffff;
    const length = this.slabs.text.words(address >>> 16)[at + 1]!;
    take(this.slabs.text.bytes(address >>> 16), (at + TEXT_HEAD) * 4, length);
  }

  /** Length of a symbol's text in bytes. */
  byteLength(symbol: number): number {
    if (symbol === 0) return 0;
    const address = this.address(symbol);
    return this.slabs.text.words(address >>> 16)[(address & 0xffff) + 1]!;
  }

  /** Order of two symbols' texts, by bytes. */
  compare(a: number, b: number): number {
    if (a === b) return 0;
    if (a === 0 || b === 0) return a === 0 ? -1 : 1;
    const x = this.address(a);
    const y = this.address(b);
    const xBytes = this.slabs.text.bytes(x >>> 16);
    const yBytes = this.slabs.text.bytes(y >>> 16);
    const xLength = this.slabs.text.words(x >>> 16)[(x & 0xffff) + 1]!;
    const yLength = this.slabs.text.words(y >>> 16)[(y & 0xffff) + 1]!;
    const xStart = ((x & 0xffff) + TEXT_HEAD) * 4;
    const yStart = ((y & 0xffff) + TEXT_HEAD) * 4;
    const length = Math.min(xLength, yLength);
    for (let i = 0; i < length; i++) {
      const order = xBytes[xStart + i]! - yBytes[yStart + i]!;
      if (order !== 0) return order;
    }
    return xLength - yLength;
  }

  protected address(symbol: number): number {
    const words = this.slabs.symbols.words((symbol / SYMBOLS_PER_SLAB) | 0);
    return Atomics.load(words, (symbol % SYMBOLS_PER_SLAB) * SYMBOL_WORDS);
  }

  #equalsScratch(symbol: number): boolean {
    const address = this.address(symbol);
    const words = this.slabs.text.words(address >>> 16);
    const at = address & 0xffff;
    if (words[at + 2] !== this.#soughtHash || words[at + 1] !== this.#soughtLength) return false;
    const bytes = this.slabs.text.bytes(address >>> 16);
    const start = (at + TEXT_HEAD) * 4;
    for (let i = 0; i < this.#soughtLength; i++) if (bytes[start + i] !== scratch[i]) return false;
    return true;
  }
}

/** The writer's side of {@link SymbolsView}. Symbols that no pair uses are given up and their text's slab is compacted. */
export class Symbols extends SymbolsView {
  readonly #arena: BumpArena;
  readonly #epochs: Epochs;
  readonly #free: number[] = [];
  readonly #freeSlabs: number[] = [];
  /** Words of each text slab that are in use. */
  readonly #liveWords: number[] = [];
  /** Symbols of texts that were interned more than once, as most of a new series' labels were. */
  readonly #recent = new Map<string, number>();
  #next = 1;

  constructor(slabs: HeadSlabs, epochs: Epochs) {
    const index = new HashIndex(slabs.hash, slabs.control, Control.symbolShards, epochs, (symbol) => {
      const address = this.address(symbol);
      return slabs.text.words(address >>> 16)[(address & 0xffff) + 2]!;
    });
    super(slabs, index);
    this.#arena = new BumpArena(slabs.text);
    this.#epochs = epochs;
  }

  /** Symbol of a text, made when it is new. Made symbols stay until {@link release} was called as often as {@link retain}. */
  intern(text: string): number {
    if (text === '') return 0;
    const recent = this.#recent.get(text);
    if (recent !== undefined) return recent;
    const length = encode(text);
    const found = this.sought(length);
    if (found !== 0) {
      if (this.#recent.size >= RECENT_KEPT) this.#recent.clear();
      this.#recent.set(text, found);
      return found;
    }
    const hash = this.soughtHash;
    const symbol = this.#free.pop() ?? this.#next++;
    const address = this.#writeText(symbol, hash, scratch, 0, length);
    const slab = (symbol / SYMBOLS_PER_SLAB) | 0;
    if (slab === this.slabs.symbols.count) this.slabs.symbols.add(SYMBOLS_PER_SLAB * SYMBOL_WORDS * 4);
    const words = this.slabs.symbols.words(slab);
    const at = (symbol % SYMBOLS_PER_SLAB) * SYMBOL_WORDS;
    words[at + 1] = 0;
    Atomics.store(words, at, address);
    (this.index as HashIndex).insert(hash, symbol);
    return symbol;
  }

  /** Counts one more pair that uses the symbol. */
  retain(symbol: number): void {
    if (symbol !== 0) this.#usesSlab(symbol)[usesWord(symbol)]!++;
  }

  /** Counts one pair less; the symbol is given up with its last one. */
  release(symbol: number): void {
    if (symbol === 0) return;
    const uses = this.#usesSlab(symbol);
    const word = usesWord(symbol);
    assert(uses[word]! > 0, 'a symbol must not be released more often than it was retained');
    uses[word]!--;
    if (uses[word] !== 0) return;
    this.#recent.clear();
    const address = this.address(symbol);
    const words = this.slabs.text.words(address >>> 16);
    (this.index as HashIndex).remove(words[(address & 0xffff) + 2]!, symbol);
    this.#epochs.retire(() => {
      const at = address & 0xffff;
      words[at] = 0;
      this.#liveWords[address >>> 16]! -= textWords(words[at + 1]!);
      this.#free.push(symbol);
    });
  }

  /** Moves the text out of one slab that is mostly given up, so that it can be filled anew. False when there is none. */
  compactOne(): boolean {
    for (let slab = 0; slab < this.slabs.text.count; slab++) {
      const words = this.slabs.text.words(slab);
      const isIdle = slab !== this.#arena.currentSlab && !this.#freeSlabs.includes(slab);
      if (!isIdle || words.length !== ARENA_SLAB_WORDS) continue;
      if (this.#liveWords[slab]! * 2 > ARENA_SLAB_WORDS) continue;
      this.#moveOut(slab, words);
      return true;
    }
    return false;
  }

  #moveOut(slab: number, words: Uint32Array): void {
    const bytes = this.slabs.text.bytes(slab);
    let at = slab === 0 ? 2 : 0;
    while (at + TEXT_HEAD <= ARENA_SLAB_WORDS) {
      const length = words[at + 1]!;
      if (length === 0) break;
      const symbol = words[at]!;
      // A symbol that only waits to be freed keeps its old place until then.
      if (
        symbol !== 0 &&
        this.address(symbol) === slab * ARENA_SLAB_WORDS + at &&
        this.#usesSlab(symbol)[usesWord(symbol)] !== 0
      ) {
        const address = this.#writeText(symbol, words[at + 2]!, bytes, (at + TEXT_HEAD) * 4, length);
        const row = this.slabs.symbols.words((symbol / SYMBOLS_PER_SLAB) | 0);
        Atomics.store(row, (symbol % SYMBOLS_PER_SLAB) * SYMBOL_WORDS, address);
      }
      at += textWords(length);
    }
    // Not to be looked at again before it is free.
    this.#liveWords[slab] = Infinity;
    this.#epochs.retire(() => {
      words.fill(0);
      this.#liveWords[slab] = 0;
      this.#freeSlabs.push(slab);
    });
  }

  #writeText(symbol: number, hash: number, source: Uint8Array, from: number, length: number): number {
    const size = textWords(length);
    if (size <= ARENA_SLAB_WORDS && !this.#arena.fits(size)) {
      const slab = this.#freeSlabs.pop();
      if (slab !== undefined) this.#arena.use(slab, slab === 0 ? 2 : 0);
    }
    const address = this.#arena.allocate(size);
    const words = this.slabs.text.words(address >>> 16);
    const bytes = this.slabs.text.bytes(address >>> 16);
    const at = address & 0xffff;
    words[at] = symbol;
    words[at + 1] = length;
    words[at + 2] = hash;
    const start = (at + TEXT_HEAD) * 4;
    for (let i = 0; i < length; i++) bytes[start + i] = source[from + i]!;
    this.#liveWords[address >>> 16] = (this.#liveWords[address >>> 16] ?? 0) + size;
    return address;
  }

  /** The slab that counts, at {@link usesWord}, the pairs that use a symbol. */
  #usesSlab(symbol: number): Uint32Array {
    return this.slabs.symbols.words((symbol / SYMBOLS_PER_SLAB) | 0);
  }
}

function usesWord(symbol: number): number {
  return (symbol % SYMBOLS_PER_SLAB) * SYMBOL_WORDS + 1;
}

function textWords(bytes: number): number {
  return TEXT_HEAD + ((bytes + 3) >>> 2);
}
