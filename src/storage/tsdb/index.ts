export { HeadReader } from './head-reader.ts';
export { HeadReaderStorage } from './head-reader-storage.ts';
export type { HeadReaderData, HeadReaderLease } from './head-reader-storage.ts';
export { HeadStorage } from './head-storage.ts';
export type { HeadDescriptor, SlabAnnouncement, SlabSource } from './slabs.ts';
export { Tsdb } from './tsdb.ts';
export type { TsdbOptions } from './tsdb.ts';
