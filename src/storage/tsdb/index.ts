export { HeadReader } from './head-reader.ts';
export { HeadStorage } from './head-storage.ts';
export type { HeadDescriptor, SlabAnnouncement } from './slabs.ts';
export { Tsdb } from './tsdb.ts';
export type { TsdbOptions } from './tsdb.ts';
