import { Temporality } from './model.ts';
import type { MetricData } from './model.ts';

/**
 * The type of a metric in Prometheus; deltas have none.
 *
 * @see prometheus storage/remote/otlptranslator/prometheusremotewrite/otlp_to_openmetrics_metadata.go
 */
export function typeOf(data: MetricData): string {
  if (data.kind === 'gauge' || data.kind === 'summary') return data.kind;
  if (data.temporality === Temporality.delta) return 'unknown';
  if (data.kind === 'sum') return data.isMonotonic ? 'counter' : 'gauge';
  return 'histogram';
}
