import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { notificationOf } from './helpers.ts';
import { FIRING, GROUP_HASH, RESOLVED, ReceiverBench } from './receiver-bench.ts';
import { ALERTS_URL, FIRING_LIST, SUBJECT_BOTH, SUBJECT_FIRING, SUBJECT_RESOLVED } from './receiver-texts.ts';
import type { RecordingServer } from './servers.ts';

/** Receivers that know a group as one incident: PagerDuty, Opsgenie, VictorOps. */

let bench: ReceiverBench;
let server: RecordingServer;

beforeAll(async () => {
  bench = await ReceiverBench.start();
  ({ server } = bench);
});
beforeEach(() => bench.reset());
afterAll(() => bench.stop());

const FIRING_JSON = {
  status: 'firing',
  labels: { alertname: 'HighLatency', instance: 'a:1', model: 'm1', severity: 'page' },
  annotations: { summary: 'p99 is 2.1 s', value: '2.1' },
  startsAt: '2026-11-23T11:58:29.5Z',
  endsAt: '0001-01-01T00:00:00Z',
  generatorURL: 'http://tocsin.example/graph',
  fingerprint: FIRING.fingerprint,
};

describe('pagerduty v2', () => {
  const pagerduty = (fields: string): string =>
    `receivers: [{name: team, pagerduty_configs: [{routing_key: k3y, url: URL/v2/enqueue, ${fields}}]}]`;

  it('triggers with the defaults, field by field and in order', async () => {
    expect(await bench.send(pagerduty(''), notificationOf([FIRING]))).toEqual({ kind: 'sent' });
    const [request] = server.requests;
    expect(request).toMatchObject({ method: 'POST', path: '/v2/enqueue' });
    expect(request!.headers).toMatchObject({ 'content-type': 'application/json', 'user-agent': 'tocsin' });
    const body = server.json() as Record<string, unknown>;
    expect(Object.keys(body)).toEqual([
      'routing_key',
      'dedup_key',
      'event_action',
      'payload',
      'client',
      'client_url',
    ]);
    expect(body).toEqual({
      routing_key: 'k3y',
      dedup_key: GROUP_HASH,
      event_action: 'trigger',
      payload: {
        summary: SUBJECT_FIRING,
        // The template of `client` itself.
        source: 'Alertmanager',
        severity: 'error',
        custom_details: { firing: [FIRING_JSON], resolved: [], num_firing: 1, num_resolved: 0 },
      },
      client: 'Alertmanager',
      client_url: ALERTS_URL,
    });
  });

  it('an update triggers under the same key; a group of resolved alerts resolves it', async () => {
    await bench.send(pagerduty(''), notificationOf([FIRING, RESOLVED], { reason: 'some alerts resolved' }));
    await bench.send(pagerduty(''), notificationOf([RESOLVED], { reason: 'all alerts resolved' }));
    expect(server.json(0)).toMatchObject({
      event_action: 'trigger',
      dedup_key: GROUP_HASH,
      payload: { summary: SUBJECT_BOTH, custom_details: { num_firing: 1, num_resolved: 1 } },
    });
    expect(server.json(1)).toMatchObject({
      event_action: 'resolve',
      dedup_key: GROUP_HASH,
      payload: { summary: SUBJECT_RESOLVED, custom_details: { firing: [], num_firing: 0, num_resolved: 1 } },
    });
  });

  it('sends every field, templated; images without src and links without href stay out', async () => {
    await bench.send(
      `receivers:
        - name: team
          pagerduty_configs:
            - routing_key: '{{ .GroupLabels.model }}-key'
              url: URL
              client: c
              client_url: 'http://c/{{ .Status }}'
              description: 'd {{ .Status }}'
              severity: '{{ .CommonLabels.severity }}'
              source: s
              class: cls
              component: '{{ .GroupLabels.model }}'
              group: g
              details:
                num_firing: none
                '{{ .Status }}': '{{ .Status }}'
                deep: {list: ['{{ len .Alerts }}', true, 1.5], '{{ .Status }}': {x: '{{ .CommonLabels | toJson }}'}}
              images:
                - {src: 'http://i/{{ .Status }}', alt: a, href: http://h}
                - {src: '{{ .CommonLabels.nothing }}', alt: a}
              links: [{href: 'http://l', text: '{{ .Status }}'}, {text: none}]`,
      notificationOf([FIRING]),
    );
    expect(server.json()).toEqual({
      routing_key: 'm1-key',
      dedup_key: GROUP_HASH,
      event_action: 'trigger',
      payload: {
        summary: 'd firing',
        source: 's',
        severity: 'page',
        class: 'cls',
        component: 'm1',
        group: 'g',
        custom_details: {
          firing: [FIRING_JSON],
          resolved: [],
          num_firing: 'none',
          num_resolved: 0,
          '{{ .Status }}': 'firing',
          deep: { list: [1, true, 1.5], firing: { x: FIRING_JSON.labels } },
        },
      },
      client: 'c',
      client_url: 'http://c/firing',
      images: [{ src: 'http://i/firing', alt: 'a', href: 'http://h' }],
      links: [{ href: 'http://l', text: 'firing' }],
    });
  });

  it('source is the client that is configured', async () => {
    await bench.send(pagerduty('client: "me {{ .Status }}"'), notificationOf([FIRING]));
    expect(server.json()).toMatchObject({ payload: { source: 'me firing' } });
  });

  it('cuts the summary at 1024 code points and says so', async () => {
    await bench.send(pagerduty(`description: "${'😀'.repeat(1025)}"`), notificationOf([FIRING]));
    expect(server.json()).toMatchObject({ payload: { summary: `${'😀'.repeat(1023)}…` } });
    expect(bench.logger.lines).toEqual([
      'Truncated summary receiver="team" integration="pagerduty" group_key="{}/{team=\\"ml\\"}:{model=\\"m1\\"}" max_runes=1024',
    ]);
  });

  it('details that make the event larger than 512000 bytes are replaced by a note', async () => {
    // Of two bytes each: the limit is in bytes.
    await bench.send(pagerduty(`details: {firing: "${'é'.repeat(256_500)}"}`), notificationOf([FIRING]));
    expect(server.json()).toMatchObject({
      payload: {
        summary: SUBJECT_FIRING,
        custom_details: {
          error:
            'Custom details have been removed because the original event exceeds the maximum size of 512KB',
        },
      },
    });
    expect(bench.logger.lines[0]).toMatch(
      /^Truncated Details because message of size 513KB\d+B exceeds limit 512KB /,
    );
    await bench.send(pagerduty(`details: {firing: "${'é'.repeat(255_000)}"}`), notificationOf([FIRING]));
    expect(server.json(1)).toMatchObject({ payload: { custom_details: { num_firing: 1 } } });
  });

  it('a key that comes out empty is refused', async () => {
    const yaml = `receivers: [{name: team, pagerduty_configs: [{routing_key: '{{ "" }}', url: URL}]}]`;
    expect(await bench.send(yaml, notificationOf([FIRING]))).toEqual({
      kind: 'reject',
      reason: 'other',
      message: 'routing key cannot be empty',
    });
    expect(server.requests).toEqual([]);
  });

  it('400 is explained by the answer', async () => {
    server.answer = () => ({
      status: 400,
      body: '{"status":"invalid event","message":"Event object is invalid","errors":["Length of \'routing_key\' is incorrect","b"]}',
    });
    expect(await bench.send(pagerduty(''), notificationOf([FIRING]))).toEqual({
      kind: 'reject',
      reason: 'clientError',
      message: "unexpected status code 400: Event object is invalid: Length of 'routing_key' is incorrect,b",
    });
  });

  it('its own timeout ends the request, which may have arrived', async () => {
    server.answer = () => ({ hang: true });
    expect(await bench.send(pagerduty('timeout: 50ms'), notificationOf([FIRING]))).toEqual({
      kind: 'retry',
      reason: 'contextDeadlineExceeded',
      message: 'configured pagerduty timeout reached (50ms)',
      unknown: true,
    });
  });
});

