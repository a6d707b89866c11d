export { HeadReader } from './head-reader.ts';
export { DEFAULT_CHUNK_RANGE_MS, HeadStorage } from './head-storage.ts';
export type { ProcessIdentity } from './lock-file.ts';
export type { HeadDescriptor, SlabAnnouncement, SlabKind, SlabSource } from './slabs.ts';
export { Tsdb } from './tsdb.ts';
export type { TsdbOptions } from './tsdb.ts';
export type { ReplayReport } from './wal-replay.ts';
