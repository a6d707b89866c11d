import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Labels } from '../../../../src/core/labels.ts';
import { alertOf, notificationOf } from '../helpers.ts';
import { EXTERNAL_URL, FIRING, RESOLVED, ReceiverBench, readNotifyConfig } from '../receiver-bench.ts';
import type { Answer, Recorded } from '../servers.ts';
import { testFailures } from './failures.ts';
import { BOTH_ALERTS, WEBHOOK_KEYS } from '../receiver-texts.ts';

let bench: ReceiverBench;
beforeAll(async () => {
  bench = await ReceiverBench.start();
});
beforeEach(() => bench.reset());
afterAll(() => bench.stop());

function receiver(fields: string, global = ''): string {
  return `global: {${global}}\nreceivers: [{name: team, incidentio_configs: [{${fields}}]}]`;
}
const OWN = 'url: URL/v2/alert_events/alertmanager/1, alert_source_token: t0ken';
const YAML = receiver(OWN);

/** An alert source: its token, and bodies of up to 512 KiB. */
function incidentio({ method, path, headers, body }: Recorded): Answer {
  if (method !== 'POST' || path !== '/v2/alert_events/alertmanager/1') return { status: 404 };
  if (headers.authorization !== 'Bearer t0ken') {
    return { status: 401, body: '{"message": "unauthorized", "errors": ["bad token", "t0ken"]}' };
  }
  if (Buffer.byteLength(body) > 512 * 1024) return { status: 429, body: '{"message": "too large"}' };
  const { version, alerts } = JSON.parse(body) as { version: string; alerts: unknown[] };
  if (version !== '1' || alerts.length === 0) return { status: 422 };
  return { status: 202, body: '{"status": "success"}' };
}

describe('incidentio', () => {
  it('posts version 1 of the body, field by field and in order', async () => {
    bench.server.answer = incidentio;
    const routeLabels = Labels.fromObject({ team: 'ml' });
    const outcome = await bench.send(YAML, notificationOf([FIRING, RESOLVED], { routeLabels }));
    expect(outcome).toEqual({ kind: 'sent' });
    const body = bench.server.json() as Record<string, unknown>;
    expect(Object.keys(body)).toEqual(WEBHOOK_KEYS);
    expect(body).toEqual({
      receiver: 'team',
      status: 'firing',
      alerts: BOTH_ALERTS,
      notification_reason: 'first notification',
      groupLabels: { model: 'm1' },
      commonLabels: { alertname: 'HighLatency', model: 'm1', severity: 'page' },
      commonAnnotations: { summary: 'p99 is 2.1 s' },
      routeLabels: { team: 'ml' },
      externalURL: EXTERNAL_URL,
      version: '1',
      groupKey: '{}/{team="ml"}:{model="m1"}',
      truncatedAlerts: 0,
    });
  });

  it('URL and token may come from files; a group of resolved alerts is resolved', async () => {
    bench.server.answer = incidentio;
    bench.files.put('/url', `${bench.server.url}/v2/alert_events/alertmanager/1\n`);
    bench.files.put('/token', 't0ken\n');
    const yaml = receiver('url_file: /url, alert_source_token_file: /token');
    expect(await bench.send(yaml, notificationOf([RESOLVED]))).toEqual({ kind: 'sent' });
    expect(bench.server.json()).toMatchObject({ status: 'resolved' });
  });

  it('the token counts before what the global http_config authorizes with, which counts without one', async () => {
    bench.server.answer = incidentio;
    const global = 'http_config: {authorization: {credentials: other}}';
    expect(await bench.send(receiver(OWN, global), notificationOf([FIRING]))).toEqual({ kind: 'sent' });
    const withoutToken = OWN.replace(', alert_source_token: t0ken', '');
    const taken = receiver(withoutToken, global.replace('other', 't0ken'));
    expect(await bench.send(taken, notificationOf([FIRING]))).toEqual({ kind: 'sent' });
  });

  it('max_alerts cuts and says how many, keeping what fires', async () => {
    await bench.send(receiver(`${OWN}, max_alerts: 1`), notificationOf([RESOLVED, FIRING]));
    expect(bench.server.json()).toMatchObject({
      status: 'firing',
      alerts: [{ status: 'firing' }],
      truncatedAlerts: 1,
    });
  });

  it('a body too large keeps one alert and all that is common', async () => {
    bench.server.answer = incidentio;
    const annotations = (i: number) =>
      Labels.fromObject({ team: 'ml', summary: `${i}${'x'.repeat(178_000)}` });
    const alerts = [1, 2, 3].map((i) =>
      alertOf({ alertname: 'A', instance: `i${i}` }, { annotations: annotations(i) }),
    );
    const resolvedFirst = [{ ...RESOLVED, annotations: Labels.fromObject({ team: 'ml' }) }, ...alerts];
    expect(await bench.send(YAML, notificationOf(resolvedFirst))).toEqual({ kind: 'sent' });
    expect(bench.server.json()).toMatchObject({
      status: 'firing',
      alerts: [{ labels: { instance: 'i1' } }],
      commonAnnotations: { team: 'ml' },
      commonLabels: {},
      truncatedAlerts: 3,
    });
    expect(Object.keys((bench.server.json() as { commonAnnotations: object }).commonAnnotations)).toEqual([
      'team',
    ]);
    expect(bench.logger.lines.join()).toContain(
      'Truncated alert content due to incident.io payload size limit',
    );
  });

  it('one that is too large still is sent all the same, and tried again as incident.io asks', async () => {
    bench.server.answer = incidentio;
    const annotations = Labels.fromObject({ summary: 'x'.repeat(600_000) });
    const outcome = await bench.send(YAML, notificationOf([alertOf({ alertname: 'A' }, { annotations })]));
    expect(outcome).toMatchObject({ kind: 'retry', reason: 'rateLimited' });
    expect(bench.logger.lines.join()).toContain('but still exceeds limit');
  });

  it('errors show the reasons of the answer, without the token', async () => {
    bench.server.answer = () => ({
      status: 401,
      body: '{"message": "m", "error": "e", "errors": ["a", "t0ken"]}',
    });
    expect(await bench.send(YAML, notificationOf([FIRING]))).toEqual({
      kind: 'reject',
      reason: 'authError',
      message: 'unexpected status code 401: m: e: a, <secret>',
    });
  });

  it('its own timeout ends the request, which may have arrived', async () => {
    bench.server.answer = () => ({ hang: true });
    expect(await bench.send(receiver(`${OWN}, timeout: 50ms`), notificationOf([FIRING]))).toEqual({
      kind: 'retry',
      reason: 'contextDeadlineExceeded',
      message: 'configured incident.io timeout reached (50ms)',
      unknown: true,
    });
  });

  it('files that are missing are tried again', async () => {
    for (const fields of ['url_file: /none', `${OWN.replace('token: t0ken', 'token_file: /none')}`]) {
      expect(await bench.send(receiver(fields), notificationOf([FIRING]))).toMatchObject({ kind: 'retry' });
    }
    expect(bench.server.requests).toEqual([]);
  });

  testFailures(() => bench, YAML, { secrets: ['t0ken'], detail: '' });
});