describe('pagerduty v1', () => {
  const HOST = 'https://events.pagerduty.com';
  const pagerduty = (fields: string): string =>
    `receivers: [{name: team, pagerduty_configs: [{service_key: 's-{{ .GroupLabels.model }}', ${fields}}]}]`;

  it('a service key goes to the generic events API, whatever url says', async () => {
    const yaml = pagerduty('url: URL/not/used, routing_key: not used, severity: not used');
    expect(await bench.send(yaml, notificationOf([FIRING]), {}, HOST)).toEqual({ kind: 'sent' });
    expect(server.requests[0]!.path).toBe('/generic/2010-04-15/create_event.json');
    expect(server.json()).toEqual({
      service_key: 's-m1',
      incident_key: GROUP_HASH,
      event_type: 'trigger',
      description: SUBJECT_FIRING,
      event_action: '',
      payload: null,
      client: 'Alertmanager',
      client_url: ALERTS_URL,
      details: { firing: [FIRING_JSON], resolved: [], num_firing: 1, num_resolved: 0 },
    });
  });

  it('a resolve has no client', async () => {
    await bench.send(pagerduty('details: {a: b}'), notificationOf([RESOLVED]), {}, HOST);
    const body = server.json() as Record<string, unknown>;
    expect(body).toMatchObject({ event_type: 'resolve', incident_key: GROUP_HASH, details: { a: 'b' } });
    expect(body).not.toHaveProperty('client');
    expect(body).not.toHaveProperty('client_url');
  });

  it('cuts the description at 1024 code points and large details', async () => {
    const yaml = pagerduty(`description: "${'x'.repeat(1025)}", details: {firing: "${'a'.repeat(513_000)}"}`);
    await bench.send(yaml, notificationOf([FIRING]), {}, HOST);
    expect(server.json()).toMatchObject({
      description: `${'x'.repeat(1023)}…`,
      details: { error: expect.stringContaining('maximum size of 512KB') as string },
    });
    expect(bench.logger.lines.map((line) => line.split(' ', 2).join(' '))).toEqual([
      'Truncated description',
      'Truncated Details',
    ]);
  });

  it('a key that comes out empty is refused', async () => {
    const yaml = `receivers: [{name: team, pagerduty_configs: [{service_key: '{{ "" }}'}]}]`;
    const outcome = await bench.send(yaml, notificationOf([FIRING]), {}, HOST);
    expect(outcome).toMatchObject({ kind: 'reject', message: 'service key cannot be empty' });
  });
});

