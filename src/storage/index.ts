export * from './seam.ts';
export { isStale, normalNaN, staleMarker } from './stale.ts';
export * from './state/index.ts';
export { Tsdb } from './tsdb/index.ts';
export type { TsdbOptions } from './tsdb/index.ts';
