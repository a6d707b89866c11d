import { Counter, Gauge, Histogram, type Registry } from '../core/metrics.ts';

/** What the API says of itself, under Prometheus' names. */
export class ApiMetrics {
  readonly #requests: Counter<'handler' | 'code'>;
  readonly #seconds: Histogram<'handler'>;
  readonly #bytes: Histogram<'handler'>;

  /** `isReady` is asked at each scrape. */
  constructor(registry: Registry, isReady: () => boolean) {
    const registers = [registry];
    this.#requests = new Counter({
      name: 'prometheus_http_requests_total',
      help: 'Counter of HTTP requests.',
      labelNames: ['handler', 'code'],
      registers,
    });
    this.#seconds = new Histogram({
      name: 'prometheus_http_request_duration_seconds',
      help: 'Histogram of latencies for HTTP requests.',
      labelNames: ['handler'],
      buckets: [0.1, 0.2, 0.4, 1, 3, 8, 20, 60, 120],
      registers,
    });
    this.#bytes = new Histogram({
      name: 'prometheus_http_response_size_bytes',
      help: 'Histogram of response size for HTTP requests.',
      labelNames: ['handler'],
      buckets: [100, 1000, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9],
      registers,
    });
    const ready = new Gauge({
      name: 'prometheus_ready',
      help: 'Whether startup was fully completed and the server is ready for normal operation.',
      registers,
      collect() {
        this.set(isReady() ? 1 : 0);
      },
    });
    ready.set(0);
  }

  /** One request is answered. */
  answered(handler: string, status: number, seconds: number): void {
    this.#requests.inc({ handler, code: String(status) });
    this.#seconds.observe({ handler }, seconds);
  }

  /** One body is out. */
  sent(handler: string, bytes: number): void {
    this.#bytes.observe({ handler }, bytes);
  }
}
