import {
  isSnappyBlock,
  maxSnappyBytes,
  snappyCompressInto,
  snappyDecompressInto,
  snappyLength,
} from '../../../core/compression/snappy.ts';
import { zstdCompress, zstdDecompress } from '../../../core/compression/zstd.ts';
import { TocsinError } from '../../../core/errors.ts';
import { Compression } from './wal-format.ts';

/** `--storage.tsdb.wal-compression-type`, or `none` for `--no-storage.tsdb.wal-compression`. */
export type WalCompression = 'none' | 'snappy' | 'zstd';

/** What a record may grow to when it is decompressed: far more than any commit has. */
const MAX_RECORD_BYTES = 1 << 30;

/** Compresses records, each alone. What comes out is good until the next call. */
export class RecordCompressor {
  readonly #kind: WalCompression;
  #into = new Uint8Array(0);
  /** The bits in the fragments' types that tell how the last record was compressed; 0 when it is left as it is. */
  flag = 0;

  constructor(kind: WalCompression) {
    this.#kind = kind;
  }

  /** The shorter one of a record and its compressed form; {@link flag} tells which. */
  compress(record: Uint8Array): Uint8Array {
    this.flag = 0;
    if (this.#kind === 'none' || record.length === 0) return record;
    const compressed = this.#kind === 'zstd' ? zstdCompress(record) : this.#snappy(record);
    if (compressed.length >= record.length) return record;
    this.flag = Compression[this.#kind];
    return compressed;
  }

  #snappy(record: Uint8Array): Uint8Array {
    const room = maxSnappyBytes(record.length);
    if (this.#into.length < room) this.#into = new Uint8Array(Math.max(room, 64 * 1024));
    return this.#into.subarray(0, snappyCompressInto(record, this.#into));
  }
}

/** With what a zstd frame begins. */
const ZSTD_MAGIC = [0x28, 0xb5, 0x2f, 0xfd];

/** Decompresses records. What comes out is good until the next call. */
export class RecordDecompressor {
  #into = new Uint8Array(0);

  /**
   * The plain form of a record by the {@link Compression} bits of its fragments. Those bits have no checksum: where one is
   * wrong, what the bytes look like decides. Throws TOCSIN_ERR_PARSE when a record can't be decompressed, though its checksum is
   * right.
   */
  plain(record: Uint8Array, flag: number): Uint8Array {
    if (isZstd(record)) return zstdDecompress(record, MAX_RECORD_BYTES);
    if ((flag & Compression.snappy) === 0 && !isSnappyBlock(record)) {
      if (flag === 0) return record;
      throw unusable('it is no zstd frame');
    }
    const length = snappyLength(record);
    if (length > MAX_RECORD_BYTES || length > record.length * 22) {
      throw unusable(`a snappy block of ${record.length} bytes cannot hold ${length}`);
    }
    if (this.#into.length < length) this.#into = new Uint8Array(Math.max(length * 2, 64 * 1024));
    return this.#into.subarray(0, snappyDecompressInto(record, this.#into));
  }
}

/** No kind of record begins with the number that the magic begins with. */
function isZstd(record: Uint8Array): boolean {
  return ZSTD_MAGIC.every((byte, i) => record[i] === byte);
}

function unusable(what: string): TocsinError {
  return new TocsinError('TOCSIN_ERR_PARSE', `a record cannot be decompressed: ${what}`);
}
