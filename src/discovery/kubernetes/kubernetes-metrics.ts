import type { Counter } from '../../core/metrics.ts';
import type { DiscoveryMetrics } from '../metrics.ts';

/** Own metrics of Kubernetes discovery. */
export interface KubernetesMetrics {
  readonly events: Counter<'role' | 'event'>;
  readonly failures: Counter;
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
  return { events, failures };
}
