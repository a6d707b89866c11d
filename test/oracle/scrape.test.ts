import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Labels } from '../../src/core/labels.ts';
import { formatSampleValue } from '../../src/core/float-text.ts';
import { silentLogger } from '../../src/core/log.ts';
import { createRegistry } from '../../src/core/metrics.ts';
import { SeededRandom } from '../../src/core/seeded-random.ts';
import { FakeDns } from '../../src/core/testing/fake-dns.ts';
import { NodeFileSystem } from '../../src/core/system/node-file-system.ts';
import { SystemClock } from '../../src/core/system/system-clock.ts';
import { UndiciHttpClient } from '../../src/core/system/undici-http-client.ts';
import { ScrapeManager } from '../../src/scrape/index.ts';
import { freePort, stopProcess, waitFor, waitForReady } from '../support/processes.ts';
import { hasProgram } from '../support/programs.ts';
import { ScrapeStorage } from '../unit/scrape/scrape-storage.ts';
import type { StoredSample } from '../unit/scrape/scrape-storage.ts';
import { parseJobs } from '../unit/scrape/scrape-world.ts';

/**
 * The same expositions, served over HTTP to Debian's Prometheus 2.42 and to our scraping: same samples, same `up`, same
 * counts. Our semantics are those of Prometheus 3; where the two differ the table below says so.
 */

const FOLDER = new URL('../fixtures/expositions/', import.meta.url);
const names = readdirSync(FOLDER).filter((name) => name !== 'expected.json');

/** What 2.42 does otherwise, and why ours is meant. */
const DIFFERENT: Readonly<Record<string, string>> = {
  'utf8-names.txt': 'quoted names came with 3.0',
  'utf8.om': 'quoted names came with 3.0',
  'json.txt': 'a line may begin with a brace since 3.0, so the error comes later; both refuse',
  'name-only-in-labels.txt': 'as above',
  'leading-blanks.txt': '2.42 makes blanks part of the name and refuses it; we skip them',
  'bucket-bounds.txt': 'le is rewritten since 3.0, so 1e6 and 1000000 are one series',
  'trailing-space.om': 'since 3.0 the sample before the space too many is counted; both refuse',
};

/** Pages whose samples have times of long ago, which a query for now does not show. */
const TIMED: ReadonlySet<string> = new Set(['timestamps.txt', 'float-seconds.om']);

/** `le` and `quantile` are rewritten since 3.0 (`1` becomes `1.0`): they are compared as numbers. */
function withPlainBounds(line: string): string {
  return line.replaceAll(/(le|quantile)="([^"]*)"/g, (text, label: string, bound: string) =>
    Number.isNaN(Number(bound)) ? text : `${label}="${Number(bound)}"`,
  );
}

function valueText(value: StoredSample['value']): string {
  return typeof value === 'number' ? formatSampleValue(value) : value;
}

const body = (name: string): Buffer => readFileSync(new URL(name, FOLDER));

interface Answer {
  readonly data: {
    readonly result: readonly {
      readonly metric: Record<string, string>;
      readonly value: readonly [number, string];
    }[];
  };
}

const REPORTS = ['up', 'scrape_samples_scraped', 'scrape_samples_post_metric_relabeling'] as const;

