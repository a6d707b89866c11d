import { z } from 'zod';
import { httpConfigSchema } from '../../core/http-config.ts';
import type { HttpClientConfig } from '../../core/http-config.ts';
import { filePathSchema } from '../../core/schema.ts';
import { atMostOne, goDurationSchema, isGiven, secretTemplateUrlSchema, sourceOf } from '../config-fields.ts';
import { httpOf } from '../global-config.ts';
import type { GlobalFields } from '../global-config.ts';
import type { SecretSource } from '../secret-source.ts';

/** A webhook, ready to be built. */
export interface WebhookConfig {
  readonly http: HttpClientConfig;
  /** A template; the whole URL counts as secret. */
  readonly url: SecretSource;
  /** 0 = all. */
  readonly maxAlerts: number;
  /** 0 = none. */
  readonly timeoutMs: number;
  /** Replaces the body; undefined = Alertmanager's. */
  readonly payload: unknown;
}

/** Items of `webhook_configs`. */
export const webhookSchema = z
  .strictObject({
    send_resolved: z.boolean().default(true),
    http_config: httpConfigSchema.optional(),
    url: secretTemplateUrlSchema.optional(),
    url_file: filePathSchema.optional(),
    max_alerts: z.number().int().nonnegative().default(0),
    timeout: goDurationSchema.default(0),
    payload: z.unknown().optional(),
  })
  .superRefine((fields, context) => {
    atMostOne(context, ['url', fields.url], ['url_file', fields.url_file]);
    if (isGiven(fields.url) || isGiven(fields.url_file)) return;
    context.addIssue({ code: 'custom', message: 'one of url or url_file must be configured' });
  });

/** The integration with what it takes from `global`, or what is missing. */
export function webhookOf(
  fields: z.output<typeof webhookSchema>,
  global: GlobalFields,
): WebhookConfig | string {
  const url = sourceOf(fields.url, fields.url_file);
  if (url === undefined) return 'one of url or url_file must be configured';
  return {
    http: httpOf(fields.http_config, global),
    url,
    maxAlerts: fields.max_alerts,
    timeoutMs: fields.timeout,
    payload: fields.payload,
  };
}
