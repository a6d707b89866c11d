import { z } from 'zod';
import { httpConfigSchema } from '../../core/http-config.ts';
import type { HttpClientConfig } from '../../core/http-config.ts';
import { durationSchema } from '../../core/schema.ts';
import { requiredIn, urlSchema } from '../config-fields.ts';
import { httpOf } from '../global-config.ts';
import type { GlobalFields } from '../global-config.ts';

/** A field of an issue that may be left as it is when the issue is updated. */
export interface JiraField {
  readonly template: string;
  readonly enableUpdate: boolean;
}

/** A Jira integration, ready to be built; texts are templates, but for the names of transitions and of the resolution. */
export interface JiraConfig {
  readonly http: HttpClientConfig;
  /** Of the REST API, its version in it: `https://x.atlassian.net/rest/api/2`. */
  readonly apiUrl: string;
  readonly apiType: 'auto' | 'cloud' | 'datacenter';
  readonly project: string;
  readonly issueType: string;
  readonly summary: JiraField;
  readonly description: JiraField;
  readonly labels: readonly string[];
  readonly priority: string;
  /** '' for none, as the three below. */
  readonly reopenTransition: string;
  readonly resolveTransition: string;
  readonly wontFixResolution: string;
  /** 0 = resolved issues are not reopened. */
  readonly reopenDurationMs: number;
  /** Other fields by their name; the texts in them are templates. */
  readonly fields: Readonly<Record<string, unknown>>;
}

/** A template, or one with `enable_update`. */
const fieldSchema = (name: string) => {
  const byDefault = `{{ template "jira.default.${name}" . }}`;
  return z
    .union([
      z.string(),
      z.strictObject({
        template: z.string().default(byDefault),
        enable_update: z.boolean().default(true),
      }),
    ])
    .default(byDefault)
    .transform((field): JiraField =>
      typeof field === 'string'
        ? { template: field, enableUpdate: true }
        : { template: field.template, enableUpdate: field.enable_update },
    );
};

const apiTypeSchema = z
  .string()
  .default('auto')
  .transform((type, context): JiraConfig['apiType'] => {
    if (type === 'auto' || type === 'cloud' || type === 'datacenter') return type;
    const message = 'unknown api_type on jira_config, must be auto, cloud or datacenter';
    context.addIssue({ code: 'custom', message });
    return z.NEVER;
  });

/** Items of `jira_configs`. */
export const jiraSchema = z.strictObject({
  send_resolved: z.boolean().default(true),
  http_config: httpConfigSchema.optional(),
  api_url: urlSchema.optional(),
  api_type: apiTypeSchema,
  project: requiredIn('project', 'jira_config'),
  summary: fieldSchema('summary'),
  description: fieldSchema('description'),
  labels: z.array(z.string()).default([]),
  priority: z.string().default('{{ template "jira.default.priority" . }}'),
  issue_type: requiredIn('issue_type', 'jira_config'),
  reopen_transition: z.string().default(''),
  resolve_transition: z.string().default(''),
  wont_fix_resolution: z.string().default(''),
  reopen_duration: durationSchema.default(0),
  fields: z.record(z.string(), z.unknown()).default({}),
});

/** The integration with what it takes from `global`, or what is missing. */
export function jiraOf(fields: z.output<typeof jiraSchema>, global: GlobalFields): JiraConfig | string {
  const apiUrl = fields.api_url ?? global.jira_api_url;
  if (apiUrl === undefined) return 'no global Jira Cloud URL set';
  return {
    http: httpOf(fields.http_config, global),
    apiUrl,
    apiType: fields.api_type,
    project: fields.project,
    issueType: fields.issue_type,
    summary: fields.summary,
    description: fields.description,
    labels: fields.labels,
    priority: fields.priority,
    reopenTransition: fields.reopen_transition,
    resolveTransition: fields.resolve_transition,
    wontFixResolution: fields.wont_fix_resolution,
    reopenDurationMs: fields.reopen_duration,
    fields: fields.fields,
  };
}