describe.skipIf(!hasProgram('prometheus'))('scraping as Prometheus does', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tocsin-scrape-'));
  const storage = new ScrapeStorage();
  let server: Server;
  let child: ChildProcess;
  let base = '';
  let manager: ScrapeManager;
  /** Requests by path and who asks. */
  const asked = new Map<string, number>();

  beforeAll(async () => {
    server = createServer((request, response) => {
      const name = (request.url ?? '/').slice(1);
      const isOurs = request.headers['user-agent'] === 'tocsin/test';
      const key = `${isOurs ? 'tocsin' : 'prometheus'} ${name}`;
      const count = (asked.get(key) ?? 0) + 1;
      asked.set(key, count);
      if (name === 'vanishing') {
        response.writeHead(200, { 'content-type': 'text/plain' }).end(count > 2 ? 'a 1\n' : 'a 1\nb 1\n');
      } else if (name === 'gzip') {
        response
          .writeHead(200, { 'content-type': 'text/plain', 'content-encoding': 'gzip' })
          .end(gzipSync('a{x="1"} 1\n'));
      } else if (name === 'status') {
        response.writeHead(503, { 'content-type': 'text/plain' }).end('a 1\n');
      } else if (name === 'hang') {
        // Never answered.
      } else if (name === 'cut') {
        response.writeHead(200, { 'content-type': 'text/plain', 'content-length': '100' });
        response.write('a 1\n');
        response.socket?.end();
      } else {
        const type = name.endsWith('.om')
          ? 'application/openmetrics-text; version=1.0.0; charset=utf-8'
          : 'text/plain; version=0.0.4; charset=utf-8';
        response.writeHead(200, { 'content-type': type }).end(body(name));
      }
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    const targets = [...names, 'vanishing', 'gzip', 'status', 'hang', 'cut'].map(
      (name) => `      - targets: ['${address}']
        labels: { __metrics_path__: /${name}, page: ${name} }`,
    );
    const config = `
global: { scrape_interval: 1s, scrape_timeout: 1s }
scrape_configs:
  - job_name: corpus
    static_configs:
${targets.join('\n')}
  - job_name: limited
    sample_limit: 2
    static_configs:
      - { targets: ['${address}'], labels: { __metrics_path__: /no-type.txt, page: limited } }
  - job_name: honored
    honor_labels: true
    static_configs:
      - { targets: ['${address}'], labels: { __metrics_path__: /label-conflict.txt, page: honored } }
  - job_name: relabelled
    static_configs:
      - { targets: ['${address}'], labels: { __metrics_path__: /node-exporter.txt, page: relabelled } }
    metric_relabel_configs:
      - { source_labels: [__name__, mode], regex: 'node_cpu_seconds_total;(idle|user)', action: drop }
      - { source_labels: [mountpoint], regex: '(/.).*', target_label: short }
      - { regex: 'dev.*', action: labeldrop }
`;
    writeFileSync(join(folder, 'prometheus.yml'), config);
    const port = await freePort();
    base = `http://127.0.0.1:${port}`;
    child = spawn(
      'prometheus',
      [
        `--config.file=${join(folder, 'prometheus.yml')}`,
        `--storage.tsdb.path=${join(folder, 'data')}`,
        `--web.listen-address=127.0.0.1:${port}`,
        '--log.level=error',
      ],
      { stdio: 'ignore' },
    );
    await waitForReady(`${base}/-/ready`, child);
    manager = new ScrapeManager({
      clock: new SystemClock(),
      http: new UndiciHttpClient(),
      dns: new FakeDns(),
      files: new NodeFileSystem(),
      storage,
      logger: silentLogger,
      registry: createRegistry(),
      random: new SeededRandom(1),
      hostname: 'oracle',
      userAgent: 'tocsin/test',
    });
    await manager.apply({ scrapeConfigs: parseJobs(config), externalLabels: Labels.EMPTY });
    for (const who of ['prometheus', 'tocsin']) {
      await waitFor(`three scrapes by ${who}`, 30_000, async () =>
        (asked.get(`${who} vanishing`) ?? 0) >= 4 && (asked.get(`${who} vllm.txt`) ?? 0) >= 4
          ? true
          : undefined,
      );
    }
  }, 60_000);

  afterAll(async () => {
    await manager.stop();
    await stopProcess(child);
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    rmSync(folder, { recursive: true, force: true });
  });

  /** Series and values that Prometheus has of a page now, as `labels value` lines. */
  async function theirs(page: string, filter = ''): Promise<string[]> {
    const query = encodeURIComponent(`{page="${page}"${filter}}`);
    const answer = (await (await fetch(`${base}/api/v1/query?query=${query}`)).json()) as Answer;
    return answer.data.result
      .map(({ metric, value }) => withPlainBounds(`${Labels.fromObject(metric).toString()} ${value[1]}`))
      .sort();
  }

  function ours(page: string, keep: (name: string) => boolean): string[] {
    const lines: string[] = [];
    for (const [series, samples] of Object.entries(storage.dump())) {
      const last = samples.at(-1)!;
      const name = series.split('{')[0]!;
      if (!series.includes(`page="${page}"`) || last.value === 'stale' || !keep(name)) continue;
      lines.push(withPlainBounds(`${series} ${valueText(last.value)}`));
    }
    return lines.sort();
  }

  const isReport = (name: string): boolean => (REPORTS as readonly string[]).includes(name);
  const isOwn = (name: string): boolean => name !== 'up' && !name.startsWith('scrape_');
  const reportFilter = `,__name__=~"${REPORTS.join('|')}"`;
  const ownFilter = ',__name__!~"up|scrape_.*"';
  const special = ['vanishing', 'gzip', 'status', 'hang', 'cut', 'limited', 'honored', 'relabelled'];

  test.each([...names.filter((name) => DIFFERENT[name] === undefined), ...special])(
    '%s: up and counts',
    async (page) => {
      expect(ours(page, isReport)).toEqual(await theirs(page, reportFilter));
    },
  );

  test.each([...names.filter((name) => DIFFERENT[name] === undefined && !TIMED.has(name)), ...special])(
    '%s: samples',
    async (page) => {
      // A scrape that fails half-way leaves 2.42's series of before without stale markers; none of these had any before.
      expect(ours(page, isOwn)).toEqual(await theirs(page, ownFilter));
    },
  );

  test('every difference is one', async () => {
    for (const page of Object.keys(DIFFERENT)) {
      const all = (lines: readonly string[]): string => lines.join('\n');
      const [mine, other] = [
        [...ours(page, isReport), ...ours(page, isOwn)],
        [...(await theirs(page, reportFilter)), ...(await theirs(page, ownFilter))],
      ];
      const errorDiffers = page === 'json.txt' || page === 'name-only-in-labels.txt';
      if (!errorDiffers) expect(all(mine), page).not.toBe(all(other));
    }
  });
});
