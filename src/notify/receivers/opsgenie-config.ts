import { z } from 'zod';
import { httpConfigSchema } from '../../core/http-config.ts';
import type { HttpClientConfig } from '../../core/http-config.ts';
import { filePathSchema, secretSchema } from '../../core/schema.ts';
import { atMostOne, hasTemplate, sourceOf, templateSchema, urlSchema } from '../config-fields.ts';
import { httpOf } from '../global-config.ts';
import type { GlobalFields } from '../global-config.ts';
import type { SecretSource } from '../secret-source.ts';
import { templateProblem } from '../templates.ts';

/** Who is called; texts are templates. */
export interface OpsgenieResponder {
  readonly id: string;
  readonly name: string;
  readonly username: string;
  readonly type: string;
}

/** An Opsgenie integration, ready to be built; texts are templates. */
export interface OpsgenieConfig {
  readonly http: HttpClientConfig;
  /** A template. */
  readonly apiKey: SecretSource;
  /** Not a template. */
  readonly apiUrl: string;
  readonly message: string;
  readonly description: string;
  readonly source: string;
  /** Besides the common labels. */
  readonly details: Readonly<Record<string, string>>;
  readonly entity: string;
  readonly responders: readonly OpsgenieResponder[];
  /** Separated by commas. */
  readonly actions: string;
  /** Separated by commas. */
  readonly tags: string;
  readonly note: string;
  readonly priority: string;
  readonly updateAlerts: boolean;
}

const RESPONDER_TYPE = /^(team|teams|user|escalation|schedule)$/;

const text = z.string().default('');

const responderSchema = z
  .strictObject({ id: text, name: text, username: text, type: text })
  .superRefine(({ id, name, username, type }, context) => {
    if (id === '' && name === '' && username === '') {
      const message = 'opsGenieConfig responder has to have at least one of id, username or name specified';
      context.addIssue({ code: 'custom', message });
    }
    if (hasTemplate(type)) {
      const problem = templateProblem(type);
      if (problem === undefined) return;
      const message = `opsGenieConfig responder type contains invalid template syntax: ${problem}`;
      context.addIssue({ code: 'custom', path: ['type'], message });
      return;
    }
    if (RESPONDER_TYPE.test(type.toLowerCase())) return;
    const message = `opsGenieConfig responder type ${JSON.stringify(type)} does not match valid options ${RESPONDER_TYPE.source}`;
    context.addIssue({ code: 'custom', path: ['type'], message });
  });

/** Items of `opsgenie_configs`. */
export const opsgenieSchema = z
  .strictObject({
    send_resolved: z.boolean().default(true),
    http_config: httpConfigSchema.optional(),
    api_key: secretSchema.optional(),
    api_key_file: filePathSchema.optional(),
    api_url: urlSchema.optional(),
    message: templateSchema('opsgenie.default.message'),
    description: templateSchema('opsgenie.default.description'),
    source: templateSchema('opsgenie.default.source'),
    details: z.record(z.string(), z.string()).default({}),
    entity: text,
    responders: z.array(responderSchema).default([]),
    actions: text,
    tags: text,
    note: text,
    priority: text,
    update_alerts: z.boolean().default(false),
  })
  .superRefine((fields, context) => {
    atMostOne(context, ['api_key', fields.api_key], ['api_key_file', fields.api_key_file]);
  });

/** The integration with what it takes from `global`, or what is missing. A key of its own, also in a file, comes first. */
export function opsgenieOf(
  fields: z.output<typeof opsgenieSchema>,
  global: GlobalFields,
): OpsgenieConfig | string {
  const apiKey =
    sourceOf(fields.api_key, fields.api_key_file) ??
    sourceOf(global.opsgenie_api_key, global.opsgenie_api_key_file);
  if (apiKey === undefined) return 'no global OpsGenie API Key set either inline or in a file';
  return {
    http: httpOf(fields.http_config, global),
    apiKey,
    apiUrl: fields.api_url ?? global.opsgenie_api_url,
    message: fields.message,
    description: fields.description,
    source: fields.source,
    details: fields.details,
    entity: fields.entity,
    responders: fields.responders,
    actions: fields.actions,
    tags: fields.tags,
    note: fields.note,
    priority: fields.priority,
    updateAlerts: fields.update_alerts,
  };
}
