import { Counter } from '../../../core/metrics.ts';
import type { Registry } from '../../../core/metrics.ts';

/** Metrics of the remote-write receiver, under Prometheus' own names. */
export class WriteReceiverMetrics {
  readonly invalidLabels: Counter;
  readonly withoutMetadata: Counter;
  readonly refusedSeries: Counter;

  constructor(registry: Registry) {
    const registers = [registry];
    this.invalidLabels = new Counter({
      name: 'prometheus_api_remote_write_invalid_labels_samples_total',
      help: 'The total number of received remote write samples and histogram samples which were rejected due to invalid labels.',
      registers,
    });
    this.withoutMetadata = new Counter({
      name: 'prometheus_api_remote_write_without_metadata_appended_samples_total',
      help: 'The total number of received remote write samples (and histogram samples) which were ingested without corresponding metadata.',
      registers,
    });
    this.refusedSeries = new Counter({
      name: 'tocsin_remote_write_refused_series_total',
      help: 'Times that a new series of a request was refused because there was no memory for it.',
      registers,
    });
  }
}
