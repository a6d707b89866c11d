import { z } from 'zod';
import { secretsOf } from '../../core/authorized-http.ts';
import type { Logger } from '../../core/log.ts';
import { groupKeyHash } from '../notification.ts';
import type { Notification, Receiver, SendOutcome } from '../notification.ts';
import { addPath } from './add-path.ts';
import { deliver, httpReceiverPorts, notificationLogger, renderOr } from './http-receiver.ts';
import type { HttpReceiverPorts } from './http-receiver.ts';
import { jiraOf, jiraSchema } from './jira-config.ts';
import type { JiraConfig } from './jira-config.ts';
import { issueFields, searchQuery, searchUrl } from './jira-issue.ts';
import type { JiraIssueFields } from './jira-issue.ts';
import { parseJson } from './parse-json.ts';
import { receiverKind } from './receiver-kind.ts';

const searchSchema = z.object({
  issues: z
    .array(
      z.object({
        key: z.string(),
        fields: z
          .object({ status: z.object({ statusCategory: z.object({ key: z.string() }) }).nullish() })
          .nullish(),
      }),
    )
    .nullish(),
});

type FoundIssue = NonNullable<z.output<typeof searchSchema>['issues']>[number];

const transitionsSchema = z.object({
  transitions: z.array(z.object({ id: z.string(), name: z.string() })).nullish(),
});

/** A request that did not do. */
interface Failed {
  readonly failed: Exclude<SendOutcome, { kind: 'sent' }>;
}

/**
 * Keeps one issue a group: looks for it by a label, creates it or puts it up to date, and moves it by the transitions of
 * the configuration when the group is resolved or fires again. A resolved group without an issue gets none.
 *
 * @see prometheus/alertmanager notify/jira/jira.go
 */
class JiraReceiver implements Receiver {
  readonly #config: JiraConfig;
  readonly #ports: HttpReceiverPorts;

  constructor(config: JiraConfig, ports: HttpReceiverPorts) {
    this.#config = config;
    this.#ports = ports;
  }

  async send(notification: Notification, signal: AbortSignal): Promise<SendOutcome> {
    const { apiUrl } = this.#config;
    const logger = notificationLogger(this.#ports.logger, notification);
    const search = this.#render(() => this.#search(notification));
    if ('outcome' in search) return search.outcome;
    const { firing, body } = search.value;
    const found = await this.#ask('POST', searchUrl(this.#config), body, searchSchema, signal);
    if ('failed' in found) {
      return prefixed('failed to look up existing issues: HTTP request to JIRA API', found);
    }
    const issues = found.value.issues ?? [];
    const [issue] = issues;
    if (issues.length > 1) {
      const text = 'more than one issue matched, selecting the most recently resolved';
      logger.warn({ selected_issue: issue?.key }, text);
    }
    if (issue === undefined && !firing) return { kind: 'sent' };

    const rendered = this.#render(() => this.#fields(notification, issue === undefined, logger));
    if ('outcome' in rendered) return rendered.outcome;
    const fields = rendered.value;
    const method = issue === undefined ? 'POST' : 'PUT';
    const path = issue === undefined ? 'issue' : `issue/${issue.key}`;
    const written = await this.#ask(method, addPath(apiUrl, path), { fields }, undefined, signal);
    if ('failed' in written)
      return prefixed(`failed to ${method} request to ${JSON.stringify(path)}`, written);
    return issue === undefined ? { kind: 'sent' } : this.#transition(issue, firing, signal);
  }

  #render<T>(work: () => T): ReturnType<typeof renderOr<T>> {
    return renderOr('jira template', secretsOf(this.#config.http), work);
  }

  #search(notification: Notification): { readonly firing: boolean; readonly body: unknown } {
    const { text, view } = this.#ports.templates.rendering(notification);
    const firing = view.status === 'firing';
    const jql = searchQuery(this.#config, text(this.#config.project), groupKeyHash(notification), firing);
    return { firing, body: { fields: ['status'], jql, maxResults: 2 } };
  }

  #fields(notification: Notification, isNew: boolean, logger: Logger): JiraIssueFields {
    const { text } = this.#ports.templates.rendering(notification);
    return issueFields(this.#config, text, groupKeyHash(notification), isNew, logger);
  }

  /** Reopens an issue that is done while its group fires, resolves one that is not once its group is resolved. */
  async #transition(issue: FoundIssue, firing: boolean, signal: AbortSignal): Promise<SendOutcome> {
    const { apiUrl, reopenTransition, resolveTransition } = this.#config;
    const category = issue.fields?.status?.statusCategory.key;
    const name = firing ? reopenTransition : resolveTransition;
    if (category === undefined || (category === 'done') !== firing || name === '') return { kind: 'sent' };
    const url = addPath(apiUrl, `issue/${issue.key}/transitions`);
    const known = await this.#ask('GET', url, undefined, transitionsSchema, signal);
    if ('failed' in known) return known.failed;
    const transition = known.value.transitions?.find((each) => each.name === name);
    if (transition === undefined) {
      const message = `can't find transition ${name} for issue ${issue.key}`;
      return { kind: 'reject', reason: 'other', message };
    }
    const moved = await this.#ask('POST', url, { transition: { id: transition.id } }, undefined, signal);
    return 'failed' in moved ? moved.failed : { kind: 'sent' };
  }

  /** One request; its answer is checked against `schema`, or not looked at without one. */
  async #ask<T>(
    method: 'GET' | 'POST' | 'PUT',
    url: string,
    body: unknown,
    schema: z.ZodType<T> | undefined,
    signal: AbortSignal,
  ): Promise<{ readonly value: T } | Failed> {
    let value: T | undefined;
    const delivery = {
      method,
      url,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      contentType: 'application/json',
      // The names of what is asked for in the language of the configuration.
      headers: { 'Accept-Language': 'en' },
      timeoutMs: 0,
      kind: 'jira',
      secrets: secretsOf(this.#config.http),
      accept: ({ text }: { readonly text: string }): SendOutcome => {
        const read = schema?.safeParse(parseJson(text));
        if (read === undefined || read.success) {
          value = read?.data;
          return { kind: 'sent' };
        }
        const message = `the answer is not as expected: ${JSON.stringify(text.slice(0, 500))}`;
        return { kind: 'reject', reason: 'other', message };
      },
    };
    const outcome = await deliver(this.#ports, delivery, signal);
    return outcome.kind === 'sent' ? { value: value as T } : { failed: outcome };
  }
}

/** `jira_configs`. */
export const jiraKind = receiverKind({
  kind: 'jira',
  schema: jiraSchema,
  complete: jiraOf,
  createReceiver: (config, context) => new JiraReceiver(config, httpReceiverPorts(config.http, context)),
});

function prefixed(what: string, { failed }: Failed): SendOutcome {
  return { ...failed, message: `${what}: ${failed.message}` };
}
