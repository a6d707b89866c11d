import { z } from 'zod';
import { httpConfigSchema } from '../../core/http-config.ts';
import type { HttpClientConfig } from '../../core/http-config.ts';
import { filePathSchema, secretSchema } from '../../core/schema.ts';
import { atMostOne, isGiven, sourceOf, templateSchema, urlSchema } from '../config-fields.ts';
import { httpOf } from '../global-config.ts';
import type { GlobalFields } from '../global-config.ts';
import type { SecretSource } from '../secret-source.ts';

/** A Telegram integration, ready to be built. */
export interface TelegramConfig {
  readonly http: HttpClientConfig;
  readonly apiUrl: string;
  readonly botToken: SecretSource;
  /** A chat, or a file with its id that is read anew for each message. */
  readonly chatId: { readonly id: number } | { readonly file: string };
  /** 0 = none. */
  readonly messageThreadId: number;
  /** A template. */
  readonly message: string;
  readonly disableNotifications: boolean;
  readonly parseMode: string;
}

const PARSE_MODES: readonly string[] = ['', 'Markdown', 'MarkdownV2', 'HTML'];

/** Items of `telegram_configs`. */
export const telegramSchema = z
  .strictObject({
    send_resolved: z.boolean().default(true),
    http_config: httpConfigSchema.optional(),
    api_url: urlSchema.optional(),
    bot_token: secretSchema.optional(),
    bot_token_file: filePathSchema.optional(),
    chat_id: z.number().int().default(0),
    chat_id_file: filePathSchema.optional(),
    message_thread_id: z.number().int().default(0),
    message: templateSchema('telegram.default.message'),
    disable_notifications: z.boolean().default(false),
    parse_mode: z
      .string()
      .refine(
        (mode) => PARSE_MODES.includes(mode),
        'unknown parse_mode on telegram_config, must be Markdown, MarkdownV2, HTML or empty string',
      )
      .default('HTML'),
  })
  .superRefine((fields, context) => {
    atMostOne(context, ['bot_token', fields.bot_token], ['bot_token_file', fields.bot_token_file]);
    const chatId = fields.chat_id === 0 ? '' : String(fields.chat_id);
    atMostOne(context, ['chat_id', chatId], ['chat_id_file', fields.chat_id_file]);
    if (chatId !== '' || isGiven(fields.chat_id_file)) return;
    context.addIssue({ code: 'custom', message: 'missing chat_id or chat_id_file on telegram_config' });
  });

/** The integration with what it takes from `global`, or what is missing. */
export function telegramOf(
  fields: z.output<typeof telegramSchema>,
  global: GlobalFields,
): TelegramConfig | string {
  const botToken =
    sourceOf(fields.bot_token, fields.bot_token_file) ??
    sourceOf(global.telegram_bot_token, global.telegram_bot_token_file);
  if (botToken === undefined) return 'missing bot_token or bot_token_file on telegram_config';
  return {
    http: httpOf(fields.http_config, global),
    apiUrl: fields.api_url ?? global.telegram_api_url,
    botToken,
    chatId: fields.chat_id_file ? { file: fields.chat_id_file } : { id: fields.chat_id },
    messageThreadId: fields.message_thread_id,
    message: fields.message,
    disableNotifications: fields.disable_notifications,
    parseMode: fields.parse_mode,
  };
}
