export * from './seam.ts';
export { isStale, normalNaN, staleMarker } from './stale.ts';
export * from './state/index.ts';
export { HeadReader, HeadStorage, Tsdb } from './tsdb/index.ts';
export type {
  HeadDescriptor,
  ProcessIdentity,
  ReplayReport,
  SlabAnnouncement,
  SlabSource,
  TsdbOptions,
} from './tsdb/index.ts';
