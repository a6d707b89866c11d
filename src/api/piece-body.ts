import { once } from 'node:events';
import { Readable } from 'node:stream';

/** Where {@link PieceBody.pipe} writes. */
type Destination = NodeJS.WritableStream & { readonly destroyed?: boolean };

/**
 * A body made of pieces whose memory is used again once the next one is asked for. Piped straight into a response, no
 * piece is copied and none is asked for before the last one was written; whoever reads it in any other way (a
 * compressor, a test) gets copies.
 *
 * Large answers pass through the main thread's memory this way without leaving garbage there: collecting it stopped the
 * program for 30 to 100 ms at a time.
 */
export class PieceBody extends Readable {
  readonly #pieces: AsyncIterator<Uint8Array>;
  /** Told of the length of the body when it is over, by whom {@link pipe} writes for. */
  onSent: ((bytes: number) => void) | undefined;
  #isPiped = false;

  constructor(pieces: AsyncIterable<Uint8Array>) {
    super();
    this.#pieces = pieces[Symbol.asyncIterator]();
  }

  /** Only into responses: nothing is written after the destination was closed. */
  override pipe<T extends NodeJS.WritableStream>(destination: T): T {
    this.#isPiped = true;
    void this.#write(destination);
    return destination;
  }

  override _read(): void {
    if (this.#isPiped) return;
    this.#pieces.next().then(
      ({ done, value }) => this.push(done === true ? null : Buffer.from(value)),
      (error: unknown) => this.destroy(error as Error),
    );
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    void this.#giveUp(error, done);
  }

  async #giveUp(error: Error | null, done: (error?: Error | null) => void): Promise<void> {
    let failure = error;
    try {
      await this.#pieces.return?.();
    } catch (thrown) {
      failure ??= thrown as Error;
    }
    done(failure);
  }

  async #write(destination: Destination): Promise<void> {
    let bytes = 0;
    try {
      for (;;) {
        const { done, value } = await this.#pieces.next();
        if (destination.destroyed === true || this.destroyed) return;
        if (done === true) break;
        bytes += value.length;
        if (!(await written(destination, value))) return;
      }
      destination.end();
      // Tells who watches this stream that it came to its end.
      this.push(null);
      this.resume();
    } catch (error) {
      this.destroy(error as Error);
    } finally {
      this.onSent?.(bytes);
    }
  }
}

/** Writes and waits until the bytes are no longer needed; false when the destination was closed before. */
async function written(destination: Destination, bytes: Uint8Array): Promise<boolean> {
  const gone = new AbortController();
  const isWritten = new Promise<boolean>((resolve) => {
    destination.write(bytes, (error) => {
      resolve(error === undefined || error === null);
    });
  });
  const isClosed = once(destination, 'close', { signal: gone.signal }).then(
    () => false,
    () => false,
  );
  const answer = await Promise.race([isWritten, isClosed]);
  gone.abort();
  return answer;
}
