import type { Answer, Recorded } from '../servers.ts';

/** An issue as {@link JiraServer} keeps it. */
export interface StoredIssue {
  fields: Record<string, unknown>;
  done: boolean;
}

/** The part of Jira's REST API that notifications use, with its rules; `version` is that of the API. */
export class JiraServer {
  readonly issues = new Map<string, StoredIssue>();
  readonly version: 2 | 3;
  /** Names and IDs of the transitions that issues have. */
  transitions: readonly { readonly id: string; readonly name: string; readonly done: boolean }[] = [
    { id: '11', name: 'Start', done: false },
    { id: '31', name: 'Close', done: true },
    { id: '41', name: 'Reopen', done: false },
  ];
  /** Queries that were asked. */
  readonly queries: string[] = [];
  readonly search: string;

  constructor(version: 2 | 3 = 2, search = `/rest/api/${version}/search`) {
    this.version = version;
    this.search = search;
  }

  answer = (request: Recorded): Answer => {
    if (request.headers.authorization !== 'Bearer t0ken') return refuse(401, 'unauthorized');
    if (request.headers['content-type'] !== 'application/json') return refuse(415, 'not JSON');
    if (request.headers['accept-language'] !== 'en') return refuse(400, 'names in another language');
    const route = `${request.method} ${request.path}`;
    const body = request.body === '' ? {} : (JSON.parse(request.body) as Record<string, unknown>);
    if (route === `POST ${this.search}`) return this.#find(body);
    const base = `/rest/api/${this.version}/issue`;
    if (route === `POST ${base}`) return this.#create(body);
    const key = /\/issue\/([^/]+)/.exec(request.path)?.[1] ?? '';
    const issue = this.issues.get(key);
    if (issue === undefined || !request.path.startsWith(base)) return refuse(404, 'no such issue');
    if (route === `PUT ${base}/${key}`) return this.#update(issue, body);
    if (route === `GET ${base}/${key}/transitions`) {
      return { body: JSON.stringify({ transitions: this.transitions }) };
    }
    if (route === `POST ${base}/${key}/transitions`) return this.#move(issue, body);
    return refuse(405, route);
  };

  /** Issues with the label of the query that are not done, or may be. */
  #find(body: Record<string, unknown>): Answer {
    const jql = String(body['jql']);
    this.queries.push(jql);
    const label = /labels="([^"]+)"/.exec(jql)?.[1];
    const mayBeDone = !jql.includes('statusCategory != Done');
    const issues = [...this.issues]
      .filter(([, { fields, done }]) => {
        const labels = fields['labels'] as readonly string[];
        return labels.includes(label ?? '') && (mayBeDone || !done);
      })
      .slice(0, body['maxResults'] as number)
      .map(([key, { done }]) => ({
        id: '1',
        key,
        fields: { status: { name: 's', statusCategory: { key: done ? 'done' : 'indeterminate' } } },
      }));
    return { body: JSON.stringify({ issues }) };
  }

  #create({ fields }: Record<string, unknown>): Answer {
    const problem = this.#problem(fields as Record<string, unknown>);
    if (problem !== undefined) return refuse(400, problem);
    const key = `ML-${this.issues.size + 1}`;
    this.issues.set(key, { fields: fields as Record<string, unknown>, done: false });
    return { status: 201, body: JSON.stringify({ id: '1', key }) };
  }

  #update(issue: StoredIssue, { fields }: Record<string, unknown>): Answer {
    const merged = { ...issue.fields, ...(fields as Record<string, unknown>) };
    const problem = this.#problem(merged);
    if (problem !== undefined) return refuse(400, problem);
    issue.fields = merged;
    return { status: 204 };
  }

  #move(issue: StoredIssue, { transition }: Record<string, unknown>): Answer {
    const found = this.transitions.find(({ id }) => id === (transition as { id: string }).id);
    if (found === undefined) return refuse(400, 'no such transition');
    issue.done = found.done;
    return { status: 204 };
  }

  #problem(fields: Record<string, unknown>): string | undefined {
    const { summary, description, project, issuetype, labels } = fields;
    if (typeof summary !== 'string' || summary === '') return 'summary: is required';
    if (Array.from(summary).length > 255) return 'summary: must be less than 255 characters';
    if ((project as { key?: string } | undefined)?.key !== 'ML') return 'project: is required';
    if ((issuetype as { name?: string } | undefined)?.name !== 'Bug') return 'issuetype: is required';
    if ((labels as readonly string[]).some((label) => label.includes(' '))) return 'labels: no spaces';
    if (description === undefined) return undefined;
    if (this.version === 3) {
      return (description as { type?: string }).type === 'doc' ? undefined : 'description: not a document';
    }
    if (typeof description !== 'string') return 'description: must be a string';
    return description.length > 32_767 ? 'description: too long' : undefined;
  }
}

function refuse(status: number, why: string): Answer {
  return { status, body: JSON.stringify({ errorMessages: [why], errors: {} }) };
}
