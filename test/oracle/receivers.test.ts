import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Alert } from '../../src/alerts/index.ts';
import { freePort, stopProcess, waitFor, waitForReady } from '../support/processes.ts';
import { hasProgram } from '../support/programs.ts';
import { notificationOf } from '../unit/notify/helpers.ts';
import { EXTERNAL_URL, FIRING, ReceiverBench } from '../unit/notify/receiver-bench.ts';
import { RecordingServer } from '../unit/notify/servers.ts';
import type { Recorded } from '../unit/notify/servers.ts';

/** What Debian's Alertmanager sends for an alert that fires and ends, request by request; ours must be the same. */

/** Receivers of Alertmanager 0.25 whose defaults have not changed since. `URL` stands for where they go. */
const RECEIVERS = {
  pagerduty:
    '{routing_key: "k-{{ .Status }}", url: URL/pagerduty, details: {firing: f, resolved: "{{ .CommonLabels.instance }}", ' +
    'num_firing: f, num_resolved: r}, images: [{src: "http://i/{{ .Status }}", alt: a}], links: [{href: h, text: t}]}',
  opsgenie:
    '{api_key: "k-{{ .Status }}", api_url: URL/opsgenie, update_alerts: true, tags: "a,,b", note: "{{ .Status }}", ' +
    'responders: [{name: "x,y", type: teams}, {id: i, type: user}], details: {more: "{{ .Status }}"}}',
  victorops:
    '{api_key: "k e?y", api_url: URL/victorops, routing_key: "r#{{ .Status }}", custom_fields: {a: "{{ .Status }}"}}',
  telegram: '{bot_token: "1:T", chat_id: -100, api_url: URL/telegram, disable_notifications: true}',
  discord: '{webhook_url: URL/discord}',
} as const;
type Kind = keyof typeof RECEIVERS;
const KINDS = Object.keys(RECEIVERS) as Kind[];
/** Requests of one notification to all of them: Opsgenie is told in three. */
const REQUESTS_FIRING = KINDS.length + 2;

const ANSWER = { body: '{"ok":true,"result":{"message_id":1,"chat":{"id":1}}}' };

function requestsTo(kind: Kind, requests: readonly Recorded[]): unknown[] {
  return requests
    .filter(({ path }) => path.startsWith(`/${kind}`))
    .map(({ method, path, headers, body }) => ({
      method,
      path,
      type: headers['content-type'],
      authorization: headers.authorization,
      body: JSON.parse(body) as unknown,
    }));
}

describe.skipIf(!hasProgram('prometheus-alertmanager'))('receivers beside Alertmanager', () => {
  let folder: string;
  let theirs: RecordingServer;
  let bench: ReceiverBench;
  let alertmanager: ChildProcess;
  let apiUrl: string;
  const RESOLVED: Alert = { ...FIRING, endsAtMs: FIRING.startsAtMs + 60_000 };

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'tocsin-receivers-'));
    theirs = await RecordingServer.start();
    theirs.answer = () => ANSWER;
    bench = await ReceiverBench.start();
    const lists = KINDS.map((kind) =>
      `    ${kind}_configs: [${RECEIVERS[kind]}]`.replaceAll('URL', theirs.url),
    );
    writeFileSync(
      join(folder, 'alertmanager.yml'),
      `route: {receiver: team, group_by: [model], group_wait: 100ms, group_interval: 1s}\n` +
        `receivers:\n  - name: team\n${lists.join('\n')}\n`,
    );
    const port = await freePort();
    apiUrl = `http://127.0.0.1:${port}`;
    alertmanager = spawn(
      'prometheus-alertmanager',
      [
        `--config.file=${join(folder, 'alertmanager.yml')}`,
        `--storage.path=${folder}`,
        `--web.listen-address=127.0.0.1:${port}`,
        `--web.external-url=${EXTERNAL_URL}`,
        '--cluster.listen-address=',
      ],
      { stdio: 'ignore' },
    );
    await waitForReady(`${apiUrl}/-/ready`, alertmanager);
  });
  afterAll(async () => {
    await stopProcess(alertmanager);
    await bench.stop();
    await theirs.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  async function tellAlertmanager(endsAt: string): Promise<void> {
    const alert = {
      labels: FIRING.labels.toObject(),
      annotations: FIRING.annotations.toObject(),
      startsAt: new Date(FIRING.startsAtMs).toISOString(),
      endsAt,
      generatorURL: FIRING.generatorUrl,
    };
    const response = await fetch(`${apiUrl}/api/v2/alerts`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify([alert]),
    });
    expect(response.status).toBe(200);
  }

  async function waitForRequests(count: number): Promise<void> {
    await waitFor(`${count} requests`, 20_000, async () => theirs.requests.length >= count || undefined);
  }

  async function expectTheSame(alert: Alert): Promise<void> {
    const key = { groupKey: '{}:{model="m1"}', receiver: 'team', integration: 'any', index: 0 };
    for (const kind of KINDS) {
      bench.reset();
      bench.server.answer = () => ANSWER;
      const yaml = `receivers: [{name: team, ${kind}_configs: [${RECEIVERS[kind]}]}]`;
      expect(await bench.send(yaml, notificationOf([alert], { key }))).toEqual({ kind: 'sent' });
      expect(requestsTo(kind, bench.server.requests), kind).toEqual(requestsTo(kind, theirs.requests));
    }
  }

  test('an alert that fires, then its end', async () => {
    await tellAlertmanager('2100-01-01T00:00:00Z');
    await waitForRequests(REQUESTS_FIRING);
    expect(theirs.requests).toHaveLength(REQUESTS_FIRING);
    await expectTheSame(FIRING);
    theirs.requests.length = 0;
    await tellAlertmanager(new Date(RESOLVED.endsAtMs).toISOString());
    await waitForRequests(KINDS.length);
    expect(theirs.requests).toHaveLength(KINDS.length);
    await expectTheSame(RESOLVED);
  });
});
