export type { BlockCompaction, BlockMeta, BlockParent, BlockStats } from './block-meta.ts';
export { BlockReader } from './block-reader.ts';
export type { BlockReaderOptions, BlockSeriesCursor } from './block-reader.ts';
export { BlockWriter } from './block-writer.ts';
export type { BlockWriterOptions, FinishedBlock } from './block-writer.ts';
export type { Interval } from './intervals.ts';
export { decodeMeta, encodeMeta, metaJson } from './meta-file.ts';
export { Tombstones, writeTombstones } from './tombstones.ts';
