import { createGunzip } from 'node:zlib';
import type { Clock } from '../core/clock.ts';
import { threadGunzipper } from '../core/compression/gunzip.ts';
import { errorText } from '../core/errors.ts';

/** A target's answer is larger than `body_size_limit`. */
export class BodySizeLimitError extends Error {
  constructor() {
    super('body size limit exceeded');
    this.name = 'BodySizeLimitError';
  }
}

/** A compressed body is broken or ends early. */
export class GzipError extends Error {
  constructor(cause: unknown) {
    const code = (cause as { code?: string } | undefined)?.code;
    super(code === 'Z_BUF_ERROR' ? 'unexpected EOF' : `gzip: ${errorText(cause)}`, { cause });
    this.name = 'GzipError';
  }
}

/** Compressed bodies up to so many bytes are unpacked at once, on the spot, if the result is small too. */
const AT_ONCE_BYTES_MAX = 64 * 1024;
const AT_ONCE_RESULT_BYTES_MAX = 2 * 1024 * 1024;

/** Least memory of a body. */
const LEAST_BYTES = 4096;
/** A target that says how long its body is gets room for so much at once. */
const MAX_EXPECTED_BYTES = 1024 * 1024;
/** More memory than this, in all, is not kept for later. */
const MAX_KEPT_BYTES = 4 * 1024 * 1024;

/**
 * Memory of bodies, used again and again: bodies are large, live for milliseconds, and come by the thousand, and the
 * garbage of a new one for each was collected several times a second.
 */
export class BodyBuffers {
  /** By size. */
  readonly #free = new Map<number, Uint8Array[]>();
  #freeBytes = 0;

  /** Memory of at least so many bytes that nobody else has; what is in it means nothing. */
  take(least: number): Uint8Array {
    const size = roundUp(least);
    const bytes = this.#free.get(size)?.pop();
    if (bytes === undefined) return new Uint8Array(size);
    this.#freeBytes -= size;
    return bytes;
  }

  /** Takes memory back that nobody looks at any more. */
  give(bytes: Uint8Array): void {
    const size = bytes.length;
    if (this.#freeBytes + size > MAX_KEPT_BYTES) return;
    this.#freeBytes += size;
    const equal = this.#free.get(size);
    if (equal === undefined) this.#free.set(size, [bytes]);
    else equal.push(bytes);
  }
}

/** A size that is not less and at most a quarter more: few sizes, so that memory of one body suits another. */
function roundUp(bytes: number): number {
  if (bytes <= LEAST_BYTES) return LEAST_BYTES;
  const step = 2 ** (Math.floor(Math.log2(bytes)) - 2);
  return Math.ceil(bytes / step) * step;
}

/**
 * A received body: what it says is in the first `length` bytes of `bytes`, which has room for one more. Whoever is done
 * with it gives `bytes` back to the {@link BodyBuffers}.
 */
export interface ReceivedBody {
  readonly bytes: Uint8Array;
  readonly length: number;
}

/** Where a body is gathered. */
class Gathering {
  readonly #limit: number;
  readonly #buffers: BodyBuffers;
  /** Room that it gets at first. */
  readonly #expected: number;
  /** Of a slow target little is held until it sends more. */
  #bytes: Uint8Array | undefined;
  length = 0;

  constructor({ limitBytes, expectedBytes, buffers }: ReadOptions) {
    this.#limit = limitBytes;
    this.#buffers = buffers;
    this.#expected = Math.min(expectedBytes, limitBytes, MAX_EXPECTED_BYTES) + 1;
  }

