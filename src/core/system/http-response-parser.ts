/**
 * Reads HTTP/1.x responses from bytes as they arrive (RFC 9112), for {@link PlainHttp}. Bodies are not looked at: they
 * are handed on as ranges of the bytes that were given.
 */

/** Longest head of a response, and of the trailers behind a chunked body, in bytes. */
const MAX_HEAD_BYTES = 64 * 1024;
/** Longest line that begins a chunk, with its extensions, in bytes. */
const MAX_CHUNK_LINE_BYTES = 4096;

const BLANK_LINE = Buffer.from('\r\n\r\n');
const STATUS_LINE = /^HTTP\/1\.([01]) ([1-9]\d\d)(?: .*)?$/;
const HEADER_NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const CHUNK_SIZE = /^([0-9a-fA-F]{1,13})[ \t]*(?:;.*)?$/;
const LENGTH = /^\d{1,15}$/;

/** A response that is not HTTP, or more than anybody should have to read. */
export class HttpFormatError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'HttpFormatError';
  }
}

/** Hears what a {@link ResponseParser} reads. */
export interface ResponseSink {
  /** The status and headers; names are in lower case, values of equal ones are joined by `, `. */
  head(status: number, headers: Readonly<Record<string, string>>): void;
  /** A part of the body: the bytes [from, to) of those that `push` was given. */
  data(bytes: Buffer, from: number, to: number): void;
}

const State = {
  head: 0,
  /** A body of a known length. */
  counted: 1,
  /** A body that ends with the connection. */
  untilClose: 2,
  chunkLine: 3,
  chunkData: 4,
  /** The line end behind a chunk's data. */
  chunkEnd: 5,
  trailers: 6,
  complete: 7,
} as const;
type State = (typeof State)[keyof typeof State];

/** Reads the response to one request. Throws {@link HttpFormatError}, after which it must not be used any more. */
export class ResponseParser {
  readonly #sink: ResponseSink;
  readonly #answersHead: boolean;
  #state: State = State.head;
  /** What of the head, a chunk's line or the trailers has come so far, one character a byte. */
  #text = '';
  /** What is left of the body, or of the chunk. */
  #left = 0;
  #keepsConnection = false;
  #hasBegun = false;
  #keepAliveSeconds: number | undefined;

  /** `method` is that of the request: an answer to HEAD has no body whatever it says. */
  constructor(method: string, sink: ResponseSink) {
    this.#answersHead = method === 'HEAD';
    this.#sink = sink;
  }

  /** Whether any byte has come. */
  get hasBegun(): boolean {
    return this.#hasBegun;
  }

  get isComplete(): boolean {
    return this.#state === State.complete;
  }

  /** Whether the connection can be used again once the response is complete. */
  get keepsConnection(): boolean {
    return this.#keepsConnection;
  }

  /** For how long the server says it keeps an unused connection; undefined when it doesn't say. */
  get keepAliveSeconds(): number | undefined {
    return this.#keepAliveSeconds;
  }

  /** Takes the first `length` bytes. Returns how many belong to the response: fewer only when it is complete. */
  push(bytes: Buffer, length: number): number {
    this.#hasBegun ||= length > 0;
    let at = 0;
    while (at < length && this.#state !== State.complete) {
      switch (this.#state) {
        case State.head:
          at = this.#readHead(bytes, at, length);
          break;
        case State.untilClose:
          this.#sink.data(bytes, at, length);
          at = length;
          break;
        case State.counted:
        case State.chunkData:
          at = this.#readData(bytes, at, length);
          break;
        case State.chunkLine:
        case State.chunkEnd:
        case State.trailers:
          at = this.#readLine(bytes, at, length);
          break;
      }
    }
    return at;
  }

