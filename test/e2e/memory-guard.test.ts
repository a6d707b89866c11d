import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type TestServer, serveHttp } from '../support/http-server.ts';
import { waitFor } from '../support/processes.ts';
import { TocsinProcess, getData } from '../support/tocsin.ts';
import { WebhookRecorder } from '../support/webhook-recorder.ts';

interface Vector {
  readonly result: readonly { readonly value: readonly [number, string] }[];
}

const ALERT = 'TocsinMemoryGuardActive';
const MIB = 2 ** 20;

describe('a target that gives ever new series', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tocsin-memory-'));
  const hook = new WebhookRecorder(() => 0);
  let target: TestServer;
  let scrapes = 0;
  let fresh = 0;
  let tocsin: TocsinProcess;

  function start(limit: string): Promise<string> {
    tocsin = new TocsinProcess(
      [
        'serve',
        '--config.file=tocsin.yml',
        '--storage.tsdb.path=data',
        '--web.listen-address=127.0.0.1:0',
        `--storage.memory-limit=${limit}`,
      ],
      { folder },
    );
    return tocsin.ready();
  }

  async function query(base: string, expr: string): Promise<number | undefined> {
    const { result } = await getData<Vector>(`${base}/api/v1/query?query=${encodeURIComponent(expr)}`);
    return result[0] === undefined ? undefined : Number(result[0].value[1]);
  }

  async function metric(base: string, name: string): Promise<number> {
    const text = await (await fetch(`${base}/metrics`)).text();
    return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]);
  }

  beforeAll(async () => {
    target = await serveHttp((_request, response) => {
      scrapes++;
      const lines = Array.from({ length: fresh }, (_, i) => `request{id="${scrapes}-${i}"} 1\n`);
      response.setHeader('content-type', 'text/plain');
      response.end(`steady ${scrapes}\n${lines.join('')}`);
    });
    const config = {
      global: { scrape_interval: '200ms', scrape_timeout: '200ms', evaluation_interval: '500ms' },
      scrape_configs: [{ job_name: 'target', static_configs: [{ targets: [target.address] }] }],
      alertmanager: {
        route: { receiver: 'hook', group_wait: '0s', group_interval: '1s' },
        receivers: [{ name: 'hook', webhook_configs: [{ url: await hook.start() }] }],
      },
    };
    writeFileSync(join(folder, 'tocsin.yml'), JSON.stringify(config));
  });

  afterAll(async () => {
    await tocsin.stop();
    await target.close();
    await hook.close();
    rmSync(folder, { recursive: true, force: true });
  });

  test('is cut off at the limit: an alert arrives, what was there goes on', async () => {
    const first = await start('0');
    await waitFor('a scrape', 20_000, () => query(first, 'steady'));
    const resident = await metric(first, 'process_resident_memory_bytes');
    await tocsin.stop();

    const base = await start(`${Math.ceil(resident / MIB) + 40}MB`);
    await waitFor('a scrape', 20_000, () => query(base, 'steady'));
    fresh = 5000;
    await waitFor('a refusal', 90_000, async () =>
      (await metric(base, 'tocsin_storage_refused_series_total')) > 0 ? true : undefined,
    );
    await waitFor('the alert', 20_000, () => {
      const told = hook.told.flatMap(({ alerts }) => alerts.map(({ labels }) => labels['alertname']));
      return Promise.resolve(told.includes(ALERT) ? true : undefined);
    });
    const before = scrapes;
    await waitFor('more scrapes', 20_000, async () => (scrapes >= before + 5 ? true : undefined));
    await waitFor('their samples', 20_000, async () =>
      ((await query(base, 'steady')) ?? 0) > before ? true : undefined,
    );
    expect(await query(base, 'up')).toBe(1);
    const { activeTargets } = await getData<{
      readonly activeTargets: readonly { readonly health: string; readonly lastError: string }[];
    }>(`${base}/api/v1/targets`);
    expect(activeTargets.map(({ health }) => health)).toEqual(['up']);
    expect(tocsin.child.exitCode).toBeNull();
    expect(tocsin.messages).toEqual([]);
  }, 180_000);
});
