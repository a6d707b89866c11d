export * from './remote/index.ts';
export * from './seam.ts';
export { isStale, staleMarker } from './stale.ts';
export * from './state/index.ts';
export { HeadStorage, Tsdb, TsdbReader, histogramFault, metaJson } from './tsdb/index.ts';
export type {
  BlockMeta,
  HeadDescriptor,
  HeadReaderData,
  HeadReaderLease,
  ReaderLease,
  Retention,
  SlabAnnouncement,
  SlabSource,
  StorageAnnouncement,
  TsdbAdmin,
  TsdbOptions,
  TsdbReaderData,
  WalReplayStatus,
} from './tsdb/index.ts';
export * from './tsdb/tools/index.ts';
