/** The answer of a query API with its result taken out: the small rest as a value, the result as the bytes it came in. */
export interface ScannedAnswer {
  /** The JSON without `data.result`, whose place has null; undefined when it is no JSON. */
  readonly rest: unknown;
  /** Bytes of `data.result`, in order; empty when there was none. */
  readonly result: readonly Uint8Array[];
  /** The result had more elements than it may have, and was cut after the last that fits. */
  readonly isTruncated: boolean;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACE = 0x7b;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACE = 0x7d;
const CLOSE_BRACKET = 0x5d;
const COMMA = 0x2c;
const COLON = 0x3a;
/** Longest key that is told apart. */
const MAX_KEY_BYTES = 16;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/**
 * Looks through the bytes of an answer as they arrive and keeps `data.result` apart without making values of it: it may
 * have hundreds of megabytes, and most of the time it is only handed on. Knows strings and depth, nothing else of JSON; the
 * rest is parsed when all is there.
 */
export class ResultScanner {
  readonly #limit: number;
  readonly #rest: Uint8Array[] = [];
  readonly #result: Uint8Array[] = [];
  readonly #key = new Uint8Array(MAX_KEY_BYTES);
  /** The newest key of the outermost object. */
  #outerKey = '';
  #keyLength = 0;
  #depth = 0;
  #inString = false;
  #isEscaped = false;
  #isKey = false;
  /** Depth of the result's own brackets while we are in it, 0 before and after. */
  #resultDepth = 0;
  #awaitsResult = false;
  /** The elements of the result are objects, so they are series and may be cut. */
  #hasSeries = false;
  #elements = 0;
  #isTruncated = false;

  /** `limit` is the most elements of the result; 0 is no limit. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Takes the next bytes, which must not change any more. */
  push(chunk: Uint8Array): void {
    let from = 0;
    for (let i = 0; i < chunk.length; i++) {
      const byte = chunk[i]!;
      if (this.#inString) {
        this.#stringByte(byte);
        continue;
      }
      if (this.#awaitsResult && (byte === OPEN_BRACE || byte === OPEN_BRACKET)) {
        this.#rest.push(chunk.subarray(from, i), encoder.encode('null'));
        from = i;
        this.#resultDepth = this.#depth + 1;
      }
      if (byte > 0x20) this.#awaitsResult = false;
      if (byte === QUOTE) {
        this.#inString = true;
        this.#isKey = this.#resultDepth === 0;
        this.#keyLength = 0;
      } else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
        if (byte === OPEN_BRACE && this.#resultDepth > 0 && this.#depth === this.#resultDepth)
          this.#hasSeries = true;
        this.#depth++;
      } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
        this.#depth--;
        if (this.#resultDepth > 0 && this.#depth === this.#resultDepth - 1) {
          this.#endResult(chunk, from, i + 1);
          from = i + 1;
        }
      } else if (byte === COMMA && this.#hasSeries && this.#depth === this.#resultDepth) {
        this.#elements++;
        if (this.#elements === this.#limit && !this.#isTruncated) {
          this.#result.push(chunk.subarray(from, i), encoder.encode(']'));
          this.#isTruncated = true;
        }
      } else if (byte === COLON && this.#resultDepth === 0) {
        if (this.#depth === 1) this.#outerKey = this.#readKey();
        else if (this.#depth === 2 && this.#outerKey === 'data')
          this.#awaitsResult = this.#readKey() === 'result';
      }
    }
    this.#keep(chunk, from, chunk.length);
  }

  /** The whole answer. */
  end(): ScannedAnswer {
    let rest: unknown;
    try {
      rest = JSON.parse(Buffer.concat(this.#rest).toString('utf8')) as unknown;
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      rest = undefined;
    }
    return { rest, result: this.#result, isTruncated: this.#isTruncated };
  }

  #stringByte(byte: number): void {
    if (this.#isEscaped) this.#isEscaped = false;
    else if (byte === BACKSLASH) this.#isEscaped = true;
    else if (byte === QUOTE) {
      this.#inString = false;
      return;
    }
    if (this.#isKey && this.#keyLength < MAX_KEY_BYTES) this.#key[this.#keyLength++] = byte;
  }

  #readKey(): string {
    return decoder.decode(this.#key.subarray(0, this.#keyLength));
  }

  #endResult(chunk: Uint8Array, from: number, to: number): void {
    this.#keep(chunk, from, to);
    this.#resultDepth = 0;
    this.#hasSeries = false;
  }

  #keep(chunk: Uint8Array, from: number, to: number): void {
    if (from >= to) return;
    if (this.#resultDepth === 0) this.#rest.push(chunk.subarray(from, to));
    else if (!this.#isTruncated) this.#result.push(chunk.subarray(from, to));
  }
}
