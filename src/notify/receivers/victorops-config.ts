import { z } from 'zod';
import { httpConfigSchema } from '../../core/http-config.ts';
import type { HttpClientConfig } from '../../core/http-config.ts';
import { filePathSchema, secretSchema } from '../../core/schema.ts';
import { atMostOne, requiredIn, sourceOf, templateSchema, urlSchema } from '../config-fields.ts';
import { httpOf } from '../global-config.ts';
import type { GlobalFields } from '../global-config.ts';
import type { SecretSource } from '../secret-source.ts';

/** A VictorOps (Splunk On-Call) integration, ready to be built; texts are templates. */
export interface VictoropsConfig {
  readonly http: HttpClientConfig;
  /** Not a template. */
  readonly apiKey: SecretSource;
  /** Not a template. */
  readonly apiUrl: string;
  readonly routingKey: string;
  readonly messageType: string;
  readonly stateMessage: string;
  readonly entityDisplayName: string;
  readonly monitoringTool: string;
  readonly customFields: Readonly<Record<string, string>>;
}

const RESERVED_FIELDS: readonly string[] = [
  'routing_key',
  'message_type',
  'state_message',
  'entity_display_name',
  'monitoring_tool',
  'entity_id',
  'entity_state',
];

const customFieldsSchema = z.record(z.string(), z.string()).superRefine((fields, context) => {
  for (const name of RESERVED_FIELDS) {
    if (!Object.hasOwn(fields, name)) continue;
    const message = `victorOps config contains custom field ${name} which cannot be used as it conflicts with the fixed/static fields`;
    context.addIssue({ code: 'custom', path: [name], message });
  }
});

/** Items of `victorops_configs`. */
export const victoropsSchema = z
  .strictObject({
    send_resolved: z.boolean().default(true),
    http_config: httpConfigSchema.optional(),
    api_key: secretSchema.optional(),
    api_key_file: filePathSchema.optional(),
    api_url: urlSchema.optional(),
    routing_key: requiredIn('Routing key', 'VictorOps config'),
    message_type: z.string().default('CRITICAL'),
    state_message: templateSchema('victorops.default.state_message'),
    entity_display_name: templateSchema('victorops.default.entity_display_name'),
    monitoring_tool: templateSchema('victorops.default.monitoring_tool'),
    custom_fields: customFieldsSchema.default({}),
  })
  .superRefine((fields, context) => {
    atMostOne(context, ['api_key', fields.api_key], ['api_key_file', fields.api_key_file]);
  });

/** The integration with what it takes from `global`, or what is missing. A key of its own, also in a file, comes first. */
export function victoropsOf(
  fields: z.output<typeof victoropsSchema>,
  global: GlobalFields,
): VictoropsConfig | string {
  const apiKey =
    sourceOf(fields.api_key, fields.api_key_file) ??
    sourceOf(global.victorops_api_key, global.victorops_api_key_file);
  if (apiKey === undefined) return 'no global VictorOps API Key set';
  return {
    http: httpOf(fields.http_config, global),
    apiKey,
    apiUrl: fields.api_url ?? global.victorops_api_url,
    routingKey: fields.routing_key,
    messageType: fields.message_type,
    stateMessage: fields.state_message,
    entityDisplayName: fields.entity_display_name,
    monitoringTool: fields.monitoring_tool,
    customFields: fields.custom_fields,
  };
}
