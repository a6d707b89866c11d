import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { MemoryFileSystem } from '../../../src/core/testing/memory-file-system.ts';
import { Labels } from '../../../src/core/labels.ts';
import { notificationOf } from './helpers.ts';
import { EXTERNAL_URL, FIRING, RESOLVED, ReceiverBench } from './receiver-bench.ts';
import { RecordingServer } from './servers.ts';
import { BOTH_ALERTS, WEBHOOK_KEYS } from './receiver-texts.ts';

let bench: ReceiverBench;
let server: RecordingServer;
let files: MemoryFileSystem;

beforeAll(async () => {
  bench = await ReceiverBench.start();
  ({ server, files } = bench);
});
beforeEach(() => bench.reset());
afterAll(() => bench.stop());

const send: ReceiverBench['send'] = (...args) => bench.send(...args);

describe('webhook', () => {
  const WEBHOOK = 'receivers: [{name: team, webhook_configs: [{url: "URL/hook?token=s3cret"}]}]';

  it('posts version 4 of the body, field by field and in order', async () => {
    const outcome = await send(WEBHOOK, notificationOf([FIRING, RESOLVED], { reason: 'new alerts added' }));
    expect(outcome).toEqual({ kind: 'sent' });
    const [request] = server.requests;
    expect(request).toMatchObject({ method: 'POST', path: '/hook?token=s3cret' });
    expect(request!.headers).toMatchObject({ 'content-type': 'application/json', 'user-agent': 'tocsin' });
    const body = server.json() as Record<string, unknown>;
    expect(Object.keys(body)).toEqual(WEBHOOK_KEYS);
    expect(body).toEqual({
      receiver: 'team',
      status: 'firing',
      alerts: BOTH_ALERTS,
      notification_reason: 'new alerts added',
      groupLabels: { model: 'm1' },
      commonLabels: { alertname: 'HighLatency', model: 'm1', severity: 'page' },
      commonAnnotations: { summary: 'p99 is 2.1 s' },
      routeLabels: {},
      externalURL: EXTERNAL_URL,
      version: '4',
      groupKey: '{}/{team="ml"}:{model="m1"}',
      truncatedAlerts: 0,
    });
  });

  it('a group of resolved alerts is resolved', async () => {
    await send(WEBHOOK, notificationOf([RESOLVED]));
    expect(server.json()).toMatchObject({ status: 'resolved' });
  });

  it('max_alerts cuts and says how many, keeping what fires', async () => {
    await send(
      'receivers: [{name: team, webhook_configs: [{url: URL, max_alerts: 1}]}]',
      notificationOf([RESOLVED, FIRING]),
    );
    const body = server.json() as { alerts: { status: string }[]; truncatedAlerts: number };
    expect(body.alerts.map(({ status }) => status)).toEqual(['firing']);
    expect(body.truncatedAlerts).toBe(1);
  });

  it('the URL is a template and may come from a file that is read each time', async () => {
    files.put('/secrets/url', `${server.url}/{{ .GroupLabels.model }}\n`);
    const yaml = 'receivers: [{name: team, webhook_configs: [{url_file: /secrets/url}]}]';
    await send(yaml, notificationOf([FIRING]));
    files.put('/secrets/url', `${server.url}/other`);
    await send(yaml, notificationOf([FIRING]));
    expect(server.requests.map(({ path }) => path)).toEqual(['/m1', '/other']);
  });

  it('a url_file that is missing is tried again', async () => {
    const yaml = 'receivers: [{name: team, webhook_configs: [{url_file: /secrets/none}]}]';
    expect(await send(yaml, notificationOf([FIRING]))).toMatchObject({ kind: 'retry' });
  });

  it('a payload of own making: templates in keys and values, read again as YAML', async () => {
    await send(
      `receivers:
        - name: team
          webhook_configs:
            - url: URL
              payload:
                text: "{{ .Status }} for {{ .GroupLabels.model }}"
                count: "{{ len .Alerts }}"
                "{{ .Status }}": [a, 1, true, "{{ .CommonLabels.severity }}"]
                labels: "{{ toJson .CommonLabels }}"`,
      notificationOf([FIRING]),
    );
    expect(server.json()).toEqual({
      text: 'firing for m1',
      count: 1,
      firing: ['a', 1, true, 'page'],
      labels: { alertname: 'HighLatency', instance: 'a:1', model: 'm1', severity: 'page' },
    });
  });

  it('the HTTP client block is used: basic auth and own headers', async () => {
    await send(
      `receivers:
        - name: team
          webhook_configs:
            - url: URL
              http_config: {basic_auth: {username: u, password: p}, http_headers: {X-Team: {values: [ml]}}}`,
      notificationOf([FIRING]),
    );
    expect(server.requests[0]!.headers).toMatchObject({
      authorization: `Basic ${Buffer.from('u:p').toString('base64')}`,
      'x-team': 'ml',
    });
  });

  it.each([
    [200, 'sent', undefined],
    [204, 'sent', undefined],
    [301, 'reject', 'other'],
    [400, 'reject', 'clientError'],
    [401, 'reject', 'authError'],
    [403, 'reject', 'authError'],
    [404, 'reject', 'clientError'],
    [429, 'retry', 'rateLimited'],
    [500, 'retry', 'serverError'],
    [503, 'retry', 'serverError'],
    [599, 'retry', 'serverError'],
  ])('status %i: %s %s', async (status, kind, reason) => {
    server.answer = () => ({ status, body: 'why' });
    const outcome = await send(WEBHOOK, notificationOf([FIRING]));
    expect(outcome.kind).toBe(kind);
    if (outcome.kind === 'sent') return;
    expect(outcome.reason).toBe(reason);
    expect(outcome.message).toBe(`unexpected status code ${status}: why`);
    expect(outcome).not.toHaveProperty('unknown');
  });

  it.each([
    ['7', 7000],
    ['1.5', 1500],
    [new Date(Date.now() + 3_600_000).toUTCString(), 3_600_000],
    ['soon', undefined],
  ])('Retry-After: %s', async (header, afterMs) => {
    server.answer = () => ({ status: 429, headers: { 'Retry-After': header } });
    const outcome = await send(WEBHOOK, notificationOf([FIRING]));
    if (outcome.kind !== 'retry') throw new Error('must be a retry');
    if (afterMs === undefined) expect(outcome).not.toHaveProperty('afterMs');
    else expect(Math.abs(outcome.afterMs! - afterMs)).toBeLessThan(2000);
  });

  it('its own timeout ends the request, which may have arrived', async () => {
    server.answer = () => ({ hang: true });
    const yaml = 'receivers: [{name: team, webhook_configs: [{url: URL, timeout: 50ms}]}]';
    expect(await send(yaml, notificationOf([FIRING]))).toEqual({
      kind: 'retry',
      reason: 'contextDeadlineExceeded',
      message: 'configured webhook timeout reached (50ms)',
      unknown: true,
    });
  });

  it('a refused connection cannot have arrived', async () => {
    const gone = await RecordingServer.start();
    const url = gone.url;
    await gone.stop();
    const yaml = `receivers: [{name: team, webhook_configs: [{url: "${url}/s3cret"}]}]`;
    const outcome = await send(yaml, notificationOf([FIRING]));
    expect(outcome).toMatchObject({ kind: 'retry', unknown: false });
    expect(JSON.stringify(outcome)).not.toContain('s3cret');
  });

  it.each([
    ['not a URL after templating', `'{{ "nowhere s3cret" }}'`, 'the webhook URL is not an http or https URL'],
    [
      'of another scheme after templating',
      `'{{ "file:///s3cret" }}'`,
      'the webhook URL is not an http or https URL',
    ],
    ['empty after templating', '"{{ if false }}s3cret{{ end }}"', 'webhook URL is empty after templating'],
  ])('%s is refused without showing it', async (_, url, message) => {
    const yaml = `receivers: [{name: team, webhook_configs: [{url: ${url}}]}]`;
    expect(await send(yaml, notificationOf([FIRING]))).toEqual({ kind: 'reject', reason: 'other', message });
  });

  it('a failing template is final and does not show the URL', async () => {
    const yaml = 'receivers: [{name: team, webhook_configs: [{url: "URL/s3cret{{ .Nope }}"}]}]';
    const outcome = await send(yaml, notificationOf([FIRING]));
    expect(outcome).toMatchObject({ kind: 'reject' });
    expect(JSON.stringify(outcome)).not.toContain('s3cret');
  });

  it('secrets that a server echoes do not show', async () => {
    server.answer = ({ path, headers }) => ({
      status: 500,
      body: `bad ${path} ${String(headers.authorization)} pa55`,
    });
    const outcome = await send(
      `receivers: [{name: team, webhook_configs: [{url: "URL/s3cret-path", http_config: {authorization: {credentials: tok3n}}}]}]`,
      notificationOf([FIRING]),
    );
    expect(JSON.stringify(outcome)).not.toContain('tok3n');
  });

  it('route labels are rendered over the group and may use each other', async () => {
    const routeLabels = Labels.fromObject({
      team: 'ml-{{ .GroupLabels.model }}',
      channel: '#{{ routeLabels "team" }}',
    });
    await send(WEBHOOK, notificationOf([FIRING], { routeLabels }));
    expect(server.json()).toMatchObject({ routeLabels: { team: 'ml-m1', channel: '#ml-m1' } });
    const cycle = Labels.fromObject({ a: '{{ routeLabels "b" }}', b: '{{ routeLabels "a" }}' });
    const outcome = await send(WEBHOOK, notificationOf([FIRING], { routeLabels: cycle }));
    expect(outcome.kind === 'reject' && outcome.message).toContain('route label cycle detected: a -> b -> a');
  });
});

