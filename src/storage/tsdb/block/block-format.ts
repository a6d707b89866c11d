import { TocsinError } from '../../../core/errors.ts';

/** Marks and sizes of a block's files. @see prometheus tsdb/docs/format */
export const INDEX_MAGIC = 0xbaaad700;
export const INDEX_VERSION = 2;
export const INDEX_HEADER_BYTES = 5;
/** Six places of 8 bytes and a checksum. */
export const TOC_BYTES = 52;
/** A series stands at a multiple of this; its ref is its place divided by this. */
export const SERIES_ALIGN = 16;
export const CHUNKS_MAGIC = 0x85bd40dd;
export const CHUNKS_HEADER_BYTES = 8;
/** Size that a file of chunks does not exceed. */
export const CHUNKS_SEGMENT_BYTES = 512 * 1024 * 1024;
/** Most bytes that the length of a chunk takes. */
export const MAX_CHUNK_LENGTH_BYTES = 5;
export const TOMBSTONES_MAGIC = 0x0130ba30;
/** In tables, every how many entries one's place is kept in memory. */
export const SAMPLED_EVERY = 32;
/** A reference to a chunk is its file (from 0) times this plus its place therein. */
export const CHUNK_FILE_FACTOR = 2 ** 32;

/** Name of the n-th (from 0) file of chunks. */
export function chunkFileName(index: number): string {
  return String(index + 1).padStart(6, '0');
}

/** The failure for bytes that are not what the format says. */
export function damaged(path: string, position: number, what: string): TocsinError {
  return new TocsinError(
    'TOCSIN_ERR_STORAGE',
    `${path} is damaged at byte ${position}: ${what}; restore the block from a backup or remove its folder`,
  );
}
