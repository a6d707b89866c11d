import { Counter, Gauge } from '../../../core/metrics.ts';
import type { Registry } from '../../../core/metrics.ts';
import type { ExemplarFigures, ExemplarStore } from './exemplar-store.ts';

/** Metrics of the store of exemplars under Prometheus' names, read when somebody scrapes; register once per registry. */
export function observeExemplars(registry: Registry, store: ExemplarStore): void {
  const counter = (name: string, help: string, read: (figures: ExemplarFigures) => number): void => {
    const metric = new Counter({
      name: `prometheus_tsdb_exemplar_${name}`,
      help,
      registers: [registry],
      collect() {
        metric.reset();
        metric.inc(read(store.figures));
      },
    });
  };
  const gauge = (name: string, help: string, read: (figures: ExemplarFigures) => number): void => {
    const metric = new Gauge({
      name: `prometheus_tsdb_exemplar_${name}`,
      help,
      registers: [registry],
      collect() {
        metric.set(read(store.figures));
      },
    });
  };
  counter('exemplars_appended_total', 'Total number of appended exemplars.', ({ appended }) => appended);
  counter(
    'out_of_order_exemplars_total',
    'Total number of out of order exemplar ingestion failed attempts.',
    ({ outOfOrder }) => outOfOrder,
  );
  gauge('exemplars_in_storage', 'Number of exemplars currently in circular storage.', ({ stored }) => stored);
  gauge(
    'series_with_exemplars_in_storage',
    'Number of series with exemplars currently in circular storage.',
    ({ series }) => series,
  );
  gauge(
    'last_exemplars_timestamp_seconds',
    'The timestamp of the oldest exemplar stored in circular storage: from when on there are exemplars, as a rule.',
    ({ lastMs }) => lastMs / 1000,
  );
  gauge(
    'max_exemplars',
    'Total number of exemplars the exemplar storage can store, resizeable.',
    ({ capacity }) => capacity,
  );
}
