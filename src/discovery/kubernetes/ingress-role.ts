import { addNamespaceLabels } from './attached-labels.ts';
import { addObjectLabels, META } from './meta-labels.ts';
import type { LabelValues } from './meta-labels.ts';
import { objectKey } from './objects.ts';
import type { Ingress } from './objects.ts';
import { groupFrom, reference } from './role.ts';
import type { Role } from './role.ts';

const sourceOf = (key: string): string => `ingress/${key}`;

/**
 * A target for each path of each rule of an ingress, for probing from outside.
 *
 * @see prometheus discovery/kubernetes/ingress.go
 */
export const ingressRole: Role<Ingress> = {
  sourceOf,
  referencesOf: (ingress) => [reference('namespace', ingress.metadata.namespace)],
  groupOf(ingress, cluster) {
    const { metadata, spec } = ingress;
    const labels: LabelValues = {
      [`${META}namespace`]: metadata.namespace,
      [`${META}ingress_class_name`]: spec.ingressClassName ?? '',
    };
    addObjectLabels(labels, metadata, 'ingress');
    addNamespaceLabels(labels, metadata.namespace, cluster);
    const secured = spec.tls.flatMap(({ hosts }) => hosts);
    const targets = spec.rules.flatMap(({ host, http }) => {
      const scheme = secured.some((pattern) => matchesHost(pattern, host)) ? 'https' : 'http';
      const paths = http?.paths.map(({ path }) => (path === '' ? '/' : path)) ?? ['/'];
      return paths.map((path): LabelValues => ({
        __address__: host,
        [`${META}ingress_scheme`]: scheme,
        [`${META}ingress_host`]: host,
        [`${META}ingress_path`]: path,
      }));
    });
    return groupFrom(sourceOf(objectKey(ingress)), targets, labels);
  },
};

/** Whether a host of TLS settings covers a host: by being equal, or with `*` for its first part. */
function matchesHost(pattern: string, host: string): boolean {
  if (pattern === host) return true;
  if (!pattern.startsWith('*.')) return false;
  const dot = host.indexOf('.');
  return dot >= 0 && host.slice(dot) === pattern.slice(1);
}
