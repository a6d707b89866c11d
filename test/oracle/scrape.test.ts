import { readFileSync, readdirSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hasProgram } from '../support/programs.ts';
import { SCRAPE_CASES } from './scrape-cases.ts';
import { ScrapeDuel, isOwn, isReport } from './scrape-duel.ts';

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
  'samples-twice-at-limit': 'a line that repeats another does not count for sample_limit in 3',
  'type-html': 'an unknown Content-Type is text no more since 3.0',
  'type-none': 'nor is none',
  'bad-name-made': 'any UTF-8 is a name since 3.0',
  'om-exemplar-of-gauge': 'exemplars may be on any sample in 3',
  'trailing-space.om': 'since 3.0 the sample before the space too many is counted; both refuse',
};

/** Pages whose samples have times of long ago, which a query for now does not show. */
const TIMED: ReadonlySet<string> = new Set(['timestamps.txt', 'float-seconds.om', 'times-long-ago']);

const body = (name: string): Buffer => readFileSync(new URL(name, FOLDER));

const CASES = new Map(SCRAPE_CASES.map((one) => [one.page, one]));
const DYNAMIC = ['vanishing', 'gzip', 'status', 'hang', 'cut'];
const JOBS = ['limited', 'honored', 'relabelled'];

/** Answers for a page; pages of jobs are those of the corpus. */
function serve(page: string, count: number, response: ServerResponse): void {
  const text = { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' };
  const one = CASES.get(page);
  if (one !== undefined) {
    const type = one.type ?? text['content-type'];
    response.writeHead(one.status ?? 200, {
      ...(type !== '' && { 'content-type': type }),
      ...(one.encoding !== undefined && { 'content-encoding': one.encoding }),
      ...(one.location !== undefined && { location: one.location }),
    });
    response.end(one.body);
  } else if (page === 'vanishing') {
    response.writeHead(200, text).end(count > 2 ? 'a 1\n' : 'a 1\nb 1\n');
  } else if (page === 'gzip') {
    response.writeHead(200, { ...text, 'content-encoding': 'gzip' }).end(gzipSync('a{x="1"} 1\n'));
  } else if (page === 'status') {
    response.writeHead(503, text).end('a 1\n');
  } else if (page === 'hang') {
    // Never answered.
  } else if (page === 'cut') {
    response.writeHead(200, { ...text, 'content-length': '100' });
    response.write('a 1\n');
    response.socket?.end();
  } else {
    const type = page.endsWith('.om')
      ? { 'content-type': 'application/openmetrics-text; version=1.0.0; charset=utf-8' }
      : text;
    response.writeHead(200, type).end(body(page));
  }
}

function configFor(address: string): string {
  const target = (path: string, page = path, more = ''): string =>
    `      - { targets: ['${address}'], labels: { __metrics_path__: /${path}, page: ${page}${more} } }\n`;
  const plain = [
    ...names,
    ...DYNAMIC,
    ...SCRAPE_CASES.filter((one) => one.job === undefined).map((one) => one.page),
  ];
  const own = SCRAPE_CASES.filter((one) => one.job !== undefined).map(({ page, job, targets = 1 }) => {
    const list = Array.from({ length: targets }, (_, i) =>
      target(page, page, targets > 1 ? `, n: '${i}'` : ''),
    );
    return `  - job_name: ${page}\n${job}    static_configs:\n${list.join('')}`;
  });
  return `
global: { scrape_interval: 2s, scrape_timeout: 2s }
scrape_configs:
  - job_name: corpus
    static_configs:
${plain.map((page) => target(page)).join('')}
  - job_name: limited
    sample_limit: 2
    static_configs:
${target('no-type.txt', 'limited')}
  - job_name: honored
    honor_labels: true
    static_configs:
${target('label-conflict.txt', 'honored')}
  - job_name: relabelled
    static_configs:
${target('node-exporter.txt', 'relabelled')}
    metric_relabel_configs:
      - { source_labels: [__name__, mode], regex: 'node_cpu_seconds_total;(idle|user)', action: drop }
      - { source_labels: [mountpoint], regex: '(/.).*', target_label: short }
      - { regex: 'dev.*', action: labeldrop }
${own.join('')}`;
}

describe.skipIf(!hasProgram('prometheus'))('scraping as Prometheus does', () => {
  let duel: ScrapeDuel;

  beforeAll(async () => {
    duel = await ScrapeDuel.start({
      pages: ['vanishing', 'vllm.txt', 'om-comment'],
      serve,
      config: configFor,
    });
  }, 60_000);

  afterAll(() => duel.stop());

  const all = [...names, ...DYNAMIC, ...JOBS, ...CASES.keys()];
  const same = all.filter((page) => DIFFERENT[page] === undefined);

  test.each(same)('%s: up and counts', async (page) => {
    const { ours, theirs } = await duel.both(page, isReport);
    expect(ours).toEqual(theirs);
  });

  test.each(same.filter((page) => !TIMED.has(page)))('%s: samples', async (page) => {
    // A scrape that fails half-way leaves 2.42's series of before without stale markers; none of these had any before.
    const { ours, theirs } = await duel.both(page, isOwn);
    expect(ours).toEqual(theirs);
  });

  test('there are many pages', () => {
    expect(same.length).toBeGreaterThan(160);
  });

  test('the same pages fail, with an error that is told', async () => {
    const { theirs, ours } = await duel.failing((page) => DIFFERENT[page] === undefined);
    expect(ours).toEqual(theirs);
    expect(ours.length).toBeGreaterThan(40);
  });

  test('every difference is one', async () => {
    const any = (name: string): boolean => isReport(name) || isOwn(name);
    for (const page of Object.keys(DIFFERENT)) {
      const errorDiffers = page === 'json.txt' || page === 'name-only-in-labels.txt';
      const { ours, theirs } = await duel.both(page, any, 1);
      if (!errorDiffers) expect(ours, page).not.toEqual(theirs);
    }
  });
});
