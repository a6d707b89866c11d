import { z } from 'zod';
import { httpConfigSchema } from '../../core/http-config.ts';
import type { HttpClientConfig } from '../../core/http-config.ts';
import { filePathSchema, secretSchema } from '../../core/schema.ts';
import { atMostOne, goDurationSchema, isGiven, sourceOf, templateSchema } from '../config-fields.ts';
import { httpOf } from '../global-config.ts';
import type { GlobalFields } from '../global-config.ts';
import type { SecretSource } from '../secret-source.ts';

/** A Pushover integration, ready to be built; texts are templates. */
export interface PushoverConfig {
  readonly http: HttpClientConfig;
  /** A template. */
  readonly userKey: SecretSource;
  /** A template. */
  readonly token: SecretSource;
  readonly title: string;
  readonly message: string;
  readonly url: string;
  readonly urlTitle: string;
  readonly device: string;
  readonly sound: string;
  readonly priority: string;
  readonly retryMs: number;
  readonly expireMs: number;
  /** Below a second = none. */
  readonly ttlMs: number;
  readonly format: 'html' | 'monospace' | 'plain';
}

const text = z.string().default('');

/** Items of `pushover_configs`. */
export const pushoverSchema = z
  .strictObject({
    send_resolved: z.boolean().default(true),
    http_config: httpConfigSchema.optional(),
    user_key: secretSchema.optional(),
    user_key_file: filePathSchema.optional(),
    token: secretSchema.optional(),
    token_file: filePathSchema.optional(),
    title: templateSchema('pushover.default.title'),
    message: templateSchema('pushover.default.message'),
    url: templateSchema('pushover.default.url'),
    url_title: text,
    device: text,
    sound: text,
    priority: z.string().default('{{ if eq .Status "firing" }}2{{ else }}0{{ end }}'),
    retry: goDurationSchema.prefault('1m0s'),
    expire: goDurationSchema.prefault('1h0m0s'),
    ttl: goDurationSchema.default(0),
    html: z.boolean().default(false),
    monospace: z.boolean().default(false),
  })
  .superRefine((fields, context) => {
    for (const key of ['user_key', 'token'] as const) {
      const [value, file] = [fields[key], fields[`${key}_file`]];
      atMostOne(context, [key, value], [`${key}_file`, file]);
      if (isGiven(value) || isGiven(file)) continue;
      context.addIssue({ code: 'custom', message: `one of ${key} or ${key}_file must be configured` });
    }
    if (!fields.html || !fields.monospace) return;
    const message = 'at most one of monospace & html must be configured';
    context.addIssue({ code: 'custom', path: ['html'], message });
  });

/** The integration with what it takes from `global`, or what is missing. */
export function pushoverOf(
  fields: z.output<typeof pushoverSchema>,
  global: GlobalFields,
): PushoverConfig | string {
  const userKey = sourceOf(fields.user_key, fields.user_key_file);
  if (userKey === undefined) return 'one of user_key or user_key_file must be configured';
  const token = sourceOf(fields.token, fields.token_file);
  if (token === undefined) return 'one of token or token_file must be configured';
  return {
    http: httpOf(fields.http_config, global),
    userKey,
    token,
    title: fields.title,
    message: fields.message,
    url: fields.url,
    urlTitle: fields.url_title,
    device: fields.device,
    sound: fields.sound,
    priority: fields.priority,
    retryMs: fields.retry,
    expireMs: fields.expire,
    ttlMs: fields.ttl,
    format: fields.html ? 'html' : fields.monospace ? 'monospace' : 'plain',
  };
}
