import { z } from 'zod';
import { httpConfigSchema } from '../../core/http-config.ts';
import type { HttpClientConfig } from '../../core/http-config.ts';
import { filePathSchema } from '../../core/schema.ts';
import { atMostOne, requiredIn, secretUrlSchema, sourceOf } from '../config-fields.ts';
import { httpOf } from '../global-config.ts';
import type { GlobalFields } from '../global-config.ts';
import type { SecretSource } from '../secret-source.ts';

/** An attachment of a Mattermost message; texts are templates. */
export interface MattermostAttachment {
  readonly fallback: string;
  readonly color: string;
  readonly pretext: string;
  readonly text: string;
  readonly authorName: string;
  readonly authorLink: string;
  readonly authorIcon: string;
  readonly title: string;
  readonly titleLink: string;
  readonly fields: readonly {
    readonly title: string;
    readonly value: string;
    readonly short?: boolean | undefined;
  }[];
  readonly thumbUrl: string;
  readonly footer: string;
  readonly footerIcon: string;
  readonly imageUrl: string;
}

/** A Mattermost integration, ready to be built; texts are templates. */
export interface MattermostConfig {
  readonly http: HttpClientConfig;
  readonly webhookUrl: SecretSource;
  readonly channel: string;
  readonly username: string;
  readonly iconUrl: string;
  readonly iconEmoji: string;
  readonly type: string;
  /** Of the message itself where there are `attachments`, else of `attachment`. */
  readonly text: string;
  /** What is sent where there are no `attachments`; its text is the config's. */
  readonly attachment: MattermostAttachment;
  readonly attachments: readonly MattermostAttachment[];
  /** '' for none. */
  readonly card: string;
  readonly priority: MattermostPriority | undefined;
}

/** How a message is marked. */
export interface MattermostPriority {
  readonly priority: string;
  readonly requestedAck: boolean;
  readonly persistentNotifications: boolean;
}

const mattermostDefault = (name: string) =>
  z.string().default(`{{ template "mattermost.default.${name}" . }}`);
const empty = z.string().default('');

const fieldSchema = z.strictObject({
  title: requiredIn('title', 'Mattermost field configuration'),
  value: requiredIn('value', 'Mattermost field configuration'),
  short: z.boolean().optional(),
});

/** What an attachment and the top level share without a default of their own. */
const attachmentShape = {
  pretext: empty,
  author_name: empty,
  author_link: empty,
  author_icon: empty,
  fields: z.array(fieldSchema).default([]),
  thumb_url: empty,
  footer: empty,
  footer_icon: empty,
  image_url: empty,
};

const attachmentSchema = z.strictObject({
  ...attachmentShape,
  fallback: empty,
  color: empty,
  text: empty,
  title: empty,
  title_link: empty,
});

const prioritySchema = z.strictObject({
  priority: empty,
  requested_ack: z.boolean().default(false),
  persistent_notifications: z.boolean().default(false),
});

/** Items of `mattermost_configs`. */
export const mattermostSchema = z
  .strictObject({
    ...attachmentShape,
    send_resolved: z.boolean().default(true),
    http_config: httpConfigSchema.optional(),
    webhook_url: secretUrlSchema.optional(),
    webhook_url_file: filePathSchema.optional(),
    channel: empty,
    username: mattermostDefault('username'),
    text: mattermostDefault('text'),
    fallback: mattermostDefault('fallback'),
    color: mattermostDefault('color'),
    title: mattermostDefault('title'),
    title_link: mattermostDefault('titlelink'),
    icon_url: empty,
    icon_emoji: empty,
    attachments: z.array(attachmentSchema).default([]),
    type: empty,
    props: z.strictObject({ card: empty }).optional(),
    priority: prioritySchema.optional(),
  })
  .superRefine((fields, context) => {
    atMostOne(context, ['webhook_url', fields.webhook_url], ['webhook_url_file', fields.webhook_url_file]);
  });

type AttachmentFields = z.output<typeof attachmentSchema>;

/** The integration with what it takes from `global`, or what is missing. */
export function mattermostOf(
  fields: z.output<typeof mattermostSchema>,
  global: GlobalFields,
): MattermostConfig | string {
  const webhookUrl =
    sourceOf(fields.webhook_url, fields.webhook_url_file) ??
    sourceOf(global.mattermost_webhook_url, global.mattermost_webhook_url_file);
  if (webhookUrl === undefined) return 'missing webhook_url or webhook_url_file on mattermost_config';
  const { priority } = fields;
  return {
    http: httpOf(fields.http_config, global),
    webhookUrl,
    channel: fields.channel,
    username: fields.username,
    iconUrl: fields.icon_url,
    iconEmoji: fields.icon_emoji,
    type: fields.type,
    text: fields.text,
    attachment: attachmentOf(fields),
    attachments: fields.attachments.map(attachmentOf),
    card: fields.props?.card ?? '',
    priority:
      priority === undefined || priority.priority === ''
        ? undefined
        : {
            priority: priority.priority,
            requestedAck: priority.requested_ack,
            persistentNotifications: priority.persistent_notifications,
          },
  };
}

function attachmentOf(fields: AttachmentFields): MattermostAttachment {
  return {
    fallback: fields.fallback,
    color: fields.color,
    pretext: fields.pretext,
    text: fields.text,
    authorName: fields.author_name,
    authorLink: fields.author_link,
    authorIcon: fields.author_icon,
    title: fields.title,
    titleLink: fields.title_link,
    fields: fields.fields,
    thumbUrl: fields.thumb_url,
    footer: fields.footer,
    footerIcon: fields.footer_icon,
    imageUrl: fields.image_url,
  };
}
