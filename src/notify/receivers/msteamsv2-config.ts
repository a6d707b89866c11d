import { z } from 'zod';
import { httpConfigSchema } from '../../core/http-config.ts';
import type { HttpClientConfig } from '../../core/http-config.ts';
import { templateSchema } from '../config-fields.ts';
import { httpOf } from '../global-config.ts';
import type { GlobalFields } from '../global-config.ts';
import type { SecretSource } from '../secret-source.ts';
import { checkWebhookUrl, webhookUrlOf, webhookUrlShape } from './webhook-url.ts';

/** A Microsoft Teams integration over a workflow, ready to be built; texts are templates. */
export interface Msteamsv2Config {
  readonly http: HttpClientConfig;
  readonly webhookUrl: SecretSource;
  readonly title: string;
  readonly text: string;
}

/** Items of `msteamsv2_configs`. */
export const msteamsv2Schema = z
  .strictObject({
    send_resolved: z.boolean().default(true),
    http_config: httpConfigSchema.optional(),
    ...webhookUrlShape,
    title: templateSchema('msteamsv2.default.title'),
    text: templateSchema('msteamsv2.default.text'),
  })
  .superRefine(checkWebhookUrl);

/**
 * The integration with what it takes from `global`, or what is missing. Unlike other kinds an `http_config` of its own
 * still takes the `proxy_url` of the global one where it has none.
 */
export function msteamsv2Of(
  fields: z.output<typeof msteamsv2Schema>,
  global: GlobalFields,
): Msteamsv2Config | string {
  const webhookUrl = webhookUrlOf(fields, 'msteamsv2');
  if (typeof webhookUrl === 'string') return webhookUrl;
  const own = httpOf(fields.http_config, global);
  const proxyUrl = own.proxy.url ?? global.http_config?.proxy.url;
  const http = { ...own, proxy: { ...own.proxy, url: proxyUrl } };
  return { http, webhookUrl, title: fields.title, text: fields.text };
}
