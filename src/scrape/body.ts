import { createGunzip, gunzipSync } from 'node:zlib';
import type { Clock } from '../core/clock.ts';
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

/** A received body: what it says is in the first `length` bytes of `bytes`, which has room for one more. */
export interface ReceivedBody {
  readonly bytes: Uint8Array;
  readonly length: number;
}

/** Where a body is gathered; the chunks are joined once, when it is complete. */
class Gathering {
  readonly #chunks: Uint8Array[] = [];
  readonly #limit: number;
  length = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Throws a BodySizeLimitError as soon as the limit is reached. */
  add(chunk: Uint8Array): void {
    this.length += chunk.length;
    if (this.length >= this.#limit) throw new BodySizeLimitError();
    this.#chunks.push(chunk);
  }

  join(): ReceivedBody {
    const bytes = new Uint8Array(this.length + 1);
    let at = 0;
    for (const chunk of this.#chunks) {
      bytes.set(chunk, at);
      at += chunk.length;
    }
    return { bytes, length: this.length };
  }
}

/** Told how many bytes have arrived, for messages about what was interrupted. */
export interface BodyProgress {
  receivedBytes: number;
}

/**
 * Reads a body to its end. At most `limitBytes` (Infinity: no limit; Prometheus has none by default, so neither have
 * we) of its unpacked form are ever held; reaching the limit throws a {@link BodySizeLimitError}. Large compressed
 * bodies are unpacked on zlib's threads, piece by piece.
 */
export async function readBody(
  source: AsyncIterable<Uint8Array>,
  isGzip: boolean,
  limitBytes: number,
  clock: Clock,
  progress: BodyProgress,
): Promise<ReceivedBody> {
  if (isGzip) return readGzip(source, limitBytes, clock, progress);
  const gathering = new Gathering(limitBytes);
  for await (const chunk of source) {
    progress.receivedBytes += chunk.length;
    gathering.add(chunk);
  }
  return gathering.join();
}

async function readGzip(
  source: AsyncIterable<Uint8Array>,
  limitBytes: number,
  clock: Clock,
  progress: BodyProgress,
): Promise<ReceivedBody> {
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
      held.push(chunk);
      heldBytes += chunk.length;
      if (heldBytes <= AT_ONCE_BYTES_MAX) continue;
      stream = new GunzipStream(limitBytes);
      for (const piece of held) await clock.track(stream.write(piece));
    }
    if (stream === undefined) {
      const small = unpackSmall(held, limitBytes);
      if (small !== undefined) return small;
      stream = new GunzipStream(limitBytes);
      for (const piece of held) await clock.track(stream.write(piece));
    }
    return await clock.track(stream.end());
  } finally {
    stream?.destroy();
  }
}

/** Unpacks at once; undefined when the result is too large for that. */
function unpackSmall(held: readonly Uint8Array[], limitBytes: number): ReceivedBody | undefined {
  let unpacked: Uint8Array;
  try {
    unpacked = gunzipSync(Buffer.concat(held), { maxOutputLength: AT_ONCE_RESULT_BYTES_MAX });
  } catch (error) {
    if ((error as { code?: string }).code === 'ERR_BUFFER_TOO_LARGE') return undefined;
    throw new GzipError(error);
  }
  const gathering = new Gathering(limitBytes);
  gathering.add(unpacked);
  return gathering.join();
}

/** zlib's stream with a limit on what comes out. */
class GunzipStream {
  readonly #gunzip = createGunzip();
  readonly #gathering: Gathering;
  #failure: Error | undefined;
  #wake: (() => void) | undefined;
  #ended = false;

  constructor(limitBytes: number) {
    this.#gathering = new Gathering(limitBytes);
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

  async end(): Promise<ReceivedBody> {
    if (this.#failure === undefined && !this.#ended) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        this.#gunzip.end();
      });
    }
    if (this.#failure !== undefined) throw this.#failure;
    return this.#gathering.join();
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
