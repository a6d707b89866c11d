import { z } from 'zod';
import { httpConfigSchema } from '../../core/http-config.ts';
import type { HttpClientConfig } from '../../core/http-config.ts';
import { templateSchema } from '../config-fields.ts';
import { httpOf } from '../global-config.ts';
import type { GlobalFields } from '../global-config.ts';
import type { SecretSource } from '../secret-source.ts';
import { checkWebhookUrl, webhookUrlOf, webhookUrlShape } from './webhook-url.ts';

/** A Microsoft Teams integration over a connector, ready to be built; texts are templates. */
export interface MsteamsConfig {
  readonly http: HttpClientConfig;
  readonly webhookUrl: SecretSource;
  readonly title: string;
  readonly summary: string;
  readonly text: string;
}

/** Items of `msteams_configs`. */
export const msteamsSchema = z
  .strictObject({
    send_resolved: z.boolean().default(true),
    http_config: httpConfigSchema.optional(),
    ...webhookUrlShape,
    title: templateSchema('msteams.default.title'),
    summary: templateSchema('msteams.default.summary'),
    text: templateSchema('msteams.default.text'),
  })
  .superRefine(checkWebhookUrl);

/** The integration with what it takes from `global`, or what is missing. */
export function msteamsOf(
  fields: z.output<typeof msteamsSchema>,
  global: GlobalFields,
): MsteamsConfig | string {
  const webhookUrl = webhookUrlOf(fields, 'msteams');
  if (typeof webhookUrl === 'string') return webhookUrl;
  const { title, summary, text } = fields;
  return { http: httpOf(fields.http_config, global), webhookUrl, title, summary, text };
}