  /** The connection ended. Returns whether that completes the response. */
  close(): boolean {
    if (this.#state === State.untilClose) this.#state = State.complete;
    return this.#state === State.complete;
  }

  #readData(bytes: Buffer, at: number, length: number): number {
    const to = Math.min(length, at + this.#left);
    this.#sink.data(bytes, at, to);
    this.#left -= to - at;
    if (this.#left === 0) this.#state = this.#state === State.counted ? State.complete : State.chunkEnd;
    return to;
  }

  #readHead(bytes: Buffer, at: number, length: number): number {
    const before = this.#text.length;
    // Mostly the head has come as a whole, with much of the body behind it.
    const blank = bytes.indexOf(BLANK_LINE, at);
    const to = blank >= 0 && blank + BLANK_LINE.length <= length ? blank + BLANK_LINE.length : length;
    this.#text += bytes.toString('latin1', at, Math.min(to, at + MAX_HEAD_BYTES + 1 - before));
    // The blank line may have begun in what came before.
    const end = endOfHead(this.#text, Math.max(0, before - 3));
    if (end < 0) {
      if (this.#text.length > MAX_HEAD_BYTES) throw new HttpFormatError('response headers are too large');
      return to;
    }
    const head = this.#text.slice(0, end);
    this.#text = '';
    this.#takeHead(head);
    return at + end - before;
  }

  #takeHead(head: string): void {
    const [statusLine = '', ...lines] = head.trimEnd().split(/\r?\n/);
    const match = STATUS_LINE.exec(statusLine);
    if (match === null) throw new HttpFormatError('malformed HTTP response');
    const status = Number(match[2]);
    const headers = readHeaders(lines);
    if (status === 101) throw new HttpFormatError('the server wants to switch to another protocol');
    // An interim response: the real one follows.
    if (status < 200) return;
    const wants = (headers['connection'] ?? '').toLowerCase();
    this.#keepsConnection = match[1] === '1' ? !wants.includes('close') : wants.includes('keep-alive');
    const seconds = /(?:^|[,\s])timeout=(\d{1,9})/i.exec(headers['keep-alive'] ?? '')?.[1];
    if (seconds !== undefined) this.#keepAliveSeconds = Number(seconds);
    this.#sink.head(status, headers);
    this.#beginBody(status, headers);
  }

  #beginBody(status: number, headers: Readonly<Record<string, string>>): void {
    if (this.#answersHead || status === 204 || status === 304) {
      this.#state = State.complete;
      return;
    }
    const coding = headers['transfer-encoding'];
    if (coding !== undefined) {
      if (coding.trim().toLowerCase() !== 'chunked') {
        throw new HttpFormatError(`unsupported transfer encoding ${JSON.stringify(coding)}`);
      }
      this.#state = State.chunkLine;
      return;
    }
    const lengthText = headers['content-length'];
    if (lengthText === undefined) {
      this.#keepsConnection = false;
      this.#state = State.untilClose;
      return;
    }
    // The same length twice is one length.
    const [first = '', ...others] = lengthText.split(',').map((text) => text.trim());
    if (!LENGTH.test(first) || others.some((other) => other !== first)) {
      throw new HttpFormatError('malformed HTTP response: bad Content-Length');
    }
    this.#left = Number(first);
    this.#state = this.#left === 0 ? State.complete : State.counted;
  }

  /** Reads on to the end of a line of a chunked body. */
  #readLine(bytes: Buffer, at: number, length: number): number {
    const newline = bytes.indexOf(0x0a, at);
    const isWhole = newline >= 0 && newline < length;
    const to = isWhole ? newline + 1 : length;
    const most = this.#state === State.trailers ? MAX_HEAD_BYTES : MAX_CHUNK_LINE_BYTES;
    if (this.#text.length + to - at > most) {
      throw new HttpFormatError('malformed HTTP response: a line of a chunked body is too long');
    }
    this.#text += bytes.toString('latin1', at, to);
    if (isWhole) this.#takeLine();
    return to;
  }

  #takeLine(): void {
    if (this.#state === State.trailers) {
      // Trailers are not wanted, but all of them together are bounded.
      if (/(?:^|\n)\r?\n$/.test(this.#text)) this.#state = State.complete;
      return;
    }
    const line = this.#text.replace(/\r?\n$/, '');
    this.#text = '';
    if (this.#state === State.chunkEnd) {
      if (line !== '') throw new HttpFormatError('malformed HTTP response: a chunk is longer than it says');
      this.#state = State.chunkLine;
      return;
    }
    const size = CHUNK_SIZE.exec(line)?.[1];
    if (size === undefined) throw new HttpFormatError('malformed HTTP response: bad size of a chunk');
    this.#left = Number.parseInt(size, 16);
    this.#state = this.#left === 0 ? State.trailers : State.chunkData;
  }
}

/** Where the blank line that ends a head ends, -1 when it has not come. */
function endOfHead(text: string, from: number): number {
  for (let at = text.indexOf('\n', from); at >= 0; at = text.indexOf('\n', at + 1)) {
    if (text[at + 1] === '\n') return at + 2;
    if (text[at + 1] === '\r' && text[at + 2] === '\n') return at + 3;
  }
  return -1;
}

function readHeaders(lines: readonly string[]): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const colon = line.indexOf(':');
    const name = line.slice(0, colon);
    if (colon < 1 || !HEADER_NAME.test(name)) {
      throw new HttpFormatError('malformed HTTP response: bad header');
    }
    const value = line.slice(colon + 1).trim();
    const key = name.toLowerCase();
    const other = Object.hasOwn(headers, key) ? headers[key] : undefined;
    // As a property of its own also when a server names it `__proto__`.
    Object.defineProperty(headers, key, {
      value: other === undefined ? value : `${other}, ${value}`,
      enumerable: true,
      configurable: true,
      writable: true,
    });
  }
  return headers;
}
