import { z } from 'zod';
import { parseGoDuration } from '../core/duration.ts';
import { httpConfigSchema, tlsConfigOf, tlsConfigSchema, tlsProblems } from '../core/http-config.ts';
import type { HttpClientConfig, TlsConfig } from '../core/http-config.ts';
import { filePathSchema, secretSchema } from '../core/schema.ts';
import type { Secret } from '../core/secret.ts';
import { notInVersion } from '../core/validate-yaml.ts';
import type { SecretSource } from './secret-source.ts';

/**
 * The receivers' schemas. What a receiver may take from `global` is undefined after reading; `config.ts` fills it in and
 * gives the types below.
 */

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

/** A field of a Slack attachment. */
export interface SlackField {
  readonly title: string;
  readonly value: string;
  /** undefined = `short_fields`. */
  readonly short: boolean | undefined;
}

/** A button of a Slack attachment. */
export interface SlackAction {
  readonly type: string;
  readonly text: string;
  readonly url: string;
  readonly style: string;
  readonly name: string;
  readonly value: string;
  readonly confirm:
    | { readonly text: string; readonly title: string; readonly okText: string; readonly dismissText: string }
    | undefined;
}

/** A Slack integration, ready to be built; texts are templates. */
export interface SlackConfig {
  readonly http: HttpClientConfig;
  readonly endpoint:
    | { readonly kind: 'webhook'; readonly url: SecretSource }
    | { readonly kind: 'app'; readonly appUrl: string; readonly token: SecretSource };
  readonly channel: string;
  readonly username: string;
  readonly color: string;
  readonly title: string;
  readonly titleLink: string;
  readonly pretext: string;
  readonly text: string;
  readonly messageText: string;
  readonly fields: readonly SlackField[];
  readonly shortFields: boolean;
  readonly footer: string;
  readonly fallback: string;
  readonly callbackId: string;
  readonly iconEmoji: string;
  readonly iconUrl: string;
  readonly imageUrl: string;
  readonly thumbUrl: string;
  readonly linkNames: boolean;
  readonly mrkdwnIn: readonly string[];
  readonly actions: readonly SlackAction[];
  readonly timeoutMs: number;
}

/** An email integration, ready to be built; texts are templates. */
export interface EmailConfig {
  readonly to: string;
  readonly from: string;
  readonly hello: string;
  readonly smarthost: HostPort;
  readonly authUsername: string;
  readonly authPassword: SecretSource | undefined;
  readonly authSecret: SecretSource | undefined;
  readonly authIdentity: string;
  /** By canonical name (`Subject`). */
  readonly headers: Readonly<Record<string, string>>;
  readonly html: string;
  readonly text: string;
  readonly requireTls: boolean;
  readonly tls: TlsConfig;
  readonly implicitTls: boolean;
  /** undefined = no threading; else one thread a group, or one a group and day. */
  readonly threadBy: 'none' | 'daily' | undefined;
}

/** The console. */
export interface ConsoleConfig {
  readonly colors: boolean;
}

/** `host:port` of a mail server. */
export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** Kinds of the contract that this version does not have, by their key in `receivers[]`. */
export const RECEIVER_KINDS_NOT_IN_VERSION: readonly string[] = (
  'discord incidentio jira mattermost msteams msteamsv2 opsgenie pagerduty pushover rocketchat sns telegram ' +
  'victorops webex wechat desktop datadog statuspal ntfy gotify googlechat matrix'
)
  .split(' ')
  .map((kind) => `${kind}_configs`);

/** A Go duration (`1m30s`, `500ms`; no `d`), in milliseconds. */
const goDurationSchema = z.union([z.string(), z.literal(0)]).transform((text, context) => {
  const durationMs = parseGoDuration(String(text));
  if (durationMs !== undefined && durationMs >= 0) return durationMs;
  context.addIssue({ code: 'custom', message: `not a valid duration: ${JSON.stringify(text)}` });
  return z.NEVER;
});

/** An http or https URL. */
export const urlSchema = z.string().superRefine((text, context) => {
  const problem = urlProblem(text);
  if (problem !== undefined) context.addIssue({ code: 'custom', message: problem });
});

/** An http or https URL that is a secret: messages don't show it. */
export const secretUrlSchema = secretSchema.superRefine((secret, context) => {
  const problem = urlProblem(secret.reveal());
  if (problem !== undefined) context.addIssue({ code: 'custom', message: problem });
});

/** A secret URL that may be a template; what holds no template is checked as it stands. */
const secretTemplateUrlSchema = secretSchema.superRefine((secret, context) => {
  const text = secret.reveal();
  const problem = text === '' || text.includes('{{') ? undefined : urlProblem(text);
  if (problem !== undefined) context.addIssue({ code: 'custom', message: problem });
});

