import type { FileHandle, FileSystem } from '../../../core/ports.ts';

/** Bytes that are gathered before they are handed to the system. */
const BUFFER_BYTES = 1 << 20;

/** Writes a new file from its begin to its end. */
export class FileOutput {
  readonly #handle: FileHandle;
  #buffer = new Uint8Array(BUFFER_BYTES);
  #used = 0;
  #position = 0;

  private constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  /** There must be no such file yet. Rejects with TOCSIN_ERR_STORAGE. */
  static async create(files: FileSystem, path: string): Promise<FileOutput> {
    return new FileOutput(await files.open(path, 'append'));
  }

  /** Where the next byte goes. */
  get position(): number {
    return this.#position;
  }

  /** Whether {@link flush} is due. */
  get isFull(): boolean {
    return this.#used >= BUFFER_BYTES / 2;
  }

  /** Takes a copy. */
  put(bytes: Uint8Array): void {
    if (this.#used + bytes.length > this.#buffer.length) {
      const larger = new Uint8Array(Math.max(this.#buffer.length * 2, this.#used + bytes.length));
      larger.set(this.#buffer.subarray(0, this.#used));
      this.#buffer = larger;
    }
    this.#buffer.set(bytes, this.#used);
    this.#used += bytes.length;
    this.#position += bytes.length;
  }

  /** Zeros up to a multiple of `size`. */
  pad(size: number): void {
    const over = this.#position % size;
    if (over !== 0) this.put(new Uint8Array(size - over));
  }

  /** Hands what was gathered to the system. */
  async flush(): Promise<void> {
    if (this.#used === 0) return;
    await this.#handle.append(this.#buffer.subarray(0, this.#used));
    this.#used = 0;
    if (this.#buffer.length > BUFFER_BYTES) this.#buffer = new Uint8Array(BUFFER_BYTES);
  }

  /** Resolves when everything is on disk and the file closed. */
  async end(): Promise<void> {
    try {
      await this.flush();
      await this.#handle.sync();
    } finally {
      await this.#handle.close();
    }
  }

  /** Closes without writing what is left. */
  async abandon(): Promise<void> {
    await this.#handle.close();
  }
}
