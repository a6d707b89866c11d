import { z } from 'zod';
import { httpConfigSchema } from '../../core/http-config.ts';
import type { HttpClientConfig } from '../../core/http-config.ts';
import { filePathSchema, secretSchema } from '../../core/schema.ts';
import { atMostOne, sourceOf, urlSchema } from '../config-fields.ts';
import { httpOf } from '../global-config.ts';
import type { GlobalFields } from '../global-config.ts';
import type { SecretSource } from '../secret-source.ts';

/** A WeChat Work integration, ready to be built; texts, the secret and the corp's ID among them, are templates. */
export interface WechatConfig {
  readonly http: HttpClientConfig;
  readonly apiUrl: string;
  readonly apiSecret: SecretSource;
  readonly corpId: string;
  readonly message: string;
  readonly messageType: 'text' | 'markdown';
  readonly toUser: string;
  readonly toParty: string;
  readonly toTag: string;
  readonly agentId: string;
}

const wechatDefault = (name: string) => z.string().default(`{{ template "wechat.default.${name}" . }}`);

const messageTypeSchema = z
  .string()
  .default('')
  .transform((type, context): 'text' | 'markdown' => {
    if (type === '' || type === 'text') return 'text';
    if (type === 'markdown') return 'markdown';
    const shown = JSON.stringify(type);
    const message = `weChat message type ${shown} does not match valid options ^(text|markdown)$`;
    context.addIssue({ code: 'custom', message });
    return z.NEVER;
  });

/** Items of `wechat_configs`. */
export const wechatSchema = z
  .strictObject({
    send_resolved: z.boolean().default(false),
    http_config: httpConfigSchema.optional(),
    api_secret: secretSchema.optional(),
    api_secret_file: filePathSchema.optional(),
    corp_id: z.string().default(''),
    message: wechatDefault('message'),
    api_url: urlSchema.optional(),
    to_user: wechatDefault('to_user'),
    to_party: wechatDefault('to_party'),
    to_tag: wechatDefault('to_tag'),
    agent_id: wechatDefault('agent_id'),
    message_type: messageTypeSchema,
  })
  .superRefine((fields, context) => {
    atMostOne(context, ['api_secret', fields.api_secret], ['api_secret_file', fields.api_secret_file]);
  });

/** The integration with what it takes from `global`, or what is missing. */
export function wechatOf(fields: z.output<typeof wechatSchema>, global: GlobalFields): WechatConfig | string {
  const apiSecret =
    sourceOf(fields.api_secret, fields.api_secret_file) ??
    sourceOf(global.wechat_api_secret, global.wechat_api_secret_file);
  if (apiSecret === undefined) return 'no global Wechat Api Secret set either inline or in a file';
  const corpId = fields.corp_id || (global.wechat_api_corp_id ?? '');
  if (corpId === '') return 'no global Wechat CorpID set';
  return {
    http: httpOf(fields.http_config, global),
    apiUrl: fields.api_url ?? global.wechat_api_url,
    apiSecret,
    corpId,
    message: fields.message,
    messageType: fields.message_type,
    toUser: fields.to_user,
    toParty: fields.to_party,
    toTag: fields.to_tag,
    agentId: fields.agent_id,
  };
}
