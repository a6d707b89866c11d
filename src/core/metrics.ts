import { Registry } from 'prom-client';

export { Counter, Gauge, Histogram, Summary } from 'prom-client';
export { Registry };

/** The registry of one running instance; every room's `metrics.ts` registers in it and `/metrics` prints it. */
export function createRegistry(): Registry {
  return new Registry();
}
