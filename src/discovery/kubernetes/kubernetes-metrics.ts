import type { Counter } from '../../core/metrics.ts';
import type { DiscoveryMetrics } from '../metrics.ts';

/** Own metrics of Kubernetes discovery. */
export interface KubernetesMetrics {
  readonly events: Counter<'role' | 'event'>;
  readonly failures: Counter;
  /** `status_code` is `<error>` where no answer came. */
  readonly requests: Counter<'status_code'>;
}

const ROLES = ['endpointslice', 'endpoints', 'node', 'pod', 'service', 'ingress'];

/** The metrics, with a series for each role and event from the start. */
export function kubernetesMetrics(metrics: DiscoveryMetrics): KubernetesMetrics {
  const events = metrics.counter(
    'prometheus_sd_kubernetes_events_total',
    'The number of Kubernetes events handled.',
    ['role', 'event'],
  );
  for (const role of ROLES) for (const event of ['add', 'delete', 'update']) events.inc({ role, event }, 0);
  const failures = metrics.counter(
    'prometheus_sd_kubernetes_failures_total',
    'The number of failed WATCH/LIST requests.',
  );
  const requests = metrics.counter(
    'prometheus_sd_kubernetes_http_request_total',
    'Total number of HTTP requests to the Kubernetes API by status code.',
    ['status_code'],
  );
  return { events, failures, requests };
}
