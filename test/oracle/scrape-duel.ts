import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { formatSampleValue } from '../../src/core/float-text.ts';
import { allBuckets } from '../../src/core/histogram/buckets.ts';
import type { FloatHistogram } from '../../src/core/histogram/float-histogram.ts';
import { Labels } from '../../src/core/labels.ts';
import { silentLogger } from '../../src/core/log.ts';
import { createRegistry } from '../../src/core/metrics.ts';
import { SeededRandom } from '../../src/core/seeded-random.ts';
import { NodeFileSystem } from '../../src/core/system/node-file-system.ts';
import { SystemClock } from '../../src/core/system/system-clock.ts';
import { UndiciHttpClient } from '../../src/core/system/undici-http-client.ts';
import { FakeDns } from '../../src/core/testing/fake-dns.ts';
import { FakePrograms } from '../../src/core/testing/fake-programs.ts';
import { ScrapeManager } from '../../src/scrape/index.ts';
import { freePort, stopProcess, waitFor, waitForReady } from '../support/processes.ts';
import { ScrapeStorage } from '../unit/scrape/scrape-storage.ts';
import { parseJobs } from '../unit/scrape/scrape-world.ts';

/** How often, and after what time, sides that differ are asked again. */
const TRIES = 12;
const TRY_MS = 500;

/** Report series that both must have alike; the others tell of time. */
const REPORTS: ReadonlySet<string> = new Set([
  'up',
  'scrape_samples_scraped',
  'scrape_samples_post_metric_relabeling',
]);

/** Whether a metric is one of those about scrapes that must be alike. */
export function isReport(name: string): boolean {
  return REPORTS.has(name);
}

/** Whether a metric is a target's own. */
export function isOwn(name: string): boolean {
  return name !== 'up' && !name.startsWith('scrape_');
}

/** The same question answered by Prometheus and by us. */
export interface Sides {
  readonly theirs: string[];
  readonly ours: string[];
}

/** What is served to both sides, and how they are set up. */
export interface DuelOptions {
  /** Pages that must have been asked for four times by both before anything is compared. */
  readonly pages: readonly string[];
  /** Answers a request for a page, the `count`-th of that side. */
  readonly serve: (page: string, count: number, response: ServerResponse, request: IncomingMessage) => void;
  /** The configuration of both, where targets are at `address`; each has a label `page`. */
  readonly config: (address: string) => string;
  /** Changes the configuration for our side. */
  readonly ours?: (config: string) => string;
  /** Flags more for Prometheus. */
  readonly flags?: readonly string[];
}

interface ApiHistogram {
  readonly count: string;
  readonly sum: string;
  readonly buckets?: readonly (readonly [rule: number, lower: string, upper: string, count: string])[];
}

interface QueryAnswer {
  readonly data: {
    readonly result: readonly {
      readonly metric: Record<string, string>;
      readonly value?: readonly [number, string];
      readonly histogram?: readonly [number, ApiHistogram];
    }[];
  };
}

interface TargetsAnswer {
  readonly data: {
    readonly activeTargets: readonly {
      readonly labels: Record<string, string>;
      readonly lastError: string;
    }[];
  };
}

/** Debian's Prometheus and our scraping, which ask one HTTP server for the same pages. */
export class ScrapeDuel {
  readonly #folder = mkdtempSync(join(tmpdir(), 'tocsin-duel-'));
  readonly #storage = new ScrapeStorage();
  readonly #server: Server;
  readonly #asked = new Map<string, number>();
  #child: ChildProcess | undefined;
  #manager: ScrapeManager | undefined;
  #base = '';