function urlProblem(text: string): string | undefined {
  const url = URL.parse(text);
  if (url === null) return 'not a valid URL';
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    return `unsupported scheme ${JSON.stringify(url.protocol.slice(0, -1))} for URL`;
  }
  return url.host === '' ? 'missing host for URL' : undefined;
}

/** `host:port`, IPv6 hosts in brackets; '' is absent. Ports by number. */
export const hostPortSchema = z.string().transform((text, context): HostPort | undefined => {
  if (text === '') return undefined;
  const match = /^(?:\[([^\]]*)\]|([^:[\]]*)):(.*)$/.exec(text);
  const port = Number(match?.[3]);
  if (match !== null && match[3] !== '' && Number.isInteger(port) && port > 0 && port < 65_536) {
    return { host: match[1] ?? match[2] ?? '', port };
  }
  const shown = JSON.stringify(text);
  const message =
    match?.[3] === '' ? `address ${shown}: port cannot be empty` : `address ${shown}: write host:port`;
  context.addIssue({ code: 'custom', message });
  return z.NEVER;
});

/** Says that two keys exclude each other; the message is Alertmanager's. */
export function atMostOne(
  context: z.RefinementCtx,
  a: readonly [name: string, value: Secret | string | undefined],
  b: readonly [name: string, value: Secret | string | undefined],
): void {
  if (!isGiven(a[1]) || !isGiven(b[1])) return;
  const message = `at most one of ${a[0]} & ${b[0]} must be configured`;
  context.addIssue({ code: 'custom', path: [b[0]], message });
}

/** Whether a text or secret is there and not empty. */
export function isGiven(value: Secret | string | undefined): boolean {
  return value !== undefined && (typeof value === 'string' ? value : value.reveal()) !== '';
}

/** The one of value and file that is given; undefined when neither is. */
export function sourceOf(value: Secret | undefined, file: string | undefined): SecretSource | undefined {
  if (value !== undefined && isGiven(value)) return { value };
  return file !== undefined && file !== '' ? { file } : undefined;
}

/** Items of `webhook_configs`. */
const webhookSchema = z
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

const requiredIn = (what: string, where: string) =>
  z.string().refine((text) => text !== '', `missing ${what} in ${where}`);

const slackConfirmSchema = z
  .strictObject({
    text: requiredIn('text', 'Slack confirmation configuration'),
    title: z.string().default(''),
    ok_text: z.string().default(''),
    dismiss_text: z.string().default(''),
  })
  .transform((fields) => ({
    text: fields.text,
    title: fields.title,
    okText: fields.ok_text,
    dismissText: fields.dismiss_text,
  }));

const slackActionSchema = z
  .strictObject({
    type: requiredIn('type', 'Slack action configuration'),
    text: requiredIn('text', 'Slack action configuration'),
    url: z.string().default(''),
    style: z.string().default(''),
    name: z.string().default(''),
    value: z.string().default(''),
    confirm: slackConfirmSchema.optional(),
  })
  .refine(
    (action) => action.url !== '' || action.name !== '',
    'missing name or url in Slack action configuration',
  )
  .transform((action): SlackAction => {
    // A link has none of what a message button has.
    const isLink = action.url !== '';
    return {
      ...action,
      name: isLink ? '' : action.name,
      value: isLink ? '' : action.value,
      confirm: isLink ? undefined : action.confirm,
    };
  });

const slackFieldSchema = z
  .strictObject({
    title: requiredIn('title', 'Slack field configuration'),
    value: requiredIn('value', 'Slack field configuration'),
    short: z.boolean().optional(),
  })
  .transform(({ title, value, short }): SlackField => ({ title, value, short }));

const slackDefault = (name: string) => z.string().default(`{{ template "slack.default.${name}" . }}`);

