import { z } from 'zod';
import { azureConfigSchema } from './azure/config.ts';
import { consulSdConfigSchema } from './consul/config.ts';
import { dnsSdConfigSchema } from './dns/config.ts';
import { dockerSdConfigSchema, swarmSdConfigSchema } from './docker/config.ts';
import { awsConfigSchema, ec2ConfigSchema, ecsConfigSchema, lightsailConfigSchema } from './aws/config.ts';
import { fileConfigSchema } from './file-config.ts';
import { gceConfigSchema } from './gce/config.ts';
import { httpSdConfigSchema } from './http/config.ts';
import { kubernetesConfigSchema } from './kubernetes/config.ts';
import { nomadSdConfigSchema } from './nomad/config.ts';
import type { DiscoveryConfig } from './provider.ts';
import { staticDiscovery } from './static-provider.ts';
import { makeTargetGroup } from './target-group.ts';
import { writtenGroupSchema } from './written-group.ts';
import type { WrittenGroup } from './written-group.ts';

/** Every kind of discovery there is: its key, and the schema of an entry. A new kind is one line here. */
const ENTRY_SCHEMAS = {
  aws_sd_configs: awsConfigSchema,
  azure_sd_configs: azureConfigSchema,
  consul_sd_configs: consulSdConfigSchema,
  dns_sd_configs: dnsSdConfigSchema,
  docker_sd_configs: dockerSdConfigSchema,
  dockerswarm_sd_configs: swarmSdConfigSchema,
  ec2_sd_configs: ec2ConfigSchema,
  ecs_sd_configs: ecsConfigSchema,
  file_sd_configs: fileConfigSchema,
  gce_sd_configs: gceConfigSchema,
  http_sd_configs: httpSdConfigSchema,
  kubernetes_sd_configs: kubernetesConfigSchema,
  lightsail_sd_configs: lightsailConfigSchema,
  nomad_sd_configs: nomadSdConfigSchema,
} as const satisfies Record<string, z.ZodType<DiscoveryConfig>>;

type DiscoveryKey = keyof typeof ENTRY_SCHEMAS;

const DISCOVERY_KEYS = Object.keys(ENTRY_SCHEMAS) as DiscoveryKey[];

/** The `*_sd_configs` of Prometheus 3.14. */
const PROMETHEUS_KEYS: readonly string[] = [
  'aws_sd_configs',
  'azure_sd_configs',
  'consul_sd_configs',
  'digitalocean_sd_configs',
  'dns_sd_configs',
  'docker_sd_configs',
  'dockerswarm_sd_configs',
  'ec2_sd_configs',
  'ecs_sd_configs',
  'elasticache_sd_configs',
  'eureka_sd_configs',
  'file_sd_configs',
  'gce_sd_configs',
  'hetzner_sd_configs',
  'http_sd_configs',
  'ionos_sd_configs',
  'kubernetes_sd_configs',
  'kuma_sd_configs',
  'lightsail_sd_configs',
  'linode_sd_configs',
  'marathon_sd_configs',
  'msk_sd_configs',
  'nerve_sd_configs',
  'nomad_sd_configs',
  'oci_sd_configs',
  'openstack_sd_configs',
  'outscale_sd_configs',
  'ovhcloud_sd_configs',
  'puppetdb_sd_configs',
  'rds_sd_configs',
  'scaleway_sd_configs',
  'serverset_sd_configs',
  'stackit_sd_configs',
  'triton_sd_configs',
  'uyuni_sd_configs',
  'vultr_sd_configs',
];

/** Kinds of `*_sd_configs` that Prometheus has and this version does not. */
export const DISCOVERY_KEYS_NOT_IN_VERSION: readonly string[] = PROMETHEUS_KEYS.filter(
  (key) => !Object.hasOwn(ENTRY_SCHEMAS, key),
);

/** `static_configs`. */
const staticConfigsSchema: z.ZodType<readonly WrittenGroup[]> = z.array(writtenGroupSchema).default([]);

type EntryShape = Readonly<Record<DiscoveryKey, z.ZodType<readonly DiscoveryConfig[]>>>;

/** The keys of discovery, for use inside the object schema of a job or of an Alertmanager. */
export const discoveryShape = {
  static_configs: staticConfigsSchema,
  ...entryShape(),
};

function entryShape(): EntryShape {
  const shape: Partial<Record<DiscoveryKey, z.ZodType<readonly DiscoveryConfig[]>>> = {};
  for (const key of DISCOVERY_KEYS) shape[key] = z.array(ENTRY_SCHEMAS[key]).default([]);
  return shape as EntryShape;
}

/** The parsed values of {@link discoveryShape}. */
export type DiscoveryFields = { readonly static_configs: readonly WrittenGroup[] } & Readonly<
  Record<DiscoveryKey, readonly DiscoveryConfig[]>
>;

/** What is to be discovered; all of `static_configs` as one, at the end. */
export function discoveryConfigs(fields: DiscoveryFields): DiscoveryConfig[] {
  const configs = DISCOVERY_KEYS.flatMap((key) => fields[key]);
  if (fields.static_configs.length === 0) return configs;
  const groups = fields.static_configs.map((group, i) =>
    makeTargetGroup(String(i), group.targets, group.labels),
  );
  configs.push(staticDiscovery(groups));
  return configs;
}