  private constructor({ serve }: DuelOptions) {
    this.#server = createServer((request, response) => {
      const page = (request.url ?? '/').slice(1).replace(/\?.*/, '');
      const who = request.headers['user-agent'] === 'tocsin/test' ? 'tocsin' : 'prometheus';
      const count = (this.#asked.get(`${who} ${page}`) ?? 0) + 1;
      this.#asked.set(`${who} ${page}`, count);
      serve(page, count, response, request);
    });
  }

  static async start(options: DuelOptions): Promise<ScrapeDuel> {
    const duel = new ScrapeDuel(options);
    await duel.#start(options);
    return duel;
  }

  async stop(): Promise<void> {
    await this.#manager?.stop();
    if (this.#child !== undefined) await stopProcess(this.#child);
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /**
   * What both have of a page, as lines in order. On a busy machine a scrape of either may take too long; so when the two
   * differ they are asked again for a while.
   */
  async both(page: string, keep: (name: string) => boolean, tries = TRIES): Promise<Sides> {
    return untilAlike(
      async () => ({ theirs: await this.#theirs(page, keep), ours: this.#ours(page, keep) }),
      tries,
    );
  }

  /** Series and values that Prometheus has of a page now, as lines in order. */
  async #theirs(page: string, keep: (name: string) => boolean): Promise<string[]> {
    const query = encodeURIComponent(`{page="${page}"}`);
    const answer = (await (await fetch(`${this.#base}/api/v1/query?query=${query}`)).json()) as QueryAnswer;
    return answer.data.result
      .filter(({ metric }) => keep(metric['__name__']!))
      .map(({ metric, value, histogram }) => {
        const shown = histogram === undefined ? value![1] : apiHistogramText(histogram[1]);
        return withPlainBounds(`${Labels.fromObject(metric).toString()} ${shown}`);
      })
      .sort();
  }

  /** As {@link #theirs}, of our side. */
  #ours(page: string, keep: (name: string) => boolean): string[] {
    const lines: string[] = [];
    for (const [series, samples] of Object.entries(this.#storage.dump())) {
      const { value } = samples.at(-1)!;
      if (!series.includes(`page="${page}"`) || value === 'stale' || !keep(series.split('{')[0]!)) continue;
      const shown =
        typeof value === 'number'
          ? formatSampleValue(value)
          : histogramText(this.#storage.histograms.get(value)!);
      lines.push(withPlainBounds(`${series} ${shown}`));
    }
    return lines.sort();
  }

  /** Pages, of those that `counts`, whose last scrape left an error, in order; as {@link both}. */
  async failing(counts: (page: string) => boolean): Promise<Sides> {
    return untilAlike(async () => {
      const { theirs, ours } = await this.#failing();
      return { theirs: theirs.filter(counts), ours: ours.filter(counts) };
    }, TRIES);
  }

  async #failing(): Promise<Sides> {
    const answer = (await (await fetch(`${this.#base}/api/v1/targets?state=active`)).json()) as TargetsAnswer;
    const pages = (targets: readonly { page: string; error: string }[]): string[] => [
      ...new Set(
        targets
          .filter(({ error }) => error !== '')
          .map(({ page }) => page)
          .sort(),
      ),
    ];
    return {
      theirs: pages(
        answer.data.activeTargets.map(({ labels, lastError }) => ({
          page: labels['page']!,
          error: lastError,
        })),
      ),
      ours: pages(
        this.#manager!.targets().active.map(({ labels, lastError }) => ({
          page: labels.get('page'),
          error: lastError,
        })),
      ),
    };
  }

  async #start(options: DuelOptions): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    const config = options.config(`127.0.0.1:${(this.#server.address() as AddressInfo).port}`);
    const port = await freePort();
    this.#base = `http://127.0.0.1:${port}`;
    writeFileSync(join(this.#folder, 'prometheus.yml'), config);
    this.#child = spawn(
      'prometheus',
      [
        `--config.file=${join(this.#folder, 'prometheus.yml')}`,
        `--storage.tsdb.path=${join(this.#folder, 'data')}`,
        `--web.listen-address=127.0.0.1:${port}`,
        '--log.level=error',
        ...(options.flags ?? []),
      ],
      { stdio: 'ignore' },
    );
    await waitForReady(`${this.#base}/-/ready`, this.#child);
    this.#manager = new ScrapeManager({
      clock: new SystemClock(),
      http: new UndiciHttpClient(),
      dns: new FakeDns(),
      programs: new FakePrograms(),
      files: new NodeFileSystem(),
      storage: this.#storage,
      logger: silentLogger,
      registry: createRegistry(),
      random: new SeededRandom(1),
      hostname: 'oracle',
      userAgent: 'tocsin/test',
    });
    const scrapeConfigs = parseJobs(options.ours?.(config) ?? config);
    await this.#manager.apply({ scrapeConfigs, externalLabels: Labels.EMPTY });
    for (const who of ['prometheus', 'tocsin']) {
      await waitFor(`scrapes by ${who}`, 30_000, async () =>
        options.pages.every((page) => (this.#asked.get(`${who} ${page}`) ?? 0) >= 4) ? true : undefined,
      );
    }
  }
}

async function untilAlike(ask: () => Promise<Sides>, tries: number): Promise<Sides> {
  for (let left = tries; ; left--) {
    const sides = await ask();
    if (left <= 1 || sides.theirs.join('\n') === sides.ours.join('\n')) return sides;
    await setTimeout(TRY_MS);
  }
}

/** `le` and `quantile` are rewritten since 3.0 (`1` becomes `1.0`): they are compared as numbers. */
function withPlainBounds(line: string): string {
  return line.replaceAll(/(le|quantile)="([^"]*)"/g, (text, label: string, bound: string) =>
    Number.isNaN(Number(bound)) ? text : `${label}="${Number(bound)}"`,
  );
}

function apiHistogramText({ count, sum, buckets = [] }: ApiHistogram): string {
  return JSON.stringify({ count, sum, buckets: buckets.filter((bucket) => bucket[3] !== '0') });
}

function histogramText(h: FloatHistogram): string {
  const rule = (low: boolean, high: boolean): number => (low ? (high ? 3 : 1) : high ? 0 : 2);
  const buckets = allBuckets(h)
    .filter(({ count }) => count !== 0)
    .map((b) => [
      rule(b.lowerInclusive, b.upperInclusive),
      ...[b.lower, b.upper, b.count].map(formatSampleValue),
    ]);
  return JSON.stringify({ count: formatSampleValue(h.count), sum: formatSampleValue(h.sum), buckets });
}
