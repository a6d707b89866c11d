export * from './seam.ts';
export { isStale, normalNaN, staleMarker } from './stale.ts';
export * from './state/index.ts';
export { HeadReader, HeadStorage, Tsdb } from './tsdb/index.ts';
export type { HeadDescriptor, SlabAnnouncement, TsdbOptions } from './tsdb/index.ts';