describe('opsgenie', () => {
  const opsgenie = (fields: string): string =>
    `receivers: [{name: team, opsgenie_configs: [{api_key: k3y, api_url: URL/base, ${fields}}]}]`;
  const DESCRIPTION = `p99 is 2.1 s 2.1\nAlerts Firing:\n${FIRING_LIST}\n`;

  it('creates an alert with the defaults', async () => {
    expect(await bench.send(opsgenie(''), notificationOf([FIRING]))).toEqual({ kind: 'sent' });
    expect(server.requests).toHaveLength(1);
    expect(server.requests[0]).toMatchObject({
      method: 'POST',
      path: '/base/v2/alerts',
      headers: {
        authorization: 'GenieKey k3y',
        'content-type': 'application/json',
        'user-agent': 'tocsin',
      },
    });
    expect(server.json()).toEqual({
      alias: GROUP_HASH,
      message: SUBJECT_FIRING,
      description: DESCRIPTION,
      details: { alertname: 'HighLatency', instance: 'a:1', model: 'm1', severity: 'page' },
      source: ALERTS_URL,
    });
  });

  it('sends every field, templated', async () => {
    await bench.send(
      `receivers:
        - name: team
          opsgenie_configs:
            - api_key: '{{ .GroupLabels.model }}-key'
              api_url: URL
              message: 'm {{ .Status }}'
              description: 'd {{ .Status }}'
              source: s
              details: {severity: 'was {{ .CommonLabels.severity }}', more: 1}
              entity: e
              actions: ' a1,,a2 '
              tags: '{{ .CommonLabels.severity }},t2'
              note: n
              priority: '{{ if eq .CommonLabels.severity "page" }}P1{{ else }}P3{{ end }}'
              responders:
                - {name: 'team-{{ .GroupLabels.model }}', type: team}
                - {id: i, type: Schedule}
                - {username: u, type: user}
                - {name: 'a,,{{ .GroupLabels.model }}', type: teams}
                - {name: '{{ .CommonLabels.none }}', type: '{{ .CommonLabels.none }}'}
                - {name: e, type: '{{ "escalation" }}'}`,
      notificationOf([FIRING, RESOLVED]),
    );
    expect(server.requests[0]!.headers.authorization).toBe('GenieKey m1-key');
    expect(server.json()).toEqual({
      alias: GROUP_HASH,
      message: 'm firing',
      description: 'd firing',
      details: { alertname: 'HighLatency', model: 'm1', severity: 'was page', more: '1' },
      source: 's',
      responders: [
        { name: 'team-m1', type: 'team' },
        { id: 'i', type: 'Schedule' },
        { username: 'u', type: 'user' },
        { name: 'a', type: 'team' },
        { name: 'm1', type: 'team' },
        { name: 'e', type: 'escalation' },
      ],
      tags: ['page', 't2'],
      note: 'n',
      priority: 'P1',
      entity: 'e',
      actions: ['a1', 'a2'],
    });
  });

  it('closes by alias', async () => {
    await bench.send(opsgenie('source: "from {{ .Status }}"'), notificationOf([RESOLVED]));
    expect(server.requests).toHaveLength(1);
    expect(server.requests[0]).toMatchObject({
      method: 'POST',
      path: `/base/v2/alerts/${GROUP_HASH}/close?identifierType=alias`,
    });
    expect(server.json()).toEqual({ source: 'from resolved' });
  });

  it('update_alerts has message and description put up to date after the create', async () => {
    const yaml = opsgenie('update_alerts: true, message: m, description: d');
    expect(await bench.send(yaml, notificationOf([FIRING]))).toEqual({ kind: 'sent' });
    expect(server.requests.map(({ method, path }) => `${method} ${path}`)).toEqual([
      'POST /base/v2/alerts',
      `PUT /base/v2/alerts/${GROUP_HASH}/message?identifierType=alias`,
      `PUT /base/v2/alerts/${GROUP_HASH}/description?identifierType=alias`,
    ]);
    for (const { headers } of server.requests) expect(headers.authorization).toBe('GenieKey k3y');
    expect(server.json(1)).toEqual({ message: 'm' });
    expect(server.json(2)).toEqual({ description: 'd' });
  });

  it('a request that fails ends the rest', async () => {
    server.answer = (_, index) => ({ status: index === 1 ? 503 : 202 });
    const outcome = await bench.send(opsgenie('update_alerts: true'), notificationOf([FIRING]));
    expect(outcome).toMatchObject({ kind: 'retry', reason: 'serverError' });
    expect(server.requests).toHaveLength(2);
  });

  it('cuts the message at 130 code points and says so', async () => {
    const yaml = opsgenie(`message: "${'😀'.repeat(131)}", update_alerts: true`);
    await bench.send(yaml, notificationOf([FIRING]));
    const message = `${'😀'.repeat(129)}…`;
    expect(server.json(0)).toMatchObject({ message });
    expect(server.json(1)).toEqual({ message });
    expect(bench.logger.lines).toEqual([expect.stringMatching(/^Truncated message .*max_runes=130$/)]);
  });

  it('takes address and key of global', async () => {
    await bench.send(
      'global: {opsgenie_api_url: URL/g/, opsgenie_api_key: glob4l}\nreceivers: [{name: team, opsgenie_configs: [{}]}]',
      notificationOf([FIRING]),
    );
    expect(server.requests[0]).toMatchObject({
      path: '/g/v2/alerts',
      headers: { authorization: 'GenieKey glob4l' },
    });
  });
});

