export * from './remote/index.ts';
export * from './seam.ts';
export { isStale, staleMarker } from './stale.ts';
export * from './state/index.ts';
export { HeadReaderStorage, HeadStorage, Tsdb } from './tsdb/index.ts';
export type {
  HeadDescriptor,
  HeadReaderData,
  HeadReaderLease,
  SlabAnnouncement,
  SlabSource,
  TsdbOptions,
} from './tsdb/index.ts';
