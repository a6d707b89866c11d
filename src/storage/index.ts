export * from './seam.ts';
export { isStale, staleMarker } from './stale.ts';
export * from './state/index.ts';
export { HeadStorage, Tsdb } from './tsdb/index.ts';
export type { TsdbOptions } from './tsdb/index.ts';
