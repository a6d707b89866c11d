import { z } from 'zod';
import { checkHttpClient, httpClientConfigOf, httpClientShape } from '../core/http-config.ts';
import type { HttpClientConfig } from '../core/http-config.ts';
import { relabelConfigsSchema } from '../core/relabel.ts';
import type { RelabelConfig } from '../core/relabel.ts';
import { positiveDurationSchema } from '../core/schema.ts';
import { notInVersion } from '../core/validate-yaml.ts';
import { DISCOVERY_KEYS_NOT_IN_VERSION, discoveryConfigs, discoveryShape } from '../discovery/config.ts';

/** One item of `alerting.alertmanagers`: a set of Alertmanagers outside this process. */
export interface OutsideAlertmanagerConfig {
  readonly scheme: string;
  readonly pathPrefix: string;
  readonly timeoutMs: number;
  readonly relabelConfigs: readonly RelabelConfig[];
  readonly alertRelabelConfigs: readonly RelabelConfig[];
  readonly discovery: ReturnType<typeof discoveryConfigs>;
  readonly http: HttpClientConfig;
}

/** `alerting:` of Prometheus. */
export interface AlertingConfig {
  readonly alertRelabelConfigs: readonly RelabelConfig[];
  readonly alertmanagers: readonly OutsideAlertmanagerConfig[];
}

const alertmanagerSchema = notInVersion(
  z.strictObject({
    scheme: z.string().default('http'),
    path_prefix: z.string().default(''),
    timeout: positiveDurationSchema.default(10_000),
    api_version: z
      .string()
      .refine((version) => version === 'v2', {
        error: (issue) =>
          `expected Alertmanager api version to be one of [v2] but got ${String(issue.input)}`,
      })
      .default('v2'),
    relabel_configs: relabelConfigsSchema,
    alert_relabel_configs: relabelConfigsSchema,
    ...discoveryShape,
    ...httpClientShape,
  }),
  [...DISCOVERY_KEYS_NOT_IN_VERSION, 'sigv4', 'google_iam', 'azuread'],
);

const checkedAlertmanagerSchema = alertmanagerSchema
  .superRefine((fields, context) => {
    checkHttpClient(fields, context);
    if (fields.relabel_configs.length > 0) return;
    for (const [i, group] of fields.static_configs.entries()) {
      for (const [j, target] of group.targets.entries()) {
        if (!target.includes('/')) continue;
        const message = `${JSON.stringify(target)} is not a valid hostname`;
        context.addIssue({ code: 'custom', path: ['static_configs', i, 'targets', j], message });
      }
    }
  })
  .transform((fields): OutsideAlertmanagerConfig => ({
    scheme: fields.scheme,
    pathPrefix: fields.path_prefix,
    timeoutMs: fields.timeout,
    relabelConfigs: fields.relabel_configs,
    alertRelabelConfigs: fields.alert_relabel_configs,
    discovery: discoveryConfigs(fields),
    http: httpClientConfigOf(fields),
  }));

/** Schema of `alerting:`. */
export const alertingSchema = z
  .strictObject({
    alert_relabel_configs: relabelConfigsSchema,
    alertmanagers: z.array(checkedAlertmanagerSchema).default([]),
  })
  .transform((fields): AlertingConfig => ({
    alertRelabelConfigs: fields.alert_relabel_configs,
    alertmanagers: fields.alertmanagers,
  }));
