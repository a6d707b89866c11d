import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { alertOf, notificationOf } from '../helpers.ts';
import { FIRING, GROUP_HASH, RESOLVED, ReceiverBench, readNotifyConfig } from '../receiver-bench.ts';
import { testFailures } from './failures.ts';
import { JiraServer } from './jira-server.ts';
import { FIRING_MARKDOWN } from '../receiver-texts.ts';

let bench: ReceiverBench;
let jira: JiraServer;
beforeAll(async () => {
  bench = await ReceiverBench.start();
});
beforeEach(() => {
  bench.reset();
  serve(new JiraServer());
});
afterAll(() => bench.stop());

function serve(server: JiraServer): void {
  jira = server;
  bench.server.answer = server.answer;
}

const LABEL = `ALERT{${GROUP_HASH}}`;
const AUTH = 'http_config: {authorization: {credentials: t0ken}}';

function receiver(fields: string, global = ''): string {
  return `global: {${global}}\nreceivers: [{name: team, jira_configs: [{${fields}}]}]`;
}
const OWN = `api_url: URL/rest/api/2, project: ML, issue_type: Bug, ${AUTH}`;
const MOVES = 'resolve_transition: Close, reopen_transition: Reopen, reopen_duration: 90m';
const routes = () => bench.server.requests.map(({ method, path }) => `${method} ${path}`);
const send = (fields: string, alerts = [FIRING]) => bench.send(receiver(fields), notificationOf(alerts));
const DESCRIPTION = `\n\n# Alerts Firing:\n${FIRING_MARKDOWN}\n\n\n`;

