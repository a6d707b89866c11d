import { z } from 'zod';
import { httpConfigSchema } from '../../core/http-config.ts';
import type { HttpClientConfig } from '../../core/http-config.ts';
import { filePathSchema, secretSchema } from '../../core/schema.ts';
import {
  atMostOne,
  goDurationSchema,
  isGiven,
  sourceOf,
  templateSchema,
  urlSchema,
} from '../config-fields.ts';
import { httpOf } from '../global-config.ts';
import type { GlobalFields } from '../global-config.ts';
import type { SecretSource } from '../secret-source.ts';

/** Address of version 1 of the events API, whatever `url` says. */
const V1_URL = 'https://events.pagerduty.com/generic/2010-04-15/create_event.json';

/** Details that are sent unless a configuration has its own of that name. */
const DEFAULT_DETAILS: Readonly<Record<string, unknown>> = {
  firing: '{{ .Alerts.Firing | toJson }}',
  resolved: '{{ .Alerts.Resolved | toJson }}',
  num_firing: '{{ .Alerts.Firing | len }}',
  num_resolved: '{{ .Alerts.Resolved | len }}',
};

/** An image of an incident; texts are templates. */
export interface PagerdutyImage {
  readonly src: string;
  readonly alt: string;
  readonly href: string;
}

/** A link of an incident; texts are templates. */
export interface PagerdutyLink {
  readonly href: string;
  readonly text: string;
}

/** A PagerDuty integration, ready to be built; texts are templates. */
export interface PagerdutyConfig {
  readonly http: HttpClientConfig;
  /** Of the events API: 1 by a service key, 2 by a routing key. */
  readonly version: 1 | 2;
  /** A template. */
  readonly key: SecretSource;
  readonly url: string;
  readonly client: string;
  readonly clientUrl: string;
  readonly description: string;
  /** Values of any depth, their texts templates; keys at the top are not. */
  readonly details: Readonly<Record<string, unknown>>;
  readonly images: readonly PagerdutyImage[];
  readonly links: readonly PagerdutyLink[];
  readonly source: string;
  readonly severity: string;
  readonly class: string;
  readonly component: string;
  readonly group: string;
  /** 0 = none. */
  readonly timeoutMs: number;
}

const text = z.string().default('');

/** Items of `pagerduty_configs`. */
export const pagerdutySchema = z
  .strictObject({
    send_resolved: z.boolean().default(true),
    http_config: httpConfigSchema.optional(),
    service_key: secretSchema.optional(),
    service_key_file: filePathSchema.optional(),
    routing_key: secretSchema.optional(),
    routing_key_file: filePathSchema.optional(),
    url: urlSchema.optional(),
    client: templateSchema('pagerduty.default.client'),
    client_url: templateSchema('pagerduty.default.clientURL'),
    description: z.string().default('{{ template "pagerduty.default.description" .}}'),
    details: z.record(z.string(), z.unknown()).default({}),
    images: z.array(z.strictObject({ src: text, alt: text, href: text })).default([]),
    links: z.array(z.strictObject({ href: text, text })).default([]),
    source: text,
    severity: text,
    class: text,
    component: text,
    group: text,
    timeout: goDurationSchema.default(0),
  })
  .superRefine((fields, context) => {
    const { service_key, service_key_file, routing_key, routing_key_file } = fields;
    atMostOne(context, ['routing_key', routing_key], ['routing_key_file', routing_key_file]);
    atMostOne(context, ['service_key', service_key], ['service_key_file', service_key_file]);
    if ([service_key, service_key_file, routing_key, routing_key_file].some(isGiven)) return;
    context.addIssue({ code: 'custom', message: 'missing service or routing key in PagerDuty config' });
  });

/** The integration with what it takes from `global`, or what is missing. */
export function pagerdutyOf(
  fields: z.output<typeof pagerdutySchema>,
  global: GlobalFields,
): PagerdutyConfig | string {
  const serviceKey = sourceOf(fields.service_key, fields.service_key_file);
  const key = serviceKey ?? sourceOf(fields.routing_key, fields.routing_key_file);
  if (key === undefined) return 'missing service or routing key in PagerDuty config';
  return {
    http: httpOf(fields.http_config, global),
    version: serviceKey === undefined ? 2 : 1,
    key,
    url: serviceKey === undefined ? (fields.url ?? global.pagerduty_url) : V1_URL,
    client: fields.client,
    clientUrl: fields.client_url,
    description: fields.description,
    details: { ...DEFAULT_DETAILS, ...fields.details },
    images: fields.images,
    links: fields.links,
    source: fields.source || fields.client,
    severity: fields.severity || 'error',
    class: fields.class,
    component: fields.component,
    group: fields.group,
    timeoutMs: fields.timeout,
  };
}
