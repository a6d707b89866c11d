import type { Logger } from '../../core/log.ts';
import { goQuote } from '../../core/go-quote.ts';
import { TemplateError } from '../../template/index.ts';
import type { Rendering } from '../templates.ts';
import { truncateLogged } from '../truncate.ts';
import { addPath } from './add-path.ts';
import type { JiraConfig } from './jira-config.ts';
import { renderPayload } from './webhook-payload.ts';

const MAX_SUMMARY_RUNES = 255;
const MAX_DESCRIPTION_RUNES = 32_767;
const MINUTE_MS = 60_000;

/** The `fields` of an issue as Jira takes them. */
export type JiraIssueFields = Readonly<Record<string, unknown>>;

/** The label by which a group's issue is found again. */
export function alertLabel(groupHash: string): string {
  return `ALERT{${groupHash}}`;
}

/**
 * The fields of a group's issue, as a new one or (`isNew` false) for an update. Throws TemplateError, also for a
 * description that version 3 of the API does not take.
 *
 * @see prometheus/alertmanager notify/jira/jira.go prepareIssueRequestBody
 */
export function issueFields(
  config: JiraConfig,
  text: Rendering['text'],
  groupHash: string,
  isNew: boolean,
  logger: Logger,
): JiraIssueFields {
  const summary = truncateLogged(text(config.summary.template), MAX_SUMMARY_RUNES, 'summary', logger);
  const description = descriptionOf(config, text, logger);
  const labels = [...config.labels.map(text), alertLabel(groupHash)].sort();
  const priority = text(config.priority);
  const others = Object.entries(config.fields).map(([name, value]) => [name, renderPayload(value, text)]);
  return {
    ...(isNew || config.summary.enableUpdate ? { summary } : {}),
    ...(description !== undefined && (isNew || config.description.enableUpdate) ? { description } : {}),
    issuetype: { name: text(config.issueType) },
    labels,
    ...(priority === '' ? {} : { priority: { name: priority } }),
    project: { key: text(config.project) },
    ...Object.fromEntries(others),
  };
}

/** A text for version 2 of the API, a document of Atlassian's for version 3; undefined for none. */
function descriptionOf(config: JiraConfig, text: Rendering['text'], logger: Logger): unknown {
  const { template } = config.description;
  const description = truncateLogged(text(template), MAX_DESCRIPTION_RUNES, 'description', logger);
  if (!/\/3\/*$/.test(new URL(config.apiUrl).pathname)) return description === '' ? undefined : description;
  const json = description.trim();
  if (json === '') return undefined;
  try {
    return JSON.parse(json) as unknown;
  } catch {
    throw new TemplateError('description template: invalid JSON for API v3');
  }
}

/**
 * The query that finds a group's issue: an open one, or while it fires one that may be reopened.
 *
 * @see prometheus/alertmanager notify/jira/jira.go searchExistingIssue
 */
export function searchQuery(config: JiraConfig, project: string, groupHash: string, firing: boolean): string {
  const { wontFixResolution, reopenTransition, reopenDurationMs } = config;
  const minutes = Math.floor(reopenDurationMs / MINUTE_MS);
  const mayReopen = firing && reopenTransition !== '' && minutes > 0;
  return [
    // `!=` alone would leave out the issues without a resolution.
    ...(wontFixResolution === ''
      ? []
      : [`(resolution is EMPTY or resolution != ${goQuote(wontFixResolution)})`]),
    mayReopen ? `(resolutiondate is EMPTY OR resolutiondate >= -${minutes}m)` : 'statusCategory != Done',
    `project=${goQuote(project)}`,
    `labels=${goQuote(alertLabel(groupHash))} order by status ASC,resolutiondate DESC`,
  ].join(' and ');
}

/** Where to search: Jira Cloud has given up the search that Data Center has, and Data Center does not have the new one. */
export function searchUrl({ apiUrl, apiType }: JiraConfig): string {
  const isCloud =
    apiType === 'cloud' || (apiType === 'auto' && new URL(apiUrl).host.endsWith('atlassian.net'));
  if (!isCloud) return addPath(apiUrl, 'search');
  return addPath(apiUrl, 'search/jql').replace('/rest/api/2/', '/rest/api/3/');
}
