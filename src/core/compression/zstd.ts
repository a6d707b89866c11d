import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { TocsinError, errorText } from '../errors.ts';

/** Prometheus' level: klauspost's default is about zstd's 3. */
const LEVEL = 3;

/** One zstd frame that holds some bytes; owned by the caller. */
export function zstdCompress(bytes: Uint8Array): Uint8Array {
  return zstdCompressSync(bytes, { params: { [constants.ZSTD_c_compressionLevel]: LEVEL } });
}

/**
 * What a zstd frame holds, owned by the caller. Throws TOCSIN_ERR_PARSE when the frame is malformed or holds more than
 * `maxBytes`.
 */
export function zstdDecompress(bytes: Uint8Array, maxBytes: number): Uint8Array {
  // Node takes no bytes at all for an empty frame.
  if (bytes.length === 0) throw bad('it is empty');
  try {
    return zstdDecompressSync(bytes, { maxOutputLength: Math.max(1, maxBytes) });
  } catch (error) {
    throw bad(errorText(error), error);
  }
}

function bad(what: string, cause?: unknown): TocsinError {
  return new TocsinError('TOCSIN_ERR_PARSE', `a zstd frame cannot be used: ${what}`, { cause });
}
