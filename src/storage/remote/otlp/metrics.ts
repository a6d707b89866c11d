import { Counter } from '../../../core/metrics.ts';
import type { Registry } from '../../../core/metrics.ts';

/** Metrics of the OTLP receiver, under Prometheus' own names. */
export class OtlpMetrics {
  readonly warnings: Counter<'category'>;
  readonly outOfOrderExemplars: Counter;
  readonly withoutMetadata: Counter;

  constructor(registry: Registry) {
    const registers = [registry];
    this.warnings = new Counter({
      name: 'prometheus_api_otlp_translation_warnings_total',
      help: 'The total number of warnings produced while translating OTLP metrics to the Prometheus model, by category.',
      labelNames: ['category'],
      registers,
    });
    this.outOfOrderExemplars = new Counter({
      name: 'prometheus_api_otlp_out_of_order_exemplars_total',
      help: 'The total number of received OTLP exemplars which were rejected because they were out of order.',
      registers,
    });
    this.withoutMetadata = new Counter({
      name: 'prometheus_api_otlp_appended_samples_without_metadata_total',
      help: 'The total number of samples ingested from OTLP without corresponding metadata.',
      registers,
    });
  }
}
