import { z } from 'zod';
import { filePathSchema, positiveDurationSchema } from '../core/schema.ts';
import { fileDiscovery } from './file-provider.ts';
import type { DiscoveryConfig } from './provider.ts';
import { staticDiscovery } from './static-provider.ts';
import { makeTargetGroup } from './target-group.ts';
import { writtenGroupSchema } from './written-group.ts';
import type { WrittenGroup } from './written-group.ts';

/** Kinds of `*_sd_configs` that Prometheus has and this version does not. */
export const DISCOVERY_KEYS_NOT_IN_VERSION: readonly string[] = [
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

/** `static_configs`. */
const staticConfigsSchema: z.ZodType<readonly WrittenGroup[]> = z.array(writtenGroupSchema).default([]);

const FILE_PATTERN = /^[^*]*(?:\*[^/]*)?\.(?:json|yml|yaml|JSON|YML|YAML)$/;

/** One entry of `file_sd_configs`. */
interface FileDiscoveryConfig {
  readonly files: readonly string[];
  readonly refreshIntervalMs: number;
}

const fileConfigSchema: z.ZodType<FileDiscoveryConfig> = z
  .strictObject({
    files: z
      .array(filePathSchema)
      .min(1, 'file service discovery config must contain at least one path name')
      .superRefine((paths, context) => {
        paths.forEach((path, i) => {
          if (FILE_PATTERN.test(path)) return;
          const message = `path name ${JSON.stringify(path)} is not valid for file discovery`;
          context.addIssue({ code: 'custom', path: [i], message });
        });
      }),
    refresh_interval: positiveDurationSchema.default(5 * 60 * 1000),
  })
  .transform(({ files, refresh_interval }) => ({ files, refreshIntervalMs: refresh_interval }));

/** `file_sd_configs`. */
const fileSdConfigsSchema: z.ZodType<readonly FileDiscoveryConfig[]> = z.array(fileConfigSchema).default([]);

/** The keys of discovery, for use inside the object schema of a job or of an Alertmanager. */
export const discoveryShape = {
  static_configs: staticConfigsSchema,
  file_sd_configs: fileSdConfigsSchema,
} as const;

/** The parsed values of {@link discoveryShape}. */
export interface DiscoveryFields {
  readonly static_configs: readonly WrittenGroup[];
  readonly file_sd_configs: readonly FileDiscoveryConfig[];
}

/** What is to be discovered; file discovery first, then all of `static_configs` as one. */
export function discoveryConfigs(fields: DiscoveryFields): DiscoveryConfig[] {
  const configs: DiscoveryConfig[] = fields.file_sd_configs.map(fileDiscovery);
  if (fields.static_configs.length === 0) return configs;
  const groups = fields.static_configs.map((group, i) =>
    makeTargetGroup(String(i), group.targets, group.labels),
  );
  configs.push(staticDiscovery(groups));
  return configs;
}