describe('jira', () => {
  it('creates an issue when there is none', async () => {
    expect(await send(OWN)).toEqual({ kind: 'sent' });
    expect(routes()).toEqual(['POST /rest/api/2/search', 'POST /rest/api/2/issue']);
    expect(bench.server.json(0)).toEqual({
      fields: ['status'],
      jql: `statusCategory != Done and project="ML" and labels="${LABEL}" order by status ASC,resolutiondate DESC`,
      maxResults: 2,
    });
    expect(bench.server.json(1)).toEqual({
      fields: {
        summary: '[FIRING:1] m1 (HighLatency a:1 page)',
        description: DESCRIPTION,
        issuetype: { name: 'Bug' },
        labels: [LABEL],
        project: { key: 'ML' },
      },
    });
  });

  it('updates the issue that is open, also without any transition', async () => {
    await send(OWN);
    bench.server.requests.length = 0;
    const second = alertOf({ alertname: 'HighLatency', model: 'm1', severity: 'critical', instance: 'c:1' });
    expect(await send(OWN, [FIRING, second])).toEqual({ kind: 'sent' });
    expect(routes()).toEqual(['POST /rest/api/2/search', 'PUT /rest/api/2/issue/ML-1']);
    expect(jira.issues.get('ML-1')!.fields).toMatchObject({
      summary: '[FIRING:2] m1 (HighLatency)',
      priority: { name: 'High' },
      labels: [LABEL],
    });
    expect(jira.issues.size).toBe(1);
  });

  it('leaves summary and description alone when they are not to be updated', async () => {
    const fields = `${OWN}, summary: {template: 's-{{ len .Alerts }}', enable_update: false}, description: {enable_update: false}`;
    await send(fields);
    await send(fields, [FIRING, RESOLVED]);
    expect(Object.keys((bench.server.json(3) as { fields: object }).fields).toSorted()).toEqual([
      'issuetype',
      'labels',
      'project',
    ]);
    expect(jira.issues.get('ML-1')!.fields).toMatchObject({ summary: 's-1', description: DESCRIPTION });
  });

  it('resolves, reopens what was resolved not long ago, and makes a new one after that', async () => {
    const fields = `${OWN}, ${MOVES}`;
    await send(fields);
    await send(fields, [RESOLVED]);
    expect(jira.issues.get('ML-1')).toMatchObject({ done: true });
    expect(routes().slice(2)).toEqual([
      'POST /rest/api/2/search',
      'PUT /rest/api/2/issue/ML-1',
      'GET /rest/api/2/issue/ML-1/transitions',
      'POST /rest/api/2/issue/ML-1/transitions',
    ]);
    expect(bench.server.json(5)).toEqual({ transition: { id: '31' } });
    bench.server.requests.length = 0;
    await send(fields);
    expect(jira.issues.get('ML-1')).toMatchObject({ done: false });
    expect(bench.server.json(3)).toEqual({ transition: { id: '41' } });
    expect(jira.queries.at(-1)).toBe(
      `(resolutiondate is EMPTY OR resolutiondate >= -90m) and project="ML" and labels="${LABEL}" order by status ASC,resolutiondate DESC`,
    );
    // Without a way to reopen, what is done is not found.
    await send(fields, [RESOLVED]);
    await send(OWN);
    expect([...jira.issues.keys()]).toEqual(['ML-1', 'ML-2']);
  });

  it('a resolved group without an issue gets none', async () => {
    expect(await send(`${OWN}, ${MOVES}`, [RESOLVED])).toEqual({ kind: 'sent' });
    expect(routes()).toEqual(['POST /rest/api/2/search']);
    expect(jira.queries[0]).toContain('statusCategory != Done');
  });

  it('leaves an issue where it is without the transition that would move it', async () => {
    await send(OWN);
    expect(await send(`${OWN}, reopen_transition: Reopen`, [RESOLVED])).toEqual({ kind: 'sent' });
    expect(jira.issues.get('ML-1')).toMatchObject({ done: false });
    // Firing and open: there is nothing to reopen.
    await send(`${OWN}, ${MOVES}`);
    expect(routes().some((route) => route.includes('transitions'))).toBe(false);
  });

  it('sends every field, templated; own ones count before the others', async () => {
    bench.files.put('/token', 't0ken');
    await bench.send(
      `receivers:
        - name: team
          jira_configs:
            - api_url: URL/rest/api/2/
              http_config: {authorization: {credentials_file: /token}}
              project: '{{ "ML" }}'
              issue_type: '{{ "Bug" }}'
              summary: 's-{{ .Status }}'
              description: 'd-{{ .Status }}'
              labels: [zeta, 'status-{{ .Status }}', alpha]
              priority: 'p-{{ .Status }}'
              wont_fix_resolution: 'Won''t "Do"'
              fields:
                components: {name: '{{ .Status }}'}
                customfield_1: 'text {{ .Status }}'
                customfield_2: [{value: '{{ .Status }}'}, {'{{ .Status }}': 1}]
                customfield_3: '{{ len .Alerts }}'
                priority: {id: '7'}`,
      notificationOf([FIRING]),
    );
    expect(routes()[1]).toBe('POST /rest/api/2/issue');
    expect(jira.queries[0]).toMatch(
      /^\(resolution is EMPTY or resolution != "Won't \\"Do\\""\) and statusCategory != Done and project="ML" and /,
    );
    expect(bench.server.json(1)).toEqual({
      fields: {
        summary: 's-firing',
        description: 'd-firing',
        issuetype: { name: 'Bug' },
        project: { key: 'ML' },
        labels: [LABEL, 'alpha', 'status-firing', 'zeta'],
        components: { name: 'firing' },
        customfield_1: 'text firing',
        customfield_2: [{ value: 'firing' }, { firing: 1 }],
        customfield_3: 1,
        priority: { id: 7 },
      },
    });
  });

  it.each([
    [['critical', 'info'], [], 'High'],
    [['warning', 'info'], ['critical'], 'Medium'],
    [['info'], [], 'Low'],
    [['page'], ['warning'], 'Medium'],
    [['page'], [], undefined],
  ])('priority of firing %j and resolved %j: %s', async (firing, resolved, name) => {
    const alerts = [
      ...firing.map((severity) => alertOf({ alertname: 'A', severity })),
      ...resolved.map((severity) => alertOf({ alertname: 'B', severity }, { endsAtMs: RESOLVED.endsAtMs })),
    ];
    await send(OWN, alerts);
    expect(jira.issues.get('ML-1')!.fields['priority']).toEqual(name === undefined ? undefined : { name });
  });

  it('texts too long are cut to 255 and 32767 characters', async () => {
    const fields = `${OWN}, summary: "${'é'.repeat(256)}", description: "${'d'.repeat(32_768)}"`;
    expect(await send(fields)).toEqual({ kind: 'sent' });
    expect(jira.issues.get('ML-1')!.fields).toMatchObject({
      summary: `${'é'.repeat(254)}…`,
      description: `${'d'.repeat(32_766)}…`,
    });
    expect(bench.logger.lines.join('\n')).toMatch(/Truncated summary[^]*Truncated description/);
  });

  it('version 3 takes a document as description, and none', async () => {
    const three = OWN.replace('api/2', 'api/3/');
    serve(new JiraServer(3));
    const doc = `description: '{"type": "doc", "version": 1, "content": [{{ len .Alerts }}]} '`;
    expect(await send(`${three}, ${doc}`)).toEqual({ kind: 'sent' });
    expect(jira.issues.get('ML-1')!.fields['description']).toEqual({ type: 'doc', version: 1, content: [1] });
    expect(await send(`${three}, description: ' '`)).toEqual({ kind: 'sent' });
    const wrong = await send(`${three}, description: 'no JSON'`);
    expect(wrong).toMatchObject({ kind: 'reject', reason: 'other' });
    expect(wrong.kind === 'reject' && wrong.message).toContain(
      'description template: invalid JSON for API v3',
    );
  });

  it.each([
    ['cloud, version 2', 'api/2', 'cloud', '/rest/api/3/search/jql'],
    ['cloud, version 3', 'api/3', 'cloud', '/rest/api/3/search/jql'],
    ['data center', 'api/2', 'datacenter', '/rest/api/2/search'],
    ['what it is, of another host', 'api/2', 'auto', '/rest/api/2/search'],
  ])('searches as is right for %s', async (_, version, apiType, path) => {
    await send(`${OWN.replace('api/2', version)}, api_type: ${apiType}`, [RESOLVED]);
    expect(routes()).toEqual([`POST ${path}`]);
  });

  it('finds out that it talks to Jira Cloud', async () => {
    const cloud = 'https://x.atlassian.net';
    serve(new JiraServer(2, '/rest/api/3/search/jql'));
    const yaml = receiver(OWN.replace('URL', cloud));
    expect(await bench.send(yaml, notificationOf([FIRING]), {}, cloud)).toEqual({ kind: 'sent' });
    expect(routes()).toEqual(['POST /rest/api/3/search/jql', 'POST /rest/api/2/issue']);
  });

  it('says when there are several issues and takes the first', async () => {
    await send(OWN);
    jira.issues.set('ML-2', { ...jira.issues.get('ML-1')! });
    await send(OWN);
    expect(routes().at(-1)).toBe('PUT /rest/api/2/issue/ML-1');
    expect(bench.logger.lines.join()).toContain('more than one issue matched');
  });

  it.each([
    [
      'issue',
      400,
      'reject',
      'clientError',
      'failed to POST request to "issue": unexpected status code 400: why',
    ],
    [
      'issue',
      429,
      'retry',
      'rateLimited',
      'failed to POST request to "issue": unexpected status code 429: why',
    ],
    [
      'issue',
      503,
      'retry',
      'serverError',
      'failed to POST request to "issue": unexpected status code 503: why',
    ],
  ])('a %s that is answered %i: %s', async (path, status, kind, reason, message) => {
    bench.server.answer = (request) =>
      request.path.endsWith(path) ? { status, body: 'why' } : jira.answer(request);
    expect(await send(OWN)).toEqual({ kind, reason, message });
  });

  it.each([
    ['GET', 500, 'retry'],
    ['POST', 403, 'reject'],
  ])('a %s of transitions that is answered %i: %s', async (method, status, kind) => {
    await send(OWN);
    bench.server.answer = (request) =>
      request.path.endsWith('transitions') && request.method === method
        ? { status, body: 'why' }
        : jira.answer(request);
    expect(await send(`${OWN}, ${MOVES}`, [RESOLVED])).toMatchObject({
      kind,
      message: `unexpected status code ${status}: why`,
    });
  });

  it('an update that fails names the issue; a transition that is not there is final', async () => {
    await send(OWN);
    bench.server.answer = (request) =>
      request.method === 'PUT' ? { status: 500, body: 'why' } : jira.answer(request);
    expect(await send(OWN)).toMatchObject({
      kind: 'retry',
      message: 'failed to PUT request to "issue/ML-1": unexpected status code 500: why',
    });
    bench.server.answer = jira.answer;
    expect(await send(`${OWN}, resolve_transition: Nowhere`, [RESOLVED])).toEqual({
      kind: 'reject',
      reason: 'other',
      message: "can't find transition Nowhere for issue ML-1",
    });
  });

  it.each(['<html>', '{"issues": [{"key": 1}]}'])('a search that is answered %s is final', async (body) => {
    bench.server.answer = () => ({ body });
    const outcome = await send(OWN);
    expect(outcome).toMatchObject({ kind: 'reject', reason: 'other' });
    expect(outcome.kind === 'reject' && outcome.message).toContain('the answer is not as expected');
  });

  it('a failing template is final', async () => {
    expect(await send(`${OWN}, summary: '{{ .Nope }}'`)).toMatchObject({ kind: 'reject', reason: 'other' });
    expect(await send(OWN.replace('ML', "'{{ .Nope }}'"))).toMatchObject({ kind: 'reject' });
    expect(routes()).toEqual(['POST /rest/api/2/search']);
  });

  testFailures(() => bench, receiver(OWN), {
    secrets: ['t0ken'],
    prefix: 'failed to look up existing issues: HTTP request to JIRA API: ',
  });
});

