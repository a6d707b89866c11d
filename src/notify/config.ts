import { z } from 'zod';
import { DEFAULT_HTTP_CLIENT_CONFIG, httpConfigSchema, tlsConfigOf } from '../core/http-config.ts';
import type { HttpClientConfig, TlsConfig } from '../core/http-config.ts';
import { durationSchema, filePathSchema, secretSchema } from '../core/schema.ts';
import type { Secret } from '../core/secret.ts';
import {
  atMostOne,
  hostPortSchema,
  isGiven,
  mailTlsSchema,
  receiverFieldsSchema,
  secretUrlSchema,
  sourceOf,
  urlSchema,
} from './config-receivers.ts';
import type { ConsoleConfig, EmailConfig, HostPort, SlackConfig, WebhookConfig } from './config-receivers.ts';

export { alertingSchema } from './alerting-config.ts';
export type { AlertingConfig, AlertmanagerConfig } from './alerting-config.ts';

/** Address of Slack's chat.postMessage. */
const SLACK_APP_URL = 'https://slack.com/api/chat.postMessage';
/** Port that means TLS from the first byte. */
const SMTPS_PORT = 465;

/** Keys of `global` for receiver kinds that this version does not have: checked and kept for later, without effect. */
const otherKindsShape = {
  pagerduty_url: urlSchema.optional(),
  opsgenie_api_url: urlSchema.optional(),
  opsgenie_api_key: secretSchema.optional(),
  opsgenie_api_key_file: filePathSchema.optional(),
  wechat_api_url: urlSchema.optional(),
  wechat_api_secret: secretSchema.optional(),
  wechat_api_secret_file: filePathSchema.optional(),
  wechat_api_corp_id: z.string().optional(),
  victorops_api_url: urlSchema.optional(),
  victorops_api_key: secretSchema.optional(),
  victorops_api_key_file: filePathSchema.optional(),
  telegram_api_url: urlSchema.optional(),
  telegram_bot_token: secretSchema.optional(),
  telegram_bot_token_file: filePathSchema.optional(),
  webex_api_url: urlSchema.optional(),
  rocketchat_api_url: urlSchema.optional(),
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

type GlobalFields = z.output<typeof globalFieldsSchema>;
type ReceiverFields = z.output<typeof receiverFieldsSchema>;

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
const globalSchema = globalFieldsSchema.superRefine((fields, context) => {
  for (const key of TWINS) atMostOne(context, [key, fields[key]], [`${key}_file`, fields[`${key}_file`]]);
  const hasToken = isGiven(fields.slack_app_token) || isGiven(fields.slack_app_token_file);
  const hasUrl = isGiven(fields.slack_api_url) || isGiven(fields.slack_api_url_file);
  // Both are fine where people have put the app's address into the webhook's key (Alertmanager issue 2513).
  if (!hasToken || !hasUrl || fields.slack_api_url?.reveal() === fields.slack_app_url) return;
  const message =
    'at most one of slack_app_token/slack_app_token_file & slack_api_url/slack_api_url_file must be configured';
  context.addIssue({ code: 'custom', message });
});

/** This room's keys of an `alertmanager.yml`, for the schema of the whole file. */
export const notifyShape = {
  global: globalSchema.prefault({}),
  receivers: z.array(receiverFieldsSchema).default([]),
  templates: z.array(filePathSchema).default([]),
};

/** What {@link notifyShape} reads. */
export interface NotifyFields {
  readonly global: GlobalFields;
  readonly receivers: readonly ReceiverFields[];
  /** Globs. */
  readonly templates: readonly string[];
}

/** One integration of a receiver with what it takes from `global`. */
export type IntegrationConfig = {
  /** Position among the receiver's integrations of its kind. */
  readonly index: number;
  readonly sendResolved: boolean;
} & (
  | { readonly kind: 'webhook'; readonly config: WebhookConfig }
  | { readonly kind: 'slack'; readonly config: SlackConfig }
  | { readonly kind: 'email'; readonly config: EmailConfig }
  | { readonly kind: 'console'; readonly config: ConsoleConfig }
);

/** A receiver with all its integrations. */
export interface ReceiverConfig {
  readonly name: string;
  /** With `name` among them. */
  readonly labels: Readonly<Record<string, string>>;
  readonly integrations: readonly IntegrationConfig[];
}

/** This room's part of an Alertmanager configuration. */
export interface NotifyConfig {
  readonly resolveTimeoutMs: number;
  /** `global.resolve_muted`; undefined = the command's default (on in `tocsin serve`). */
  readonly resolveMuted: boolean | undefined;
  readonly receivers: readonly ReceiverConfig[];
  /** Globs of template files. */
  readonly templates: readonly string[];
}

/** A check that failed, with its place below the document's root. */
export interface NotifyProblem {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

/**
 * Hands the globals down and checks what only holds for both together (Alertmanager's messages). The config is usable
 * only when there are no problems; repeated receiver names are found by the routing check.
 *
 * @see prometheus/alertmanager config/config.go Config.UnmarshalYAML
 */
export function notifyConfigOf(fields: NotifyFields): {
  readonly config: NotifyConfig;
  readonly problems: readonly NotifyProblem[];
} {
  const problems: NotifyProblem[] = [];
  const { global } = fields;
  const receivers = fields.receivers.map((receiver, i): ReceiverConfig => {
    const collect = <Fields, Config>(
      key: string,
      list: readonly Fields[],
      inherit: (fields: Fields, global: GlobalFields) => Config | string,
    ): { index: number; fields: Fields; config: Config }[] =>
      list.flatMap((item, index) => {
        const config = inherit(item, global);
        if (typeof config !== 'string') return [{ index, fields: item, config }];
        problems.push({ path: ['receivers', i, key, index], message: config });
        return [];
      });
    return {
      name: receiver.name,
      labels: { ...receiver.labels, name: receiver.name },
      integrations: [
        ...collect('webhook_configs', receiver.webhook_configs, webhookOf).map(
          ({ index, fields: { send_resolved: sendResolved }, config }) =>
            ({ kind: 'webhook', index, sendResolved, config }) as const,
        ),
        ...collect('email_configs', receiver.email_configs, emailOf).map(
          ({ index, fields: { send_resolved: sendResolved }, config }) =>
            ({ kind: 'email', index, sendResolved, config }) as const,
        ),
        ...collect('slack_configs', receiver.slack_configs, slackOf).map(
          ({ index, fields: { send_resolved: sendResolved }, config }) =>
            ({ kind: 'slack', index, sendResolved, config }) as const,
        ),
        ...receiver.console_configs.map(
          ({ send_resolved: sendResolved, colors }, index) =>
            ({ kind: 'console', index, sendResolved, config: { colors } }) as const,
        ),
      ],
    };
  });
  const config = {
    resolveTimeoutMs: global.resolve_timeout,
    resolveMuted: global.resolve_muted,
    receivers,
    templates: fields.templates,
  };
  return { config, problems };
}

/** A receiver's `http_config` replaces the global one whole. */
function httpOf(own: HttpClientConfig | undefined, global: GlobalFields): HttpClientConfig {
  return own ?? global.http_config ?? DEFAULT_HTTP_CLIENT_CONFIG;
}

function webhookOf(
  fields: ReceiverFields['webhook_configs'][number],
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

function slackOf(
  fields: ReceiverFields['slack_configs'][number],
  global: GlobalFields,
): SlackConfig | string {
  const ownToken = sourceOf(fields.app_token, fields.app_token_file);
  const ownUrl = sourceOf(fields.api_url, fields.api_url_file);
  const takesGlobalToken = ownUrl === undefined && fields.http_config?.authorization === undefined;
  const token =
    ownToken ??
    (takesGlobalToken ? sourceOf(global.slack_app_token, global.slack_app_token_file) : undefined);
  const url = ownUrl ?? sourceOf(global.slack_api_url, global.slack_api_url_file);
  const http = httpOf(fields.http_config, global);
  if (token !== undefined && http.authorization !== undefined) {
    return "http authorization can't be set when using Slack App tokens";
  }
  if (token === undefined && url === undefined) {
    return 'no Slack API URL nor App token set either inline or in a file';
  }
  const appUrl = fields.app_url ?? global.slack_app_url;
  return {
    http,
    endpoint: token === undefined ? { kind: 'webhook', url: url! } : { kind: 'app', appUrl, token },
    channel: fields.channel,
    username: fields.username,
    color: fields.color,
    title: fields.title,
    titleLink: fields.title_link,
    pretext: fields.pretext,
    text: fields.text,
    messageText: fields.message_text,
    fields: fields.fields,
    shortFields: fields.short_fields,
    footer: fields.footer,
    fallback: fields.fallback,
    callbackId: fields.callback_id,
    iconEmoji: fields.icon_emoji,
    iconUrl: fields.icon_url,
    imageUrl: fields.image_url,
    thumbUrl: fields.thumb_url,
    linkNames: fields.link_names,
    mrkdwnIn: fields.mrkdwn_in,
    actions: fields.actions,
    timeoutMs: fields.timeout,
  };
}

function emailOf(
  fields: ReceiverFields['email_configs'][number],
  global: GlobalFields,
): EmailConfig | string {
  const smarthost: HostPort | undefined = fields.smarthost ?? global.smtp_smarthost;
  if (smarthost === undefined) return 'no global SMTP smarthost set';
  const from = fields.from || global.smtp_from;
  if (from === '') return 'no global SMTP from set';
  const { threading } = fields;
  const implicitTls = fields.force_implicit_tls ?? global.smtp_force_implicit_tls;
  const tls: TlsConfig = fields.tls_config ?? global.smtp_tls_config ?? tlsConfigOf(undefined);
  const secret = (own: Secret | undefined, ownFile: string | undefined, key: 'password' | 'secret') =>
    sourceOf(own, ownFile) ?? sourceOf(global[`smtp_auth_${key}`], global[`smtp_auth_${key}_file`]);
  return {
    to: fields.to,
    from,
    hello: fields.hello || global.smtp_hello,
    smarthost,
    authUsername: fields.auth_username || global.smtp_auth_username,
    authPassword: secret(fields.auth_password, fields.auth_password_file, 'password'),
    authSecret: secret(fields.auth_secret, fields.auth_secret_file, 'secret'),
    authIdentity: fields.auth_identity || global.smtp_auth_identity,
    headers: fields.headers,
    html: fields.html,
    text: fields.text,
    requireTls: fields.require_tls ?? global.smtp_require_tls,
    tls,
    implicitTls: implicitTls ?? smarthost.port === SMTPS_PORT,
    threadBy: threading.enabled ? (threading.thread_by_date === 'none' ? 'none' : 'daily') : undefined,
  };
}
