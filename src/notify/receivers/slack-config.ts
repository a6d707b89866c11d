import { z } from 'zod';
import { httpConfigSchema } from '../../core/http-config.ts';
import type { HttpClientConfig } from '../../core/http-config.ts';
import { filePathSchema, secretSchema } from '../../core/schema.ts';
import {
  atMostOne,
  goDurationSchema,
  isGiven,
  requiredIn,
  secretUrlSchema,
  sourceOf,
  urlSchema,
} from '../config-fields.ts';
import { httpOf } from '../global-config.ts';
import type { GlobalFields } from '../global-config.ts';
import type { SecretSource } from '../secret-source.ts';

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
export const slackSchema = z
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

/** The integration with what it takes from `global`, or what is missing. */
export function slackOf(fields: z.output<typeof slackSchema>, global: GlobalFields): SlackConfig | string {
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
