import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type Server, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { snappyCompress } from '../../src/core/compression/snappy.ts';
import { readReadRequest, writeReadRequest } from '../../src/storage/remote/read/read-request.ts';
import { DATA_END_MS, makeData } from '../fuzz/promql/data.ts';
import { remoteWrite } from '../fuzz/promql/remote-write.ts';
import { freePort, stopProcess, waitFor, waitForReady } from '../support/processes.ts';
import { hasProgram } from '../support/programs.ts';
import { TocsinProcess } from '../support/tocsin.ts';

/**
 * Remote read both ways with Debian's Prometheus, over floats, stale markers and native histograms, as streamed chunks and as
 * samples: whoever reads elsewhere gives the same answers as the same program that has the samples itself.
 */

interface Answer {
  readonly status: string;
  readonly data: { readonly result: readonly { readonly metric: Record<string, string> }[] };
  readonly warnings?: readonly string[];
}

function queriesOf(names: readonly string[]): string[] {
  return names.flatMap((name) => [
    name,
    `${name} offset 10m`,
    `rate(${name}[5m])`,
    `count_over_time(${name}[7m13s])`,
    `sum by (g) (${name})`,
    `${name} - ${name} offset 1h`,
  ]);
}

/** `times` are seconds. */
async function ask(base: string, query: string, [start, end]: readonly [number, number]): Promise<Answer> {
  const params = new URLSearchParams({ query, start: String(start), end: String(end), step: '47' });
  const response = await fetch(`${base}/api/v1/query_range?${params.toString()}`);
  const answer = (await response.json()) as Answer;
  const byLabels = (one: Answer['data']['result'][number]): string =>
    JSON.stringify(Object.entries(one.metric).sort(([a], [b]) => (a < b ? -1 : 1)));
  const result = answer.data?.result?.toSorted((a, b) => (byLabels(a) < byLabels(b) ? -1 : 1));
  return { ...answer, data: { ...answer.data, result } };
}

/** Where two texts begin to differ, with some of either: whole answers would be too long to show. */
function firstDifference(found: string, wanted: string): string | undefined {
  if (found === wanted) return undefined;
  let at = 0;
  while (found[at] === wanted[at]) at++;
  const from = Math.max(0, at - 150);
  return `${found.slice(from, at + 150)} instead of ${wanted.slice(from, at + 150)}`;
}

async function instant(base: string, query: string): Promise<Answer> {
  return (await (await fetch(`${base}/api/v1/query?query=${encodeURIComponent(query)}`)).json()) as Answer;
}

