import type { WriteRequestCursor } from '../proto/write-request.ts';
import type { WriteRequestV2Cursor } from '../proto/write-request-v2.ts';
import type { SeriesRef } from '../../seam.ts';
import { BytesTable } from './bytes-table.ts';

/** Our numbers of the symbols of a message; equal numbers are equal symbols within an era. */
export interface SymbolNumbers {
  readonly era: number;
  readonly numbers: Uint32Array;
}

/** Highest number of a symbol in an era. */
const MAX_SYMBOL = 0xffff_ffff;

/** How often what was not asked for since is forgotten. */
const AGE_MS = 30 * 60_000;

/** Tells when tables are to {@link BytesTable.age}. */
class Ageing {
  #sinceMs: number | undefined;

  /** Ages the tables when it is time; `nowMs` is monotonic. */
  pass(nowMs: number, ...tables: readonly BytesTable[]): void {
    this.#sinceMs ??= nowMs;
    if (nowMs - this.#sinceMs < AGE_MS) return;
    this.#sinceMs = nowMs;
    for (const table of tables) table.age();
  }
}

/**
 * Refs of series by the bytes of their labels, as remote write 1.0 sends them. A ref may be of a series that is gone.
 */
export class RawSeriesKeys {
  readonly #table: BytesTable;
  readonly #ageing = new Ageing();

  /** Takes `maxBytes` of memory at most. */
  constructor(maxBytes: number) {
    this.#table = new BytesTable(maxBytes);
  }

  /** Call it at each request, with monotonic time. */
  pass(nowMs: number): void {
    this.#ageing.pass(nowMs, this.#table);
  }

  /** Ref of the cursor's series, 0 when it is not known. */
  get({ bytes, view, labelsFrom, labelsTo }: WriteRequestCursor): SeriesRef {
    return this.#table.get(bytes, view, labelsFrom, labelsTo);
  }

  set({ bytes, view, labelsFrom, labelsTo }: WriteRequestCursor, ref: SeriesRef): void {
    this.#table.set(bytes, view, labelsFrom, labelsTo, ref);
  }
}

/**
 * The same for remote write 2.0, where each request numbers its symbols as it likes: symbols get numbers of ours by their
 * bytes, and series are known by the numbers of their names and values.
 */
export class SymbolSeriesKeys {
  readonly #symbols: BytesTable;
  readonly #series: BytesTable;
  readonly #ageing = new Ageing();
  #lastSymbol = 0;
  #era = 0;

  constructor(maxBytes: number) {
    this.#symbols = new BytesTable(maxBytes / 2);
    this.#series = new BytesTable(maxBytes / 2);
  }

  /** Call it at each request, with monotonic time. */
  pass(nowMs: number): void {
    this.#ageing.pass(nowMs, this.#symbols, this.#series);
  }

  /** Our numbers of the symbols of a message. */
  symbols(message: Uint8Array, { symbolCount, symbolPlaces }: WriteRequestV2Cursor): SymbolNumbers {
    if (this.#lastSymbol + symbolCount > MAX_SYMBOL) {
      this.#symbols.clear();
      this.#lastSymbol = 0;
      this.#era++;
    }
    const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
    const numbers = new Uint32Array(symbolCount);
    for (let i = 0; i < symbolCount; i++) {
      const from = symbolPlaces[2 * i]!;
      const to = symbolPlaces[2 * i + 1]!;
      let number = this.#symbols.get(message, view, from, to);
      if (number === 0) {
        number = ++this.#lastSymbol;
        this.#symbols.set(message, view, from, to, number);
      }
      numbers[i] = number;
    }
    return { era: this.#era, numbers };
  }

  /** Ref of the series of a key, 0 when it is not known. */
  get(key: SymbolKey): SeriesRef {
    return this.#series.get(key.bytes, key.view, 0, key.length);
  }

  set(key: SymbolKey, ref: SeriesRef): void {
    this.#series.set(key.bytes, key.view, 0, key.length, ref);
  }
}

/** Numbers of symbols as bytes; used again for each series. */
export class SymbolKey {
  #numbers = new Uint32Array(64);
  bytes = new Uint8Array(this.#numbers.buffer);
  view: DataView = new DataView(this.#numbers.buffer);
  #count = 0;

  /** How many bytes there are. */
  get length(): number {
    return this.#count * 4;
  }

  /** Begins a key with the era of the numbers that follow. */
  begin(era: number): void {
    this.#count = 0;
    this.add(era);
  }

  add(number: number): void {
    if (this.#count === this.#numbers.length) {
      const larger = new Uint32Array(this.#count * 2);
      larger.set(this.#numbers);
      this.#numbers = larger;
      this.bytes = new Uint8Array(larger.buffer);
      this.view = new DataView(larger.buffer);
    }
    this.#numbers[this.#count++] = number;
  }
}
