import { z } from 'zod';
import { checkHttpClient, httpClientConfigOf, httpClientShape } from '../core/http-config.ts';
import type { HttpClientConfig } from '../core/http-config.ts';
import { relabelConfigsSchema } from '../core/relabel.ts';
import type { RelabelConfig } from '../core/relabel.ts';
import { durationSchema } from '../core/schema.ts';
import { notInVersion } from '../core/validate-yaml.ts';
import { DISCOVERY_KEYS_NOT_IN_VERSION, discoveryConfigs, discoveryShape } from '../discovery/index.ts';
import type { DiscoveryConfig } from '../discovery/index.ts';

/** An entry of `alerting.alertmanagers`: where outside Alertmanagers are and how to talk to them. */
export interface AlertmanagerConfig {
  readonly discovery: readonly DiscoveryConfig[];
  readonly http: HttpClientConfig;
  readonly scheme: string;
  readonly pathPrefix: string;
  readonly timeoutMs: number;
  /** Over the discovered targets. */
  readonly relabelConfigs: readonly RelabelConfig[];
  /** Over alerts, for these Alertmanagers only. */
  readonly alertRelabelConfigs: readonly RelabelConfig[];
}

/** Prometheus' `alerting`. */
export interface AlertingConfig {
  /** Over all alerts, whoever they go to. */
  readonly alertRelabelConfigs: readonly RelabelConfig[];
  readonly alertmanagers: readonly AlertmanagerConfig[];
}

const alertmanagerSchema: z.ZodType<AlertmanagerConfig> = notInVersion(
  z.strictObject({
    ...httpClientShape,
    ...discoveryShape,
    scheme: z.enum(['http', 'https']).default('http'),
    path_prefix: z.string().default(''),
    timeout: durationSchema.default(10_000),
    api_version: z
      .string()
      .refine((version) => version === 'v2', {
        error: (issue) =>
          `expected Alertmanager api version to be one of [v2] but got ${String(issue.input)}`,
      })
      .default('v2'),
    relabel_configs: relabelConfigsSchema,
    alert_relabel_configs: relabelConfigsSchema,
  }),
  [...DISCOVERY_KEYS_NOT_IN_VERSION, 'sigv4', 'google_iam', 'azuread'],
)
  .superRefine((fields, context) => {
    checkHttpClient(fields, context);
    // With relabelling an address may still become one.
    if (fields.relabel_configs.length > 0) return;
    fields.static_configs.forEach((group, i) => {
      for (const target of group.targets) {
        if (!target.includes('/')) continue;
        const message = `${JSON.stringify(target)} is not a valid hostname`;
        context.addIssue({ code: 'custom', path: ['static_configs', i, 'targets'], message });
      }
    });
  })
  .transform((fields) => ({
    discovery: discoveryConfigs(fields),
    http: httpClientConfigOf(fields),
    scheme: fields.scheme,
    pathPrefix: fields.path_prefix,
    timeoutMs: fields.timeout,
    relabelConfigs: fields.relabel_configs,
    alertRelabelConfigs: fields.alert_relabel_configs,
  }));

/** The `alerting` block of a Prometheus configuration. */
export const alertingSchema: z.ZodType<AlertingConfig> = z
  .strictObject({
    alert_relabel_configs: relabelConfigsSchema,
    alertmanagers: z.array(alertmanagerSchema).default([]),
  })
  .transform((fields) => ({
    alertRelabelConfigs: fields.alert_relabel_configs,
    alertmanagers: fields.alertmanagers,
  }));
