import { Counter, Gauge, Histogram } from '../../../core/metrics.ts';
import type { Registry } from '../../../core/metrics.ts';

const LABELS = ['remote_name', 'url'] as const;
const TYPES = ['sampled', 'chunked', 'unsupported'] as const;

/** What tells endpoints apart in metrics. */
export interface EndpointNames {
  readonly remote_name: string;
  readonly url: string;
}

/** Metrics of `remote_read`, under Prometheus' own names. */
export class RemoteReadMetrics {
  readonly total: Counter<keyof EndpointNames | 'response_type' | 'code'>;
  readonly queries: Gauge<keyof EndpointNames>;
  readonly duration: Histogram<keyof EndpointNames | 'response_type'>;
  readonly #codes = new Map<string, Set<string>>();

  constructor(registry: Registry) {
    const registers = [registry];
    this.total = new Counter({
      name: 'prometheus_remote_read_client_queries_total',
      help: 'The total number of remote read queries.',
      labelNames: [...LABELS, 'response_type', 'code'],
      registers,
    });
    this.queries = new Gauge({
      name: 'prometheus_remote_read_client_queries',
      help: 'The number of in-flight remote read queries.',
      labelNames: LABELS,
      registers,
    });
    this.duration = new Histogram({
      name: 'prometheus_remote_read_client_request_duration_seconds',
      help: 'Histogram of the latency for remote read requests. Note that for streamed responses this is only the duration of the initial call and does not include the processing of the stream.',
      labelNames: [...LABELS, 'response_type'],
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 60],
      registers,
    });
  }

  /** Notes how a request ended. */
  ended(names: EndpointNames, type: (typeof TYPES)[number], code: string): void {
    const key = `${names.remote_name}\0${names.url}`;
    const codes = this.#codes.get(key) ?? new Set();
    this.#codes.set(key, codes.add(code));
    this.total.inc({ ...names, response_type: type, code });
  }

  /** Forgets an endpoint. */
  remove(names: EndpointNames): void {
    const key = `${names.remote_name}\0${names.url}`;
    for (const code of this.#codes.get(key) ?? []) {
      for (const type of TYPES) this.total.remove({ ...names, response_type: type, code });
    }
    this.#codes.delete(key);
    this.queries.remove({ ...names });
    for (const type of TYPES) this.duration.remove({ ...names, response_type: type });
  }
}
