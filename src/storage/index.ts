export * from './remote/index.ts';
export * from './seam.ts';
export { isStale, staleMarker } from './stale.ts';
export * from './state/index.ts';
export { HeadReaderStorage, HeadStorage, Tsdb, TsdbReader, histogramFault } from './tsdb/index.ts';
export type {
  HeadDescriptor,
  HeadReaderData,
  HeadReaderLease,
  ReaderLease,
  Retention,
  SlabAnnouncement,
  SlabSource,
  StorageAnnouncement,
  TsdbOptions,
  TsdbReaderData,
} from './tsdb/index.ts';