describe.skipIf(!hasProgram('prometheus'))('remote read', () => {
  const data = makeData({ seed: 7, full: false });
  const names = [...new Set(data.map(({ labels }) => labels.metricName))];
  const rich = new Set(
    data
      .filter(({ samples }) => samples.some(({ histogram }) => histogram !== undefined))
      .map(({ labels }) => labels.metricName),
  );
  const floats = queriesOf(names.filter((name) => !rich.has(name)));
  const all = [...floats, ...queriesOf([...rich]), 'count({__name__=~".+"})'];
  let folder: string;
  const children: ChildProcess[] = [];
  const tocsins: TocsinProcess[] = [];
  const proxies: Server[] = [];
  /** Those that have the samples. */
  let prometheus: string;
  let tocsin: string;

  async function startPrometheus(name: string, config: string): Promise<string> {
    const port = await freePort();
    writeFileSync(join(folder, `${name}.yml`), config);
    const child = spawn(
      'prometheus',
      [
        `--config.file=${name}.yml`,
        `--storage.tsdb.path=${name}`,
        `--web.listen-address=127.0.0.1:${port}`,
        '--storage.tsdb.retention.time=100y',
        '--web.enable-remote-write-receiver',
        '--enable-feature=native-histograms',
      ],
      { cwd: folder, stdio: 'ignore' },
    );
    children.push(child);
    await waitForReady(`http://127.0.0.1:${port}/-/ready`, child);
    return `http://127.0.0.1:${port}`;
  }

  async function startTocsin(name: string, config: string): Promise<string> {
    writeFileSync(join(folder, `${name}.yml`), config);
    const child = new TocsinProcess(
      [
        'serve',
        `--config.file=${name}.yml`,
        `--storage.tsdb.path=${name}`,
        '--web.listen-address=127.0.0.1:0',
        '--storage.tsdb.retention.time=100y',
        '--web.enable-remote-write-receiver',
      ],
      { folder },
    );
    tocsins.push(child);
    return await child.ready();
  }

  /** Hands reads on, but as from one who takes samples only. */
  async function samplesOnly(target: string): Promise<string> {
    const proxy = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const { queries: asked } = readReadRequest(Buffer.concat(chunks));
        const body = snappyCompress(writeReadRequest({ queries: asked, acceptedTypes: [0] }));
        void fetch(`${target}/api/v1/read`, { method: 'POST', body: Buffer.from(body) }).then(
          async (answer) => {
            response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? '' });
            response.end(Buffer.from(await answer.arrayBuffer()));
          },
        );
      });
    });
    proxies.push(proxy);
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  }

  function readingFrom(url: string, more = ''): string {
    return `
global: { external_labels: { reader: me } }
remote_read:
  - url: ${url}/api/v1/read
    filter_external_labels: false
    ${more}
`;
  }

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'tocsin-remote-read-'));
    prometheus = await startPrometheus('source', 'global: {}\n');
    tocsin = await startTocsin('own', 'global: { external_labels: { source: here } }\n');
    await Promise.all([prometheus, tocsin].map((base) => remoteWrite(new URL(base).origin, data)));
  }, 60_000);

  afterAll(async () => {
    await Promise.all([...children, ...tocsins.map(({ child }) => child)].map((child) => stopProcess(child)));
    for (const proxy of proxies) proxy.close();
    rmSync(folder, { recursive: true, force: true });
  });

  async function compare(
    reader: string,
    source: string,
    { queries = all, drop = '' }: { readonly queries?: readonly string[]; readonly drop?: string } = {},
  ): Promise<void> {
    const span = [0, DATA_END_MS / 1000] as const;
    let filled = 0;
    for (const query of queries) {
      const [theirs, own] = await Promise.all([ask(reader, query, span), ask(source, query, span)]);
      const shown = theirs.data.result.map((one) => {
        const { [drop]: _, ...metric } = one.metric;
        return { ...one, metric };
      });
      const difference = firstDifference(
        JSON.stringify({ ...theirs, data: shown }),
        JSON.stringify({ ...own, data: own.data.result }),
      );
      expect({ query, difference }).toEqual({ query, difference: undefined });
      if (shown.length > 0) filled++;
    }
    expect(filled).toBeGreaterThan(queries.length * 0.8);
  }

  test('tocsin reads streamed chunks of Prometheus', { timeout: 60_000 }, async () => {
    await compare(await startTocsin('reader', readingFrom(prometheus)), tocsin);
  });

  test(
    'tocsin reads samples of Prometheus, whose version 2.42 sends floats only',
    { timeout: 60_000 },
    async () => {
      const url = await startTocsin('sample-reader', readingFrom(await samplesOnly(prometheus)));
      await compare(url, tocsin, { queries: floats });
    },
  );

  test('tocsin reads streamed chunks and samples of tocsin', { timeout: 60_000 }, async () => {
    await compare(await startTocsin('own-reader', readingFrom(tocsin)), tocsin, { drop: 'source' });
    const url = await samplesOnly(tocsin);
    await compare(await startTocsin('own-sample-reader', readingFrom(url)), tocsin, { drop: 'source' });
  });

  test(
    'Prometheus reads samples of tocsin, whose version 2.42 takes floats only',
    { timeout: 60_000 },
    async () => {
      const url = await startPrometheus('prometheus-reader', readingFrom(tocsin, 'read_recent: true'));
      await compare(url, prometheus, { queries: floats, drop: 'source' });
    },
  );

  test('series are found elsewhere, a dead endpoint is a warning, rules read too, a reload takes endpoints away', async () => {
    const dead = `http://127.0.0.1:${await freePort()}`;
    writeFileSync(
      join(folder, 'rules.yml'),
      `groups: [{ name: g, interval: 100ms, rules: [{ record: read, expr: 'sum(${names[0]!} @ 3600)' }] }]`,
    );
    const base = await startTocsin(
      'two',
      `rule_files: [rules.yml]
${readingFrom(prometheus, 'name: one')}
  - url: ${dead}/api/v1/read
    name: two
    basic_auth: { username: me, password: hunter2 }
`,
    );
    const selector = encodeURIComponent(`{__name__="${names[0]!}"}`);
    const series = (await (
      await fetch(`${base}/api/v1/series?match[]=${selector}&start=0&end=7200`)
    ).json()) as { data: unknown[]; warnings: string[] };
    expect(series.data.length).toBeGreaterThan(3);
    expect(series.warnings).toEqual([expect.stringMatching(/^remote_read two: .*refused/)]);
    const { warnings, data: found } = await ask(base, names[0]!, [0, 7200]);
    expect(found.result.length).toBeGreaterThan(3);
    expect(warnings).toEqual([expect.stringMatching(/^remote_read two: .*refused/)]);
    const config = await (await fetch(`${base}/api/v1/status/config`)).text();
    expect(config).toContain('remote_timeout: 1m');
    expect(config).not.toContain('hunter2');
    await waitFor('a rule that read elsewhere', 10_000, async () => {
      const { data: recorded } = await instant(base, 'read');
      return recorded.result.length > 0 ? true : undefined;
    });
    writeFileSync(join(folder, 'two.yml'), 'global: {}\n');
    tocsins.at(-1)!.child.kill('SIGHUP');
    await waitFor('a reload that takes the endpoints away', 10_000, async () => {
      const { data: left, warnings: notes } = await instant(base, `${names[0]!} @ 3600`);
      return left.result.length === 0 && notes === undefined ? true : undefined;
    });
  });
});