describe('jira_configs', () => {
  const config = (yaml: string) => {
    const read = readNotifyConfig(yaml);
    return typeof read === 'string' ? read : read.receivers[0]!.integrations[0];
  };

  it('has Alertmanager’s defaults and takes its address from global', () => {
    const fields = 'project: P, issue_type: T';
    const global = 'jira_api_url: http://g/rest/api/2';
    expect(config(receiver(fields, global))).toMatchObject({
      kind: 'jira',
      sendResolved: true,
      config: {
        apiUrl: 'http://g/rest/api/2',
        apiType: 'auto',
        project: 'P',
        issueType: 'T',
        summary: { template: '{{ template "jira.default.summary" . }}', enableUpdate: true },
        description: { template: '{{ template "jira.default.description" . }}', enableUpdate: true },
        labels: [],
        priority: '{{ template "jira.default.priority" . }}',
        reopenTransition: '',
        resolveTransition: '',
        wontFixResolution: '',
        reopenDurationMs: 0,
        fields: {},
      },
    });
    const own = `${fields}, api_url: http://own, summary: {enable_update: false}, reopen_duration: 1d`;
    expect(config(receiver(own, global))).toMatchObject({
      config: {
        apiUrl: 'http://own',
        summary: { template: '{{ template "jira.default.summary" . }}', enableUpdate: false },
        reopenDurationMs: 86_400_000,
      },
    });
  });

  it.each([
    ['no address', receiver('project: P, issue_type: T'), 'no global Jira Cloud URL set'],
    [
      'no project',
      receiver('issue_type: T'),
      '2:41: key "project" is missing in receivers[0].jira_configs[0]',
    ],
    ['an empty project', receiver("project: '', issue_type: T"), 'missing project in jira_config'],
    ['no type', receiver('project: P'), 'key "issue_type" is missing'],
    ['an empty type', receiver("project: P, issue_type: ''"), 'missing issue_type in jira_config'],
    [
      'another api_type',
      receiver('project: P, issue_type: T, api_type: server'),
      '2:79: receivers[0].jira_configs[0].api_type: unknown api_type on jira_config, must be auto, cloud or datacenter',
    ],
    [
      'a key it does not have',
      receiver('project: P, issue_type: T, sumary: s'),
      '2:69: unknown key "sumary"',
    ],
    [
      'a key that a field does not have',
      receiver('project: P, issue_type: T, summary: {tmpl: s}'),
      '2:79: unknown key "tmpl"',
    ],
  ])('refuses %s', (_, yaml, message) => {
    expect(config(yaml)).toContain(message);
  });
});