/** Items of `slack_configs`. */
const slackSchema = z
  .strictObject({
    send_resolved: z.boolean().default(false),
    http_config: httpConfigSchema.optional(),
    api_url: secretUrlSchema.optional(),
    api_url_file: filePathSchema.optional(),
    app_token: secretSchema.optional(),
    app_token_file: filePathSchema.optional(),
    app_url: urlSchema.optional(),
    channel: z.string().default(''),
    username: slackDefault('username'),
    color: slackDefault('color'),
    title: slackDefault('title'),
    title_link: slackDefault('titlelink'),
    pretext: slackDefault('pretext'),
    text: slackDefault('text'),
    message_text: z.string().default(''),
    fields: z.array(slackFieldSchema).default([]),
    short_fields: z.boolean().default(false),
    footer: slackDefault('footer'),
    fallback: slackDefault('fallback'),
    callback_id: slackDefault('callbackid'),
    icon_emoji: slackDefault('iconemoji'),
    icon_url: slackDefault('iconurl'),
    image_url: z.string().default(''),
    thumb_url: z.string().default(''),
    link_names: z.boolean().default(false),
    mrkdwn_in: z.array(z.string()).default([]),
    actions: z.array(slackActionSchema).default([]),
    update_message: z
      .boolean()
      .refine((on) => !on, 'update_message is not in this version')
      .default(false),
    timeout: goDurationSchema.default(0),
  })
  .superRefine((fields, context) => {
    atMostOne(context, ['api_url', fields.api_url], ['api_url_file', fields.api_url_file]);
    atMostOne(context, ['app_token', fields.app_token], ['app_token_file', fields.app_token_file]);
    const hasUrl = isGiven(fields.api_url) || isGiven(fields.api_url_file);
    if (hasUrl && (isGiven(fields.app_token) || isGiven(fields.app_token_file))) {
      const message = 'at most one of api_url/api_url_file & app_token/app_token_file must be configured';
      context.addIssue({ code: 'custom', message });
    }
  });

/** `smtp_tls_config` and an email's `tls_config`. */
export const mailTlsSchema = tlsConfigSchema
  .superRefine((fields, context) => {
    for (const { path, message } of tlsProblems(fields, []))
      context.addIssue({ code: 'custom', path, message });
  })
  .transform(tlsConfigOf);

const threadingSchema = z.strictObject({
  enabled: z.boolean().default(false),
  thread_by_date: z.string().default(''),
});

/** `subject` → `Subject`, as Go's textproto.CanonicalMIMEHeaderKey does for header names. */
function canonicalHeader(name: string): string {
  if (!/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(name)) return name;
  return name
    .split('-')
    .map((part) => part.slice(0, 1).toUpperCase() + part.slice(1).toLowerCase())
    .join('-');
}

const headersSchema = z.record(z.string(), z.string()).transform((headers, context) => {
  const canonical: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    const key = canonicalHeader(name);
    if (Object.hasOwn(canonical, key)) {
      const message = `duplicate header ${JSON.stringify(key)} in email config`;
      context.addIssue({ code: 'custom', path: [name], message });
    }
    canonical[key] = value;
  }
  return canonical;
});

/** Items of `email_configs`. */
const emailSchema = z
  .strictObject({
    send_resolved: z.boolean().default(false),
    to: requiredIn('to address', 'email config'),
    from: z.string().default(''),
    hello: z.string().default(''),
    smarthost: hostPortSchema.optional(),
    auth_username: z.string().default(''),
    auth_password: secretSchema.optional(),
    auth_password_file: filePathSchema.optional(),
    auth_secret: secretSchema.optional(),
    auth_secret_file: filePathSchema.optional(),
    auth_identity: z.string().default(''),
    headers: headersSchema.default({}),
    html: z.string().default('{{ template "email.default.html" . }}'),
    text: z.string().default(''),
    require_tls: z.boolean().optional(),
    tls_config: mailTlsSchema.optional(),
    force_implicit_tls: z.boolean().optional(),
    threading: threadingSchema.prefault({}),
  })
  .superRefine(({ threading, headers }, context) => {
    if (!threading.enabled) return;
    for (const name of ['References', 'In-Reply-To']) {
      if (!Object.hasOwn(headers, name)) continue;
      const message = `conflicting configuration: threading.enabled conflicts with custom ${name} header`;
      context.addIssue({ code: 'custom', path: ['headers'], message });
    }
    if (threading.thread_by_date === 'none' || threading.thread_by_date === 'daily') return;
    const message = "threading.thread_by_date must be either 'none' or 'daily'";
    context.addIssue({ code: 'custom', path: ['threading'], message });
  });

/** Items of `console_configs`. */
const consoleSchema = z.strictObject({
  send_resolved: z.boolean().default(true),
  colors: z.boolean().default(false),
});

/** Items of `receivers`. */
export const receiverFieldsSchema = notInVersion(
  z.strictObject({
    name: requiredIn('name', 'receiver'),
    labels: z.record(z.string(), z.string()).default({}),
    webhook_configs: z.array(webhookSchema).default([]),
    slack_configs: z.array(slackSchema).default([]),
    email_configs: z.array(emailSchema).default([]),
    console_configs: z.array(consoleSchema).default([]),
  }),
  RECEIVER_KINDS_NOT_IN_VERSION,
  'receiver kind',
).superRefine(({ name, labels }, context) => {
  const label = labels['name'];
  if (label === undefined || label === name) return;
  const message = `receiver label "name" must match receiver name ${JSON.stringify(name)}, got ${JSON.stringify(label)}`;
  context.addIssue({ code: 'custom', path: ['labels', 'name'], message });
});
