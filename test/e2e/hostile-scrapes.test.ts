import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { serveRawTargets } from '../support/raw-targets.ts';
import { waitFor, waitForReady } from '../support/processes.ts';
import { TocsinProcess, getData } from '../support/tocsin.ts';

/** Targets that nobody listens for. */
const GONE = 5000;

/** What is said of each target that does something wrong. */
const EXPECTED: Readonly<Record<string, RegExp>> = {
  drip: /context deadline exceeded \(scrape_timeout 2s, after \d+ bytes of the body\)/,
  flood: /body size limit exceeded/,
  bomb: /body size limit exceeded/,
  line: /series longer than 1048576 bytes/,
  many: /sample limit exceeded/,
  short: /reading the body of "http:\/\/[^"]+\/short"/,
  long: /while parsing|expected|EOF/,
  loop: /stopped after 10 redirects/,
  utf8: /utf-?8/i,
  reset: /Get "http:\/\/[^"]+\/reset"/,
  nonsense: /Get "http:\/\/[^"]+\/nonsense"/,
  head: /Get "http:\/\/[^"]+\/head"/,
  tls: /Get "https:\/\/[^"]+\/fine"/,
};

interface Targets {
  readonly activeTargets: readonly {
    readonly labels: Readonly<Record<string, string>>;
    readonly health: string;
    readonly lastError: string;
  }[];
}

const folder = mkdtempSync(join(tmpdir(), 'tocsin-hostile-'));
let raw: Awaited<ReturnType<typeof serveRawTargets>>;
let tocsin: TocsinProcess;
let base: string;

function configOf(address: string): unknown {
  const bad = Object.keys(EXPECTED).filter((kind) => kind !== 'tls');
  const target = (kind: string, labels: Record<string, string> = {}): unknown => ({
    targets: [address],
    labels: { kind, __metrics_path__: `/${kind}`, ...labels },
  });
  return {
    global: { scrape_interval: '5s', scrape_timeout: '2s' },
    scrape_configs: [
      {
        job_name: 'bad',
        body_size_limit: '64MB',
        sample_limit: 50_000,
        label_value_length_limit: 4096,
        static_configs: [
          ...bad.map((kind) => target(kind)),
          target('tls', { __scheme__: 'https', __metrics_path__: '/fine' }),
        ],
      },
      {
        job_name: 'gone',
        static_configs: Array.from({ length: GONE }, (_, i) => ({
          targets: ['127.0.0.1:1'],
          labels: { instance: `gone-${i}` },
        })),
      },
      {
        job_name: 'good',
        scrape_interval: '200ms',
        scrape_timeout: '200ms',
        static_configs: [target('fine')],
      },
    ],
  };
}

beforeAll(async () => {
  raw = await serveRawTargets();
  writeFileSync(join(folder, 'prometheus.yml'), JSON.stringify(configOf(raw.address)));
  const flags = ['serve', '--storage.tsdb.path=data', '--web.listen-address=127.0.0.1:0', '--log.level=info'];
  tocsin = new TocsinProcess(flags, { folder });
  base = await waitFor('a line that tells the address', 20_000, () => {
    const address = /msg="Listening on" component=web address=(\S+)/.exec(tocsin.stderr)?.[1];
    if (address === undefined && tocsin.child.exitCode !== null) throw new Error(tocsin.stderr);
    return Promise.resolve(address === undefined ? undefined : `http://${address}`);
  });
  await waitForReady(`${base}/-/ready`, tocsin.child);
});

afterAll(async () => {
  await tocsin.stop();
  await raw.close();
  rmSync(folder, { recursive: true, force: true });
});

async function targets(): Promise<Targets['activeTargets']> {
  return (await getData<Targets>(`${base}/api/v1/targets?state=active`)).activeTargets;
}

/** Value of an expression that gives one series at most; NaN when it gives none. */
async function valueOf(expr: string): Promise<number> {
  const url = `${base}/api/v1/query?query=${encodeURIComponent(expr)}`;
  const { result } = await getData<{
    readonly result: readonly { readonly value: readonly [number, string] }[];
  }>(url);
  return Number(result[0]?.value[1] ?? NaN);
}

test('targets that do all they can cost only themselves, and what they did is told', async () => {
  const last = await waitFor('a scrape of every target', 60_000, async () => {
    const all = await targets();
    return all.length === GONE + 14 && all.every(({ health }) => health !== 'unknown') ? all : undefined;
  });
  for (const [kind, message] of Object.entries(EXPECTED)) {
    const target = last.find(({ labels }) => labels['kind'] === kind)!;
    expect(`${kind} is ${target.health}: ${target.lastError.slice(0, 300)}`).toMatch(`${kind} is down: `);
    expect(`${kind}: ${target.lastError.slice(0, 300)}`).toMatch(message);
  }
  const gone = last.filter(({ labels }) => labels['job'] === 'gone');
  expect(gone).toHaveLength(GONE);
  for (const { lastError } of gone) expect(lastError).toContain('connection refused');
  // A target beside them that is asked five times a second.
  const good = 'up{job="good"}[12s]';
  await waitFor('twelve seconds of scrapes', 60_000, async () =>
    (await valueOf(
      `max_over_time(timestamp(up{job="good"})[1m:1s]) - min_over_time(timestamp(up{job="good"})[1m:1s])`,
    )) > 12
      ? true
      : undefined,
  );
  expect(await valueOf(`sum_over_time(${good}) / 60`)).toBeGreaterThan(0.8);
  const peakKiB = Number(
    /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${tocsin.child.pid}/status`, 'utf8'))?.[1],
  );
  expect(peakKiB / 1024).toBeLessThan(900);
  expect(tocsin.stderr).not.toMatch(/level=ERROR/);
}, 120_000);
