import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SeededRandom } from '../../src/core/seeded-random.ts';
import { type TestServer, serveHttp } from '../support/http-server.ts';
import { waitFor } from '../support/processes.ts';
import { TocsinProcess, getData, getJson, postJson } from '../support/tocsin.ts';
import { type Told, WebhookRecorder } from '../support/webhook-recorder.ts';

const KILLS = process.env['TOCSIN_SOAK'] === '1' ? 20 : 8;
const SEED = Number(process.env['TOCSIN_CRASH_SEED'] ?? 1);
/** Models whose alerts come and go, each with its own rhythm. */
const SWINGING = 6;
/** What was on disk when a program is killed lags behind what it shows by no more than this. */
const WAL_LAG_MS = 2000;

/** Fires for each server of the demo, and for each model that the test lets swing. */
const RULES = `groups:
  - name: crash
    rules:
      - alert: Steady
        expr: up{job="servers"} == 1
      - alert: Swinging
        expr: swinging > 0
        labels: { severity: warning }
`;

function configText(servers: readonly string[], swings: string, webhook: string): string {
  return `global: { scrape_interval: 500ms, evaluation_interval: 500ms }
rule_files: [rules.yml]
scrape_configs:
  - job_name: servers
    honor_labels: true
    static_configs: [{ targets: ${JSON.stringify(servers)} }]
  - job_name: swings
    static_configs: [{ targets: [${JSON.stringify(swings)}] }]
alertmanager:
  # Alerts of which a restarted tocsin hears nothing more fire on for so long.
  global: { resolve_timeout: 4s }
  route: { receiver: both, group_by: [...], group_wait: 100ms, group_interval: 500ms, repeat_interval: 1h }
  receivers:
    - name: both
      webhook_configs: [{ url: ${JSON.stringify(webhook)} }]
      console_configs: [{ send_resolved: true }]
`;
}

interface Series {
  readonly metric: Readonly<Record<string, string>>;
  readonly values: readonly (readonly [seconds: number, value: string])[];
}

interface ShownAlert {
  readonly fingerprint: string;
  readonly startsAt: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** Everything that was seen before a kill and must be there after it. */
interface Seen {
  readonly samples: ReadonlyMap<string, string>;
  readonly alerts: ReadonlyMap<string, ShownAlert>;
}

const SELECTOR = '{__name__=~"up|swinging|ALERTS|model_predictions_total|vllm:request_success_total"}';

/** Samples up to a time, by series and timestamp. */
async function readSamples(base: string, untilMs: number): Promise<Map<string, string>> {
  const query = encodeURIComponent(`${SELECTOR}[10m]`);
  const { result } = await getData<{ result: Series[] }>(`${base}/api/v1/query?query=${query}`);
  const samples = new Map<string, string>();
  for (const { metric, values } of result) {
    const series = JSON.stringify(metric);
    for (const [seconds, value] of values) {
      if (seconds * 1000 <= untilMs) samples.set(`${series} ${seconds}`, value);
    }
  }
  return samples;
}

async function readAlerts(base: string): Promise<Map<string, ShownAlert>> {
  const alerts = await getJson<ShownAlert[]>(`${base}/api/v2/alerts`);
  return new Map(alerts.map((alert) => [alert.fingerprint, alert]));
}

/** What a notification says, such that saying it twice is a repetition. */
function statement({ groupKey, alerts }: Told): string {
  const parts = alerts.map(({ fingerprint, status, startsAt, endsAt }) =>
    status === 'firing' ? [fingerprint, status, startsAt] : [fingerprint, status, startsAt, endsAt],
  );
  return JSON.stringify([groupKey, parts]);
}

/** How often each text comes beyond the first time. */
function repetitions(texts: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const text of texts) counts.set(text, (counts.get(text) ?? -1) + 1);
  return new Map([...counts].filter(([, count]) => count > 0));
}

interface OutboxRow {
  readonly group_key: string;
  readonly integration: string;
  readonly state: string;
  readonly attempts: number;
  readonly is_ambiguous: number;
}