describe('incidentio_configs', () => {
  const config = (yaml: string) => {
    const read = readNotifyConfig(yaml);
    return typeof read === 'string' ? read : read.receivers[0]!.integrations[0];
  };

  it('has Alertmanager’s defaults', () => {
    const read = config(receiver('url: http://a, alert_source_token: t'));
    expect(read).toMatchObject({
      kind: 'incidentio',
      sendResolved: true,
      config: { url: { value: 'http://a' }, maxAlerts: 0, timeoutMs: 0 },
    });
    expect(JSON.stringify(read)).toContain('"alertSourceToken":{"value":"<secret>"}');
  });

  it.each([
    ['no URL', receiver('alert_source_token: t'), 'one of url or url_file must be configured'],
    ['two URLs', receiver('url: http://a, url_file: /b'), 'at most one of url & url_file must be configured'],
    [
      'two tokens',
      receiver('url: http://a, alert_source_token: t, alert_source_token_file: /t'),
      'at most one of alert_source_token & alert_source_token_file must be configured',
    ],
    [
      'token and authorization',
      receiver('url: http://a, alert_source_token: t, http_config: {authorization: {credentials: c}}'),
      'cannot specify alert_source_token or alert_source_token_file when using http_config.authorization',
    ],
    [
      'an own http_config that does not authorize',
      receiver('url: http://a, http_config: {enable_http2: false}'),
      '2:47: receivers[0].incidentio_configs[0]: at least one of alert_source_token, alert_source_token_file or http_config.authorization must be configured',
    ],
    ['a timeout in days', receiver('url: http://a, timeout: 1d'), 'not a valid duration: "1d"'],
    ['a key it does not have', receiver('url: http://a, tokn: t'), '2:63: unknown key "tokn"'],
  ])('refuses %s', (_, yaml, message) => {
    expect(config(yaml)).toContain(message);
  });
});