describe('slack', () => {
  const OK = { body: 'ok' };

  it('posts the default attachment to a webhook', async () => {
    server.answer = () => OK;
    const yaml = 'receivers: [{name: team, slack_configs: [{api_url: URL/services/T, channel: "#ml"}]}]';
    expect(await send(yaml, notificationOf([FIRING, RESOLVED]))).toEqual({ kind: 'sent' });
    expect(server.requests[0]!.path).toBe('/services/T');
    const subject = '[FIRING:1] m1 (HighLatency page)';
    const link = `${EXTERNAL_URL}/#/alerts?receiver=team`;
    expect(server.json()).toEqual({
      channel: '#ml',
      username: 'Alertmanager',
      attachments: [
        {
          title: subject,
          title_link: link,
          text: '',
          fallback: `${subject} | ${link}`,
          callback_id: '',
          footer: '',
          color: 'danger',
          mrkdwn_in: ['fallback', 'pretext', 'text'],
        },
      ],
    });
  });

  it('sends every field, templated', async () => {
    server.answer = () => OK;
    await send(
      `receivers:
        - name: team
          slack_configs:
            - api_url: URL
              channel: '#{{ .GroupLabels.model }}'
              username: u
              color: '{{ if eq .Status "firing" }}#f00{{ end }}'
              title: t
              title_link: http://t
              pretext: p
              text: 'text {{ .Status }}'
              message_text: m
              fields: [{title: f, value: '{{ .Status }}'}, {title: g, value: v, short: false}]
              short_fields: true
              footer: foot
              fallback: fall
              callback_id: cb
              icon_emoji: ':bell:'
              icon_url: http://icon
              image_url: http://image
              thumb_url: http://thumb
              link_names: true
              mrkdwn_in: [text]
              actions:
                - {type: button, text: Runbook, url: 'http://run/{{ .Status }}', name: dropped, value: dropped}
                - {type: button, text: Ack, name: ack, value: 1, style: danger, confirm: {text: sure, ok_text: yes}}`,
      notificationOf([FIRING]),
    );
    expect(server.json()).toEqual({
      channel: '#m1',
      username: 'u',
      icon_emoji: ':bell:',
      icon_url: 'http://icon',
      link_names: true,
      text: 'm',
      attachments: [
        {
          title: 't',
          title_link: 'http://t',
          pretext: 'p',
          text: 'text firing',
          fallback: 'fall',
          callback_id: 'cb',
          fields: [
            { title: 'f', value: 'firing', short: true },
            { title: 'g', value: 'v', short: false },
          ],
          actions: [
            { type: 'button', text: 'Runbook', url: 'http://run/firing' },
            {
              type: 'button',
              text: 'Ack',
              name: 'ack',
              value: '1',
              style: 'danger',
              confirm: { text: 'sure', ok_text: 'yes' },
            },
          ],
          image_url: 'http://image',
          thumb_url: 'http://thumb',
          footer: 'foot',
          color: '#f00',
          mrkdwn_in: ['text'],
        },
      ],
    });
  });

  it('cuts the title at 1024 code points', async () => {
    server.answer = () => OK;
    const yaml = `receivers: [{name: team, slack_configs: [{api_url: URL, title: "${'😀'.repeat(1025)}"}]}]`;
    await send(yaml, notificationOf([FIRING]));
    const body = server.json() as { attachments: { title: string }[] };
    expect(body.attachments[0]!.title).toBe(`${'😀'.repeat(1023)}…`);
  });

  it('an app token goes to app_url as a bearer', async () => {
    server.answer = () => ({ headers: { 'Content-Type': 'application/json' }, body: '{"ok":true}' });
    files.put('/secrets/token', 'xoxb-1\n');
    const yaml =
      'receivers: [{name: team, slack_configs: [{app_token_file: /secrets/token, app_url: URL/api/chat.postMessage}]}]';
    expect(await send(yaml, notificationOf([FIRING]))).toEqual({ kind: 'sent' });
    expect(server.requests[0]).toMatchObject({
      path: '/api/chat.postMessage',
      headers: { authorization: 'Bearer xoxb-1' },
    });
  });

  it.each([
    [
      'ok:false',
      'application/json; charset=utf-8',
      '{"ok":false,"error":"channel_not_found"}',
      'reject',
      'error response from Slack: channel_not_found',
    ],
    [
      'a rate limit inside 200',
      'application/json',
      '{"ok":false,"error":"ratelimited"}',
      'retry',
      'error response from Slack: ratelimited',
    ],
    ['no JSON after all', 'application/json', 'oops', 'retry', 'could not unmarshal JSON response "oops"'],
    [
      'JSON that is no object',
      'application/json',
      'null',
      'reject',
      'error response from Slack: no reason given',
    ],
    [
      'a text that is not ok',
      'text/html',
      'invalid_payload',
      'reject',
      'received an error response from Slack: invalid_payload',
    ],
  ])('%s is a failure', async (_, type, body, kind, message) => {
    server.answer = () => ({ headers: { 'Content-Type': type }, body });
    const yaml = 'receivers: [{name: team, slack_configs: [{api_url: URL, channel: c}]}]';
    const outcome = await send(yaml, notificationOf([FIRING]));
    expect(outcome).toMatchObject({ kind, message: `channel "c": ${message}` });
  });

  it('429 is tried again when Slack says so', async () => {
    server.answer = () => ({ status: 429, headers: { 'Retry-After': '30' } });
    const yaml = 'receivers: [{name: team, slack_configs: [{api_url: URL}]}]';
    expect(await send(yaml, notificationOf([FIRING]))).toMatchObject({ kind: 'retry', afterMs: 30_000 });
  });

  it('the token never shows', async () => {
    server.answer = ({ headers }) => ({ status: 403, body: `bad token ${String(headers.authorization)}` });
    const yaml = 'receivers: [{name: team, slack_configs: [{app_token: xoxb-s3cret, app_url: URL}]}]';
    const outcome = await send(yaml, notificationOf([FIRING]));
    expect(outcome).toMatchObject({ kind: 'reject', reason: 'authError' });
    expect(JSON.stringify(outcome)).not.toContain('xoxb-s3cret');
  });

  it("users' templates take the place of the default ones", async () => {
    server.answer = () => OK;
    const yaml = 'receivers: [{name: team, slack_configs: [{api_url: URL}]}]';
    const templates = '{{ define "slack.default.title" }}own {{ .Status | toUpper }}{{ end }}';
    await send(yaml, notificationOf([FIRING]), { templates });
    expect(server.json()).toMatchObject({ attachments: [{ title: 'own FIRING' }] });
  });
});
