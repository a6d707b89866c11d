import { z } from 'zod';
import { httpConfigSchema } from '../../core/http-config.ts';
import type { HttpClientConfig } from '../../core/http-config.ts';
import { filePathSchema, secretSchema } from '../../core/schema.ts';
import { atMostOne, goDurationSchema, isGiven, sourceOf, urlSchema } from '../config-fields.ts';
import { httpOf } from '../global-config.ts';
import type { GlobalFields } from '../global-config.ts';
import type { SecretSource } from '../secret-source.ts';

/** An incident.io integration, ready to be built. */
export interface IncidentioConfig {
  readonly http: HttpClientConfig;
  readonly url: { readonly value: string } | { readonly file: string };
  /** Instead of what `http` authorizes with. */
  readonly alertSourceToken: SecretSource | undefined;
  /** 0 = all. */
  readonly maxAlerts: number;
  /** 0 = none. */
  readonly timeoutMs: number;
}

/** Items of `incidentio_configs`. */
export const incidentioSchema = z
  .strictObject({
    send_resolved: z.boolean().default(true),
    http_config: httpConfigSchema.optional(),
    url: urlSchema.optional(),
    url_file: filePathSchema.optional(),
    alert_source_token: secretSchema.optional(),
    alert_source_token_file: filePathSchema.optional(),
    max_alerts: z.number().int().nonnegative().default(0),
    timeout: goDurationSchema.default(0),
  })
  .superRefine((fields, context) => {
    const refuse = (message: string): void => context.addIssue({ code: 'custom', message });
    const { http_config: http, alert_source_token: token, alert_source_token_file: tokenFile } = fields;
    if (fields.url === undefined && !isGiven(fields.url_file)) {
      refuse('one of url or url_file must be configured');
    }
    atMostOne(context, ['url', fields.url], ['url_file', fields.url_file]);
    atMostOne(context, ['alert_source_token', token], ['alert_source_token_file', tokenFile]);
    const hasToken = isGiven(token) || isGiven(tokenFile);
    if (hasToken && http?.authorization !== undefined) {
      refuse(
        'cannot specify alert_source_token or alert_source_token_file when using http_config.authorization',
      );
    }
    // Without an own block the global one may authorize.
    if (!hasToken && http !== undefined && http.authorization === undefined) {
      refuse(
        'at least one of alert_source_token, alert_source_token_file or http_config.authorization must be configured',
      );
    }
  });

/** The integration with what it takes from `global`, or what is missing. */
export function incidentioOf(
  fields: z.output<typeof incidentioSchema>,
  global: GlobalFields,
): IncidentioConfig | string {
  const { url, url_file: file } = fields;
  if (url === undefined && file === undefined) return 'one of url or url_file must be configured';
  return {
    http: httpOf(fields.http_config, global),
    url: url === undefined ? { file: file! } : { value: url },
    alertSourceToken: sourceOf(fields.alert_source_token, fields.alert_source_token_file),
    maxAlerts: fields.max_alerts,
    timeoutMs: fields.timeout,
  };
}
