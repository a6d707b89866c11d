export * from './seam.ts';
export { isStale, normalNaN, staleMarker } from './stale.ts';
export * from './state/index.ts';
