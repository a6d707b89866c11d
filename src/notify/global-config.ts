import { z } from 'zod';
import { DEFAULT_HTTP_CLIENT_CONFIG, httpConfigSchema } from '../core/http-config.ts';
import type { HttpClientConfig } from '../core/http-config.ts';
import { durationSchema, filePathSchema, secretSchema } from '../core/schema.ts';
import {
  atMostOne,
  hostPortSchema,
  isGiven,
  mailTlsSchema,
  secretUrlSchema,
  urlSchema,
} from './config-fields.ts';

/** Address of Slack's chat.postMessage. */
const SLACK_APP_URL = 'https://slack.com/api/chat.postMessage';

/** What receivers other than email and Slack take from `global`; addresses are those of Alertmanager. */
const otherKindsShape = {
  pagerduty_url: urlSchema.default('https://events.pagerduty.com/v2/enqueue'),
  opsgenie_api_url: urlSchema.default('https://api.opsgenie.com/'),
  opsgenie_api_key: secretSchema.optional(),
  opsgenie_api_key_file: filePathSchema.optional(),
  wechat_api_url: urlSchema.default('https://qyapi.weixin.qq.com/cgi-bin/'),
  wechat_api_secret: secretSchema.optional(),
  wechat_api_secret_file: filePathSchema.optional(),
  wechat_api_corp_id: z.string().optional(),
  victorops_api_url: urlSchema.default('https://alert.victorops.com/integrations/generic/20131114/alert/'),
  victorops_api_key: secretSchema.optional(),
  victorops_api_key_file: filePathSchema.optional(),
  telegram_api_url: urlSchema.default('https://api.telegram.org'),
  telegram_bot_token: secretSchema.optional(),
  telegram_bot_token_file: filePathSchema.optional(),
  webex_api_url: urlSchema.default('https://webexapis.com/v1/messages'),
  rocketchat_api_url: urlSchema.default('https://open.rocket.chat/'),
  rocketchat_token: secretSchema.optional(),
  rocketchat_token_file: filePathSchema.optional(),
  rocketchat_token_id: secretSchema.optional(),
  rocketchat_token_id_file: filePathSchema.optional(),
  mattermost_webhook_url: secretUrlSchema.optional(),
  mattermost_webhook_url_file: filePathSchema.optional(),
  jira_api_url: urlSchema.optional(),
};

const globalFieldsSchema = z.strictObject({
  resolve_timeout: durationSchema.default(300_000),
  resolve_muted: z.boolean().optional(),
  http_config: httpConfigSchema.optional(),
  smtp_from: z.string().default(''),
  smtp_hello: z.string().default('localhost'),
  smtp_smarthost: hostPortSchema.optional(),
  smtp_auth_username: z.string().default(''),
  smtp_auth_password: secretSchema.optional(),
  smtp_auth_password_file: filePathSchema.optional(),
  smtp_auth_secret: secretSchema.optional(),
  smtp_auth_secret_file: filePathSchema.optional(),
  smtp_auth_identity: z.string().default(''),
  smtp_require_tls: z.boolean().default(true),
  smtp_tls_config: mailTlsSchema.optional(),
  smtp_force_implicit_tls: z.boolean().optional(),
  slack_api_url: secretUrlSchema.optional(),
  slack_api_url_file: filePathSchema.optional(),
  slack_app_token: secretSchema.optional(),
  slack_app_token_file: filePathSchema.optional(),
  slack_app_url: urlSchema.default(SLACK_APP_URL),
  ...otherKindsShape,
});

/** What a `global` reads as. */
export type GlobalFields = z.output<typeof globalFieldsSchema>;

/** Keys that have a `…_file` twin. */
const TWINS = [
  'slack_app_token',
  'slack_api_url',
  'opsgenie_api_key',
  'victorops_api_key',
  'telegram_bot_token',
  'smtp_auth_password',
  'rocketchat_token',
  'rocketchat_token_id',
  'smtp_auth_secret',
  'wechat_api_secret',
  'mattermost_webhook_url',
] as const;

/** Alertmanager's `global`. */
export const globalSchema = globalFieldsSchema.superRefine((fields, context) => {
  for (const key of TWINS) atMostOne(context, [key, fields[key]], [`${key}_file`, fields[`${key}_file`]]);
  const hasToken = isGiven(fields.slack_app_token) || isGiven(fields.slack_app_token_file);
  const hasUrl = isGiven(fields.slack_api_url) || isGiven(fields.slack_api_url_file);
  // Both are fine where people have put the app's address into the webhook's key (Alertmanager issue 2513).
  if (!hasToken || !hasUrl || fields.slack_api_url?.reveal() === fields.slack_app_url) return;
  const message =
    'at most one of slack_app_token/slack_app_token_file & slack_api_url/slack_api_url_file must be configured';
  context.addIssue({ code: 'custom', message });
});

/** A receiver's `http_config` replaces the global one whole. */
export function httpOf(own: HttpClientConfig | undefined, global: GlobalFields): HttpClientConfig {
  return own ?? global.http_config ?? DEFAULT_HTTP_CLIENT_CONFIG;
}
