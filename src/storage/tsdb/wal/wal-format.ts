/**
 * Framing of the log: files of at most 128 MiB, made of pages of 32 KiB; a record is cut into fragments so that none
 * crosses a page, each with a head of 7 bytes: type, u16 length, u32 CRC32C of the fragment's data (big-endian).
 *
 * @see prometheus tsdb/docs/format/wal.md, tsdb/wlog/wlog.go
 */
export const PAGE_BYTES = 32 * 1024;
export const FRAGMENT_HEAD = 7;
export const SEGMENT_BYTES = 128 * 1024 * 1024;

/** Low three bits of a fragment's type. */
export const Fragment = { pageEnd: 0, full: 1, first: 2, middle: 3, last: 4 } as const;
/** Bits of a fragment's type that tell how its record is compressed. */
export const Compression = { snappy: 8, zstd: 16 } as const;

/** File name of a segment. */
export function segmentName(index: number): string {
  return String(index).padStart(8, '0');
}

/** Index of a segment by its file name, undefined for other files. */
export function segmentIndex(name: string): number | undefined {
  return /^\d{8,}$/.test(name) ? Number(name) : undefined;
}

/** Index of a checkpoint by its folder's name, undefined for others (temporary ones too). */
export function checkpointIndex(name: string): number | undefined {
  const match = /^checkpoint\.(\d{8,})$/.exec(name);
  return match === null ? undefined : Number(match[1]);
}
