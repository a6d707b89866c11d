import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Labels } from '../../src/core/labels.ts';
import type { Alert } from '../../src/alerts/index.ts';
import { freePort, stopProcess, waitFor, waitForReady } from '../support/processes.ts';
import { hasProgram } from '../support/programs.ts';
import { alertOf, notificationOf } from '../unit/notify/helpers.ts';
import { EXTERNAL_URL, ReceiverBench } from '../unit/notify/receiver-bench.ts';
import type { Recorded } from '../unit/notify/servers.ts';

/**
 * Alertmanager and tocsin with the same receivers are told of the same alerts; what they send to the same server is the
 * same, field by field. Only of kinds and keys that Debian's Alertmanager 0.25 has.
 */
const PROGRAM = 'prometheus-alertmanager';

const KINDS = {
  webex: `webex_configs:
      - api_url: URL/webex
        room_id: r1
        http_config: {authorization: {credentials: t0ken}}`,
  wechat: `wechat_configs:
      - {api_url: URL/wechat, api_secret: s3cret, corp_id: 'c {{ .Status }}', to_user: '@all', send_resolved: true, agent_id: '7'}`,
  'wechat markdown': `wechat_configs:
      - {api_url: URL/wechat/, api_secret: s/3&t, corp_id: c, message_type: markdown, to_party: p, to_tag: t}`,
  sns: `sns_configs:
      - api_url: URL
        topic_arn: 'arn:aws:sns:eu-west-1:1:t-{{ .Status }}.fifo'
        subject: 's {{ .Status }}'
        sigv4: {region: eu-west-1, access_key: AKID, secret_key: SECRET}
        attributes: {severity: '{{ .CommonLabels.severity }}'}`,
  'sns by phone': `sns_configs:
      - api_url: URL
        phone_number: '+1'
        message: '${'a'.repeat(1700)}'
        sigv4: {region: eu-west-1, access_key: AKID, secret_key: SECRET}`,
  slack: `slack_configs:
      - {api_url: URL/slack, channel: '#c', fields: [{title: t, value: '{{ .Status }}'}], actions: [{type: button, text: x, url: 'http://y'}]}`,
} as const;

/** What is answered to requests that need a word of their own. */
const ANSWERS: Readonly<Record<string, string>> = {
  '/': '<PublishResponse><PublishResult/></PublishResponse>',
  '/slack': 'ok',
  '/wechat/gettoken?corpid=c+firing&corpsecret=s3cret': '{"access_token": "t0ken"}',
  '/wechat/gettoken?corpid=c&corpsecret=s%2F3%26t': '{"access_token": "t0ken"}',
};

const FIRING = ['a:1', 'b:1'].map((instance) =>
  alertOf(
    { alertname: 'HighLatency', model: 'm1', severity: 'page', instance },
    { annotations: Labels.fromObject({ summary: `p99 <of> "${instance}" & more` }) },
  ),
);

/** What is compared of a request: the signature is checked elsewhere, the program's name is its own. */
function shown({ method, path, headers, body }: Recorded): Record<string, unknown> {
  const type = headers['content-type']?.replace(/; charset=utf-8$/, '');
  return {
    method,
    path,
    authorization: headers.authorization?.replace(/^(AWS4\S+) .*/, '$1'),
    type,
    body: type === 'application/json' ? JSON.parse(body) : Object.fromEntries(new URLSearchParams(body)),
  };
}

const isThere = hasProgram(PROGRAM);

describe.skipIf(!isThere)('receivers with the default templates beside Alertmanager', () => {
  let bench: ReceiverBench;
  const folder = mkdtempSync(join(tmpdir(), 'tocsin-receivers-'));
  beforeAll(async () => {
    bench = await ReceiverBench.start();
  });
  afterAll(async () => {
    await bench.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  test.each(Object.entries(KINDS))('%s', async (name, written) => {
    bench.reset();
    bench.server.answer = ({ path }) => ({ body: ANSWERS[path] ?? '{"ok": true, "result": {}}' });
    const receiver = `receivers:\n  - name: team\n    ${written}\n`;
    const count = name.startsWith('wechat') ? 2 : 1;
    const theirs = await askAlertmanager(receiver.replaceAll('URL', bench.server.url), count);
    bench.server.requests.length = 0;
    const key = { groupKey: '{}:{model="m1"}', receiver: 'team', integration: name, index: 0 };
    expect(await bench.send(receiver, notificationOf(FIRING, { key }))).toEqual({ kind: 'sent' });
    expect(bench.server.requests.map(shown)).toEqual(theirs);
  });

  /** What Alertmanager sends of the alerts. */
  async function askAlertmanager(receiver: string, count: number): Promise<Record<string, unknown>[]> {
    const route = 'route: {receiver: team, group_by: [model], group_wait: 1ms}\n';
    const file = join(folder, 'alertmanager.yml');
    writeFileSync(file, route + receiver);
    const address = `127.0.0.1:${await freePort()}`;
    const child: ChildProcess = spawn(
      PROGRAM,
      [
        `--config.file=${file}`,
        `--storage.path=${join(folder, 'data')}-${address}`,
        `--web.listen-address=${address}`,
        `--web.external-url=${EXTERNAL_URL}`,
        '--web.route-prefix=/',
        '--cluster.listen-address=',
      ],
      { stdio: 'ignore', env: { PATH: process.env['PATH'], AWS_EC2_METADATA_DISABLED: 'true' } },
    );
    try {
      await waitForReady(`http://${address}/-/ready`, child);
      const alerts = FIRING.map(bodyOf);
      const answer = await fetch(`http://${address}/api/v2/alerts`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify(alerts),
      });
      expect(answer.status).toBe(200);
      const { requests } = bench.server;
      await waitFor('a notification', 10_000, () =>
        Promise.resolve(requests.length >= count ? true : undefined),
      );
      return requests.map(shown);
    } finally {
      await stopProcess(child);
    }
  }
});

function bodyOf(alert: Alert): Record<string, unknown> {
  return {
    labels: alert.labels.toObject(),
    annotations: alert.annotations.toObject(),
    generatorURL: alert.generatorUrl,
    startsAt: new Date(Date.now() - 60_000).toISOString(),
  };
}
