import { Registry } from 'prom-client';

export { Counter, Gauge, Histogram } from 'prom-client';
export { RecentSummary as Summary } from './recent-summary.ts';
export { Registry };

/** The registry of one running instance; every room's `metrics.ts` registers in it and `/metrics` prints it. */
export function createRegistry(): Registry {
  return new Registry();
}
