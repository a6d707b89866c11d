import { TocsinError } from '../../../core/errors.ts';
import type { FileSystem } from '../../../core/ports.ts';
import { crc32c } from '../crc32c.ts';
import { TOMBSTONES_MAGIC, damaged } from './block-format.ts';
import { ByteWriter } from './byte-writer.ts';
import { addInterval } from './intervals.ts';
import type { Interval } from './intervals.ts';

const HEADER_BYTES = 5;
const NOTHING: readonly Interval[] = [];
/** Times beyond are as good as no bound. */
const MOST_MS = 2 ** 52;

/** What is deleted of the series of one block, by series ref. */
export class Tombstones {
  readonly #intervals = new Map<number, Interval[]>();

  /** Adds a deleted span. */
  add(ref: number, interval: Interval): void {
    this.#intervals.set(ref, addInterval(this.#intervals.get(ref) ?? NOTHING, interval));
  }

  /** Deleted spans of a series, rising. */
  of(ref: number): readonly Interval[] {
    return this.#intervals.get(ref) ?? NOTHING;
  }

  /** The same, to be added to. */
  copy(): Tombstones {
    const made = new Tombstones();
    made.replaceBy(this);
    return made;
  }

  /** Forgets what there is for what `other` has. */
  replaceBy(other: Tombstones): void {
    this.#intervals.clear();
    for (const [ref, intervals] of other.#intervals) this.#intervals.set(ref, intervals);
  }

  /** All series with something deleted, by ref, rising. */
  *[Symbol.iterator](): Generator<readonly [ref: number, intervals: readonly Interval[]]> {
    for (const ref of [...this.#intervals.keys()].sort((a, b) => a - b)) yield [ref, this.of(ref)];
  }

  /** Number of spans. */
  get count(): number {
    let count = 0;
    for (const intervals of this.#intervals.values()) count += intervals.length;
    return count;
  }

  get isEmpty(): boolean {
    return this.#intervals.size === 0;
  }

  /** Contents of the file. */
  encode(): Uint8Array {
    const out = new ByteWriter();
    out.u32(TOMBSTONES_MAGIC);
    out.u8(1);
    for (const ref of [...this.#intervals.keys()].sort((a, b) => a - b)) {
      for (const { minMs, maxMs } of this.of(ref)) {
        out.uvarint(ref);
        out.varint(Math.max(minMs, -MOST_MS));
        out.varint(Math.min(maxMs, MOST_MS - 1));
      }
    }
    out.u32(crc32c(out.bytes, HEADER_BYTES));
    return out.bytes.slice();
  }

  /** Reads contents of a file; throws TOCSIN_ERR_STORAGE. */
  static decode(bytes: Uint8Array, path: string): Tombstones {
    const made = new Tombstones();
    const end = bytes.length - 4;
    if (end < HEADER_BYTES) throw damaged(path, 0, 'it is too short');
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (view.getUint32(0) !== TOMBSTONES_MAGIC) throw damaged(path, 0, 'it is no file of tombstones');
    if (bytes[4] !== 1) throw damaged(path, 4, `its version ${bytes[4]} is unknown`);
    if (view.getUint32(end) !== crc32c(bytes, HEADER_BYTES, end))
      throw damaged(path, HEADER_BYTES, 'its checksum is wrong');
    let at = HEADER_BYTES;
    const read = (): bigint => {
      let value = 0n;
      for (let i = 0; i < 10; i++) {
        if (at >= end) throw damaged(path, at, 'it ends within a tombstone');
        const byte = bytes[at++]!;
        value |= BigInt(byte & 127) << BigInt(7 * i);
        if (byte < 128) return BigInt.asUintN(64, value);
      }
      throw damaged(path, at, 'a number is too long');
    };
    while (at < end) {
      const from = at;
      const ref = Number(read());
      const minMs = signed(read());
      const maxMs = signed(read());
      if (maxMs < minMs) throw damaged(path, from, 'a tombstone ends before it begins');
      made.add(ref, { minMs, maxMs });
    }
    return made;
  }
}

function signed(zigzag: bigint): number {
  const value = Number(BigInt.asIntN(64, (zigzag >> 1n) ^ -(zigzag & 1n)));
  return Math.max(-MOST_MS, Math.min(MOST_MS, value));
}

/** Tombstones of a block; none when the file is missing. Throws TOCSIN_ERR_STORAGE. */
export function readTombstones(files: FileSystem, path: string): Tombstones {
  let file;
  try {
    file = files.openRandomAccess(path);
  } catch (error) {
    if (isMissing(error)) return new Tombstones();
    throw error;
  }
  try {
    const bytes = new Uint8Array(file.sizeBytes);
    const count = file.readAt(bytes, 0, bytes.length, 0);
    return Tombstones.decode(bytes.subarray(0, count), path);
  } finally {
    file.close();
  }
}

/** Puts a block's tombstones in the place of those it has. */
export async function writeTombstones(files: FileSystem, path: string, stones: Tombstones): Promise<void> {
  await files.replaceFile(path, stones.encode());
}

/** Whether a failure of the file port says that there is no such file. */
export function isMissing(error: unknown): boolean {
  if (!(error instanceof TocsinError)) return false;
  const cause = error.cause as { code?: unknown } | undefined;
  return cause?.code === 'ENOENT';
}
