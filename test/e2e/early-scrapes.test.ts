import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type TestServer, serveHttp } from '../support/http-server.ts';
import { writeLargeLog } from '../support/large-log.ts';
import { waitFor } from '../support/processes.ts';
import { TocsinProcess, getData } from '../support/tocsin.ts';

const SERIES = 60_000;
const SAMPLES_EACH = 300;

interface Matrix {
  readonly result: readonly { readonly values: readonly (readonly [number, string])[] }[];
}

describe('a log that takes a while to read', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tocsin-early-'));
  let target: TestServer;
  /** How often the target was scraped; what it says is that number. */
  let scrapes = 0;
  let tocsin: TocsinProcess;

  /** Starts it; resolves to its URL when it listens. */
  function start(config: string): Promise<string> {
    tocsin = new TocsinProcess(
      [
        'serve',
        `--config.file=${config}`,
        '--storage.tsdb.path=data',
        '--web.listen-address=127.0.0.1:0',
        '--log.level=info',
      ],
      { folder },
    );
    return waitFor('a line that tells the address', 20_000, () => {
      const address = /msg="Listening on" component=web address=(\S+)/.exec(tocsin.stderr)?.[1];
      if (address === undefined && tocsin.child.exitCode !== null) throw new Error(tocsin.stderr);
      return Promise.resolve(address === undefined ? undefined : `http://${address}`);
    });
  }

  /** Waits for scrapes during the start: what all but the last of them gave is then in the log. */
  async function scrapedEarly(base: string, more: number): Promise<number[]> {
    const first = scrapes + 1;
    await waitFor('scrapes', 20_000, async () => (scrapes >= first + more ? true : undefined));
    const ready = await fetch(`${base}/-/ready`);
    expect([ready.status, await ready.text()]).toEqual([503, 'Service Unavailable']);
    expect((await fetch(`${base}/api/v1/query?query=up`)).status).toBe(503);
    return Array.from({ length: more }, (_, i) => first + i);
  }

  /** All values that the target's gauge has. */
  async function stored(base: string): Promise<number[]> {
    const { result } = await getData<Matrix>(`${base}/api/v1/query?query=told[10m]`);
    return result.flatMap(({ values }) => values.map(([, value]) => Number(value)));
  }

  beforeAll(async () => {
    target = await serveHttp((_request, response) => {
      response.setHeader('content-type', 'text/plain');
      response.end(`told ${++scrapes}\n`);
    });
    const job = `scrape_configs:
  - job_name: target
    static_configs: [{ targets: [${JSON.stringify(target.address)}] }]
`;
    writeFileSync(join(folder, 'scraping.yml'), `global: { scrape_interval: 100ms }\n${job}`);
    writeFileSync(join(folder, 'idle.yml'), `global: { scrape_interval: 1h }\n${job}`);
    await writeLargeLog(join(folder, 'data'), SERIES, SAMPLES_EACH, Date.now() - 60_000);
  });

  afterAll(async () => {
    await tocsin.stop();
    await target.close();
    rmSync(folder, { recursive: true, force: true });
  });

  test('targets are scraped meanwhile; a kill or a stop then loses nothing, and all is answered in the end', async () => {
    const kept: number[] = [];
    kept.push(...(await scrapedEarly(await start('scraping.yml'), 3)));
    await tocsin.kill();
    kept.push(...(await scrapedEarly(await start('scraping.yml'), 3)));
    const beganMs = performance.now();
    tocsin.child.kill('SIGTERM');
    expect(await tocsin.ended()).toBe(0);
    expect(performance.now() - beganMs).toBeLessThan(3000);
    expect(tocsin.messages).toEqual([]);
    const base = await start('scraping.yml');
    const startMs = performance.now();
    kept.push(...(await scrapedEarly(base, 3)));
    await tocsin.ready();
    expect(performance.now() - startMs).toBeGreaterThan(1000);
    const found = await stored(base);
    // On a busy machine a scrape may take longer than its 100 ms: that one failed, and says so.
    const ups = await getData<Matrix>(`${base}/api/v1/query?query=up[10m]`);
    const failed = ups.result.flatMap(({ values }) => values).filter(([, value]) => value === '0');
    expect(kept.filter((value) => !found.includes(value)).length).toBeLessThanOrEqual(failed.length);
    expect(failed.length).toBeLessThan(kept.length);
    expect(found).toEqual([...found].sort((a, b) => a - b));
    const count = await getData<{ result: readonly { readonly value: readonly [number, string] }[] }>(
      `${base}/api/v1/query?query=${encodeURIComponent(`sum(count_over_time(old[2h]))`)}`,
    );
    expect(count.result[0]?.value[1]).toBe(String(SERIES * SAMPLES_EACH));
    await tocsin.kill();
    const again = await start('idle.yml');
    await tocsin.ready();
    const after = await stored(again);
    expect(found.filter((value) => !after.includes(value))).toEqual([]);
  }, 120_000);
});