describe('victorops', () => {
  const victorops = (fields: string): string =>
    `receivers: [{name: team, victorops_configs: [{api_key: k3y, api_url: URL/alert, routing_key: r, ${fields}}]}]`;
  const STATE = `p99 is 2.1 s 2.1\nAlerts Firing:\n${FIRING_LIST}\n`;

  it('posts the defaults below key and route', async () => {
    expect(await bench.send(victorops(''), notificationOf([FIRING]))).toEqual({ kind: 'sent' });
    expect(server.requests[0]).toMatchObject({
      method: 'POST',
      path: '/alert/k3y/r',
      headers: { 'content-type': 'application/json' },
    });
    expect(server.json()).toEqual({
      message_type: 'CRITICAL',
      entity_id: GROUP_HASH,
      entity_display_name: SUBJECT_FIRING,
      state_message: STATE,
      monitoring_tool: 'Alertmanager',
    });
  });

  it('sends every field, templated; what has a meaning in addresses is escaped', async () => {
    const outcome = await bench.send(
      `receivers:
        - name: team
          victorops_configs:
            - api_key: 'k/e?y'
              api_url: URL
              routing_key: 'to {{ .GroupLabels.model }}#%'
              message_type: '{{ if eq .CommonLabels.severity "page" }}WARNING{{ end }}'
              state_message: s
              entity_display_name: e
              monitoring_tool: '{{ .Receiver }}'
              custom_fields: {Summary: '{{ .Status }}', n: 1}`,
      notificationOf([FIRING]),
    );
    expect(outcome).toEqual({ kind: 'sent' });
    expect(server.requests[0]!.path).toBe('/k/e%3Fy/to%20m1%23%25');
    expect(server.json()).toEqual({
      message_type: 'WARNING',
      entity_id: GROUP_HASH,
      entity_display_name: 'e',
      state_message: 's',
      monitoring_tool: 'team',
      Summary: 'firing',
      n: '1',
    });
  });

  it.each([
    ['INFO', 'INFO'],
    ['ACKNOWLEDGEMENT', 'CRITICAL'],
    ['RECOVERY', 'CRITICAL'],
    ['info', 'CRITICAL'],
    ['"{{ .CommonLabels.none }}"', 'CRITICAL'],
  ])('message_type %s of a firing group is %s', async (written, sent) => {
    await bench.send(victorops(`message_type: ${written}`), notificationOf([FIRING]));
    expect(server.json()).toMatchObject({ message_type: sent });
  });

  it('a resolved group is a recovery of the same entity', async () => {
    await bench.send(victorops('message_type: INFO'), notificationOf([RESOLVED]));
    expect(server.json()).toMatchObject({ message_type: 'RECOVERY', entity_id: GROUP_HASH });
  });

  it('cuts the state message at 20480 code points and says so', async () => {
    await bench.send(victorops(`state_message: "${'é'.repeat(20_481)}"`), notificationOf([FIRING]));
    expect(server.json()).toMatchObject({ state_message: `${'é'.repeat(20_479)}…` });
    expect(bench.logger.lines).toEqual([
      expect.stringMatching(/^Truncated state_message .*max_runes=20480$/),
    ]);
  });

  it('takes address and key of global', async () => {
    bench.files.put('/global-key', 'glob4l\n');
    await bench.send(
      'global: {victorops_api_url: URL/g, victorops_api_key_file: /global-key}\n' +
        'receivers: [{name: team, victorops_configs: [{routing_key: r}]}]',
      notificationOf([FIRING]),
    );
    expect(server.requests[0]!.path).toBe('/g/glob4l/r');
  });
});
