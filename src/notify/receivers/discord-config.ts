import { z } from 'zod';
import { httpConfigSchema } from '../../core/http-config.ts';
import type { HttpClientConfig } from '../../core/http-config.ts';
import { templateSchema } from '../config-fields.ts';
import { httpOf } from '../global-config.ts';
import type { GlobalFields } from '../global-config.ts';
import type { SecretSource } from '../secret-source.ts';
import { checkWebhookUrl, webhookUrlOf, webhookUrlShape } from './webhook-url.ts';

/** A Discord integration, ready to be built. */
export interface DiscordConfig {
  readonly http: HttpClientConfig;
  readonly webhookUrl: SecretSource;
  /** A template. */
  readonly content: string;
  /** A template. */
  readonly title: string;
  /** A template. */
  readonly message: string;
  readonly username: string;
  readonly avatarUrl: string;
}

/** Items of `discord_configs`. */
export const discordSchema = z
  .strictObject({
    send_resolved: z.boolean().default(true),
    http_config: httpConfigSchema.optional(),
    ...webhookUrlShape,
    content: z.string().default(''),
    title: templateSchema('discord.default.title'),
    message: templateSchema('discord.default.message'),
    username: z.string().default(''),
    avatar_url: z.string().default(''),
  })
  .superRefine(checkWebhookUrl);

/** The integration with what it takes from `global`, or what is missing. */
export function discordOf(
  fields: z.output<typeof discordSchema>,
  global: GlobalFields,
): DiscordConfig | string {
  const webhookUrl = webhookUrlOf(fields, 'discord');
  if (typeof webhookUrl === 'string') return webhookUrl;
  return {
    http: httpOf(fields.http_config, global),
    webhookUrl,
    content: fields.content,
    title: fields.title,
    message: fields.message,
    username: fields.username,
    avatarUrl: fields.avatar_url,
  };
}