describe(`killed ${KILLS} times at moments of seed ${SEED}`, () => {
  const folder = mkdtempSync(join(tmpdir(), 'tocsin-crash-'));
  const random = new SeededRandom(SEED);
  const delays = random.fork();
  const recorder = new WebhookRecorder(() => delays.next() * 80);
  const silences: string[] = [];
  /** What every run printed on stdout. */
  const printed: string[] = [];
  let servers: TocsinProcess;
  let swings: TestServer;
  let tocsin: TocsinProcess;
  let base = '';
  let isCalm = false;

  /** Steps of the swinging gauges: each changes sign every one to three seconds. */
  function swingingAt(index: number, nowMs: number): number {
    if (isCalm) return index % 2;
    return Math.floor(nowMs / (1000 + index * 400)) % 2;
  }

  async function start(): Promise<void> {
    tocsin = new TocsinProcess(
      [
        'serve',
        '--config.file=tocsin.yml',
        '--storage.tsdb.path=data',
        '--web.listen-address=127.0.0.1:0',
        '--rules.alert.resend-delay=2s',
        '--log.level=info',
      ],
      { folder },
    );
    base = await tocsin.ready();
  }

  beforeAll(async () => {
    servers = new TocsinProcess(['demo', '--servers-only'], { folder });
    const addresses = await waitFor('five simulated servers', 20_000, () => {
      const found = [...servers.stdout.matchAll(/http:\/\/(\S+)\/metrics/g)].map((match) => match[1]!);
      return Promise.resolve(found.length === 5 ? found : undefined);
    });
    swings = await serveHttp((_request, response) => {
      const nowMs = Date.now();
      const lines = Array.from(
        { length: SWINGING },
        (_, i) => `swinging{model="m${i}"} ${swingingAt(i, nowMs)}\n`,
      );
      response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4' }).end(lines.join(''));
    });
    writeFileSync(join(folder, 'rules.yml'), RULES);
    writeFileSync(join(folder, 'tocsin.yml'), configText(addresses, swings.address, await recorder.start()));
    await start();
  });

  afterAll(async () => {
    await tocsin?.stop();
    await servers?.stop();
    await swings?.close();
    await recorder.close();
    rmSync(folder, { recursive: true, force: true });
  });

  async function createSilence(): Promise<void> {
    const response = await postJson(`${base}/api/v2/silences`, {
      matchers: [{ name: 'model', value: `nobody-${silences.length}`, isRegex: false }],
      startsAt: new Date().toISOString(),
      endsAt: new Date(Date.now() + 3_600_000).toISOString(),
      createdBy: 'test',
      comment: 'must outlive kills',
    });
    expect(response.status).toBe(200);
    silences.push(((await response.json()) as { silenceID: string }).silenceID);
  }

  /**
   * Kills at a random moment: one time in three right after an answer that promised something, one time in three while a
   * notification is on its way.
   */
  async function killSometime(): Promise<Seen> {
    await sleep(300 + random.next() * 2200);
    const samples = await readSamples(base, Date.now() - WAL_LAG_MS);
    const alerts = await readAlerts(base);
    await createSilence();
    const moment = random.next() * 3;
    if (moment < 1) await sleep(random.next() * 500);
    else if (moment < 2) await recorder.nextArrival();
    await tocsin.kill();
    printed.push(tocsin.stdout);
    return { samples, alerts };
  }

  async function expectKept({ samples, alerts }: Seen): Promise<void> {
    const nowThere = await readSamples(base, Infinity);
    const lost = [...samples].filter(([sample, value]) => nowThere.get(sample) !== value);
    expect(lost).toEqual([]);
    const there = await getJson<{ id: string; status: { state: string } }[]>(`${base}/api/v2/silences`);
    expect(there.filter(({ status }) => status.state === 'active').map(({ id }) => id)).toEqual(
      expect.arrayContaining(silences),
    );
    const alertsNow = await readAlerts(base);
    for (const [fingerprint, alert] of alerts) {
      // The others may have been over before the kill.
      if (alert.labels['alertname'] !== 'Steady') continue;
      expect(alertsNow.get(fingerprint)).toMatchObject({ startsAt: alert.startsAt, labels: alert.labels });
    }
  }

  test('the receiver is told of every server before the first kill', async () => {
    await waitFor('notifications of all five', 20_000, () => {
      const steady = recorder.told
        .flatMap(({ alerts }) => alerts)
        .filter(({ labels }) => labels['alertname'] === 'Steady');
      return Promise.resolve(steady.length >= 5 ? true : undefined);
    });
    expect((await readSamples(base, Infinity)).size).toBeGreaterThan(20);
  });

  test.each(Array.from({ length: KILLS }, (_, i) => i + 1))(
    'after kill %i every old sample, silence and alert is there',
    async (i) => {
      const seen = await killSometime();
      expect(seen.alerts.size).toBeGreaterThanOrEqual(5);
      if (i > 1) expect(seen.samples.size).toBeGreaterThan(50);
      await start();
      await expectKept(seen);
    },
  );

  test('in the end the receiver believes to fire what fires', async () => {
    isCalm = true;
    const firing = (): Promise<string[]> => readAlerts(base).then((alerts) => [...alerts.keys()].sort());
    const believed = (): string[] =>
      [...recorder.lastStatuses()]
        .filter(([, status]) => status === 'firing')
        .map(([fingerprint]) => fingerprint)
        .sort();
    await waitFor('calm at the source', 20_000, async () =>
      (await firing()).length === 5 + SWINGING / 2 ? true : undefined,
    );
    // Beyond that the receiver may be one flush of each group behind.
    const agreed = waitFor('the receiver to know it', 10_000, async () =>
      believed().join() === (await firing()).join() ? true : undefined,
    );
    await agreed.catch(() => undefined);
    expect(believed()).toEqual(await firing());
  });

  test('a notification was doubled only where an outbox row says that it may have been', async () => {
    await tocsin.stop();
    printed.push(tocsin.stdout);
    const database = new DatabaseSync(join(folder, 'data', 'tocsin', 'state.db'), { readOnly: true });
    const rows = database.prepare('SELECT * FROM outbox').all() as unknown as OutboxRow[];
    database.close();
    const ambiguous = rows.filter((row) => row.integration === 'webhook' && row.is_ambiguous === 1);
    const doubled = repetitions(recorder.told.map(statement));
    for (const [text, times] of doubled) {
      const [groupKey] = JSON.parse(text) as [string];
      const mayBe = ambiguous.filter((row) => row.group_key === groupKey).length;
      expect(times, text).toBeLessThanOrEqual(mayBe);
    }
    // Every request that was begun is on record, and none was made beside the record.
    const attempts = rows
      .filter((row) => row.integration === 'webhook')
      .reduce((sum, row) => sum + row.attempts, 0);
    expect(recorder.told.length).toBeLessThanOrEqual(attempts);
    expect(rows.filter((row) => row.state === 'failed')).toEqual([]);
    if (process.env['TOCSIN_SOAK'] === '1') {
      console.log(
        `${recorder.told.length} notifications, ${doubled.size} of them twice, ${ambiguous.length} ambiguous rows`,
      );
    }
  });

  test('what the console printed twice is marked', () => {
    const blocks = printed
      .join('')
      .split(/\n\n/)
      .filter((block) => block.includes('['))
      .map((block) => {
        const [head = '', ...lines] = block.trim().split('\n');
        const since = lines.find((line) => line.includes('since:'))?.replace(/ \(.* ago\)$/, '');
        const labels = lines.find((line) => line.includes('labels:'));
        return { isMarked: head.endsWith('(sent again)'), text: [lines[0], labels, since].join('\n') };
      });
    expect(blocks.length).toBeGreaterThan(5);
    const unmarked = blocks.filter(({ isMarked }) => !isMarked).map(({ text }) => text);
    expect(repetitions(unmarked)).toEqual(new Map());
  });
});
