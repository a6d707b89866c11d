import { z } from 'zod';
import { httpConfigSchema } from '../../core/http-config.ts';
import type { HttpClientConfig } from '../../core/http-config.ts';
import { filePathSchema, secretSchema } from '../../core/schema.ts';
import { atMostOne, sourceOf, urlSchema } from '../config-fields.ts';
import { httpOf } from '../global-config.ts';
import type { GlobalFields } from '../global-config.ts';
import type { SecretSource } from '../secret-source.ts';

/** A Rocket.Chat integration, ready to be built; texts are templates. */
export interface RocketchatConfig {
  readonly http: HttpClientConfig;
  readonly apiUrl: string;
  readonly token: SecretSource;
  readonly tokenId: SecretSource;
  readonly channel: string;
  readonly color: string;
  readonly title: string;
  readonly titleLink: string;
  readonly text: string;
  readonly fields: readonly {
    readonly title: string;
    readonly value: string;
    /** undefined = `shortFields`. */
    readonly short?: boolean | undefined;
  }[];
  readonly shortFields: boolean;
  readonly emoji: string;
  readonly iconUrl: string;
  readonly imageUrl: string;
  readonly thumbUrl: string;
  readonly actions: readonly { readonly text: string; readonly url: string; readonly msg: string }[];
}

const rocketchatDefault = (name: string) =>
  z.string().default(`{{ template "rocketchat.default.${name}" . }}`);

const fieldSchema = z.strictObject({
  short: z.boolean().optional(),
  title: z.string().default(''),
  value: z.string().default(''),
});

/** Alertmanager takes all of these and makes a button of the text, the URL and the message, whatever the others say. */
const actionSchema = z.strictObject({
  type: z.string().default(''),
  text: z.string().default(''),
  url: z.string().default(''),
  imageurl: z.string().default(''),
  iswebview: z.boolean().default(false),
  webviewheightratio: z.string().default(''),
  msg: z.string().default(''),
  msginchatwindow: z.boolean().default(false),
  msgprocessingtype: z.string().default(''),
});

/** Items of `rocketchat_configs`. `link_names` has no effect, as in Alertmanager. */
export const rocketchatSchema = z
  .strictObject({
    send_resolved: z.boolean().default(false),
    http_config: httpConfigSchema.optional(),
    api_url: urlSchema.optional(),
    token_id: secretSchema.optional(),
    token_id_file: filePathSchema.optional(),
    token: secretSchema.optional(),
    token_file: filePathSchema.optional(),
    channel: z.string().default(''),
    color: z.string().default('{{ if eq .Status "firing" }}red{{ else }}green{{ end }}'),
    title: rocketchatDefault('title'),
    title_link: rocketchatDefault('titlelink'),
    text: rocketchatDefault('text'),
    fields: z.array(fieldSchema).default([]),
    short_fields: z.boolean().default(false),
    emoji: rocketchatDefault('emoji'),
    icon_url: rocketchatDefault('iconurl'),
    image_url: z.string().default(''),
    thumb_url: z.string().default(''),
    link_names: z.boolean().default(false),
    actions: z.array(actionSchema).default([]),
  })
  .superRefine((fields, context) => {
    atMostOne(context, ['token', fields.token], ['token_file', fields.token_file]);
    atMostOne(context, ['token_id', fields.token_id], ['token_id_file', fields.token_id_file]);
  });

/** The integration with what it takes from `global`, or what is missing. */
export function rocketchatOf(
  fields: z.output<typeof rocketchatSchema>,
  global: GlobalFields,
): RocketchatConfig | string {
  const tokenId =
    sourceOf(fields.token_id, fields.token_id_file) ??
    sourceOf(global.rocketchat_token_id, global.rocketchat_token_id_file);
  if (tokenId === undefined) return 'no global Rocketchat TokenID set either inline or in a file';
  const token =
    sourceOf(fields.token, fields.token_file) ??
    sourceOf(global.rocketchat_token, global.rocketchat_token_file);
  if (token === undefined) return 'no global Rocketchat Token set either inline or in a file';
  return {
    http: httpOf(fields.http_config, global),
    apiUrl: fields.api_url ?? global.rocketchat_api_url,
    token,
    tokenId,
    channel: fields.channel,
    color: fields.color,
    title: fields.title,
    titleLink: fields.title_link,
    text: fields.text,
    fields: fields.fields,
    shortFields: fields.short_fields,
    emoji: fields.emoji,
    iconUrl: fields.icon_url,
    imageUrl: fields.image_url,
    thumbUrl: fields.thumb_url,
    actions: fields.actions.map(({ text, url, msg }) => ({ text, url, msg })),
  };
}