  /** Copies a chunk. Throws a BodySizeLimitError as soon as the limit is reached. */
  add(chunk: Uint8Array): void {
    const end = this.length + chunk.length;
    if (end >= this.#limit) throw new BodySizeLimitError();
    this.#room(end + 1).set(chunk, this.length);
    this.length = end;
  }

  /** Unpacks a whole body of about so many bytes; false, having gathered nothing, when it has more or reaches the limit. */
  unpack(packed: Uint8Array, expectedBytes: number): boolean {
    if (expectedBytes >= this.#limit) return false;
    const count = threadGunzipper().unpack(packed, this.#room(expectedBytes + 1));
    if (count < 0 || count >= this.#limit) return false;
    this.length = count;
    return true;
  }

  /** What was gathered; nothing can be added any more. */
  finish(): ReceivedBody {
    return { bytes: this.#room(this.length + 1), length: this.length };
  }

  /** Gives the memory back; what was gathered is not wanted. */
  drop(): void {
    if (this.#bytes !== undefined) this.#buffers.give(this.#bytes);
    this.#bytes = undefined;
  }

  #room(least: number): Uint8Array {
    const held = this.#bytes;
    if (held !== undefined && held.length >= least) return held;
    const larger = this.#buffers.take(
      Math.max(least, held === undefined ? this.#expected : held.length * 1.5),
    );
    if (held !== undefined) {
      larger.set(held.subarray(0, this.length));
      this.#buffers.give(held);
    }
    this.#bytes = larger;
    return larger;
  }
}

/** Told how many bytes have arrived, for messages about what was interrupted. */
export interface BodyProgress {
  receivedBytes: number;
}

/** How a body is read. */
export interface ReadOptions {
  readonly isGzip: boolean;
  /** Infinity: no limit. */
  readonly limitBytes: number;
  /** How long it is to be once unpacked, as far as that is known; else 0. */
  readonly expectedBytes: number;
  readonly clock: Clock;
  readonly buffers: BodyBuffers;
}

/**
 * Reads a body to its end. At most `limitBytes` (Infinity: no limit; Prometheus has none by default, so neither have
 * we) of its unpacked form are ever held; reaching the limit throws a {@link BodySizeLimitError}. Large compressed
 * bodies are unpacked on zlib's threads, piece by piece.
 */
export async function readBody(
  source: AsyncIterable<Uint8Array>,
  options: ReadOptions,
  progress: BodyProgress,
): Promise<ReceivedBody> {
  const gathering = new Gathering(options);
  try {
    if (options.isGzip) {
      await readGzip(source, gathering, options.clock, progress);
    } else {
      for await (const chunk of source) {
        progress.receivedBytes += chunk.length;
        gathering.add(chunk);
      }
    }
    return gathering.finish();
  } catch (error) {
    gathering.drop();
    throw error;
  }
}

async function readGzip(
  source: AsyncIterable<Uint8Array>,
  gathering: Gathering,
  clock: Clock,
  progress: BodyProgress,
): Promise<void> {
  const held: Uint8Array[] = [];
  let heldBytes = 0;
  let stream: GunzipStream | undefined;
  try {
    for await (const chunk of source) {
      progress.receivedBytes += chunk.length;
      if (stream !== undefined) {
        await clock.track(stream.write(chunk));
        continue;
      }
      // The chunk's memory is used again for the next one.
      held.push(chunk.slice());
      heldBytes += chunk.length;
      if (heldBytes <= AT_ONCE_BYTES_MAX) continue;
      stream = new GunzipStream(gathering);
      for (const piece of held) await clock.track(stream.write(piece));
    }
    if (stream === undefined) {
      if (unpackSmall(held, gathering)) return;
      stream = new GunzipStream(gathering);
      for (const piece of held) await clock.track(stream.write(piece));
    }
    await clock.track(stream.end());
  } finally {
    stream?.destroy();
  }
}

/** Unpacks at once; false, having done nothing, when the result is too large for that. */
function unpackSmall(held: readonly Uint8Array[], gathering: Gathering): boolean {
  const packed = held.length === 1 ? held[0]! : Buffer.concat(held);
  // The last four bytes say how long it is, if there is one member and it tells the truth.
  const said =
    packed.length < 4 ? 0 : new DataView(packed.buffer, packed.byteOffset).getUint32(packed.length - 4, true);
  if (said > AT_ONCE_RESULT_BYTES_MAX) return false;
  try {
    return gathering.unpack(packed, said);
  } catch (error) {
    throw new GzipError(error);
  }
}

/** zlib's stream, whose output is gathered. */
class GunzipStream {
  readonly #gunzip = createGunzip();
  readonly #gathering: Gathering;
  #failure: Error | undefined;
  #wake: (() => void) | undefined;
  #ended = false;

  constructor(gathering: Gathering) {
    this.#gathering = gathering;
    this.#gunzip.on('data', (chunk: Uint8Array) => {
      if (this.#failure !== undefined) return;
      try {
        this.#gathering.add(chunk);
      } catch (error) {
        this.#fail(error as Error);
      }
    });
    this.#gunzip.on('end', () => {
      this.#ended = true;
      this.#wake?.();
    });
    this.#gunzip.on('error', (error) => {
      this.#fail(new GzipError(error));
    });
  }

  /** Resolves when the chunk has been worked on; rejects with what went wrong so far. */
  async write(chunk: Uint8Array): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      this.#gunzip.write(chunk, () => {
        resolve();
      });
    });
    if (this.#failure !== undefined) throw this.#failure;
  }

  async end(): Promise<void> {
    if (this.#failure === undefined && !this.#ended) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        this.#gunzip.end();
      });
    }
    if (this.#failure !== undefined) throw this.#failure;
  }

  destroy(): void {
    this.#gunzip.destroy();
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#gunzip.destroy();
    this.#wake?.();
  }
}
