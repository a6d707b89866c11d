import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { SystemClock } from '../../../src/core/system/system-clock.ts';
import { Ingest } from '../../../src/scrape/ingest.ts';
import type { ExpositionParser } from '../../../src/scrape/parser/exposition-parser.ts';
import { SampleColumns } from '../../../src/scrape/sample-columns.ts';
import { ScrapeCache } from '../../../src/scrape/scrape-cache.ts';
import { BodyBuffers, BodySizeLimitError, GzipError, readBody } from '../../../src/scrape/body.ts';
import { Entry, OpenMetricsParser, TextParser, scrapeFeatures } from '../../../src/scrape/index.ts';
import { NhcbParser } from '../../../src/scrape/parser/nhcb-parser.ts';
import { OpenMetrics2Parser } from '../../../src/scrape/parser/openmetrics2-parser.ts';
import { ProtoParser } from '../../../src/scrape/parser/proto-parser.ts';
import { protoBody } from '../../support/proto-exposition.ts';
import type { ProtoFamily } from '../../support/proto-exposition.ts';
import { ScrapeStorage } from './scrape-storage.ts';
import { ScrapeWorld, oneJob } from './scrape-world.ts';
import { PLAIN_INGEST_RULES } from '../../support/plain-ingest-rules.ts';

const MIB = 1024 * 1024;

/** Chunks that are used up when the next one is asked for, as those of plain connections. */
async function* chunksOf(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  const memory = new Uint8Array(size);
  for (let at = 0; at < bytes.length; at += size) {
    const part = bytes.subarray(at, at + size);
    memory.set(part);
    yield memory.subarray(0, part.length);
    memory.fill(0x21);
  }
}

const read = (bytes: Uint8Array, isGzip: boolean, limitBytes: number, size = 16 * 1024) =>
  readBody(
    chunksOf(bytes, size),
    { isGzip, limitBytes, expectedBytes: 0, clock: new SystemClock(), buffers: new BodyBuffers() },
    { receivedBytes: 0 },
  );

describe('bodies', () => {
  test('a gzip bomb is given up at the limit', async () => {
    const bomb = gzipSync(Buffer.alloc(50 * MIB, 'a'));
    await expect(read(bomb, true, 5 * MIB)).rejects.toBeInstanceOf(BodySizeLimitError);
  });

  test.each([10, 40_000, 3 * MIB, 20 * MIB])('gzip of %d bytes comes out whole', async (length) => {
    const plain = Buffer.alloc(length);
    for (let i = 0; i < length; i += 7) plain[i] = (i * 2654435761) >>> 24;
    const body = await read(gzipSync(plain), true, Infinity, 5000);
    expect(body.length).toBe(length);
    expect(Buffer.compare(body.bytes.subarray(0, length), plain)).toBe(0);
  });

  test('a limit is reached by as many bytes as it says', async () => {
    await expect(read(Buffer.alloc(10), false, 10)).rejects.toBeInstanceOf(BodySizeLimitError);
    await expect(read(gzipSync(Buffer.alloc(10)), true, 10)).rejects.toBeInstanceOf(BodySizeLimitError);
    expect((await read(Buffer.alloc(9), false, 10)).length).toBe(9);
  });

  test.each([1000, 10 * MIB])('gzip of %d bytes that ends early or is broken', async (length) => {
    const plain = Buffer.alloc(length);
    for (let i = 0; i < length; i++) plain[i] = (i * 2654435761) >>> 24;
    const whole = gzipSync(plain);
    await expect(read(whole.subarray(0, whole.length - 9), true, Infinity)).rejects.toThrow('unexpected EOF');
    const broken = Uint8Array.from(whole);
    broken.fill(0xff, Math.floor(whole.length / 2), Math.floor(whole.length / 2) + 50);
    await expect(read(broken, true, Infinity)).rejects.toBeInstanceOf(GzipError);
    await expect(read(Buffer.from('a 1\n'), true, Infinity)).rejects.toThrow('gzip: incorrect header check');
  });
});

/** Longest time between two turns of the event loop while `work` runs. */
async function longestTurnMs(work: Promise<unknown>): Promise<number> {
  let longestMs = 0;
  let ended = false;
  const watch = (async () => {
    let lastMs = performance.now();
    while (!ended) {
      await new Promise((resolve) => setImmediate(resolve));
      const nowMs = performance.now();
      longestMs = Math.max(longestMs, nowMs - lastMs);
      lastMs = nowMs;
    }
  })();
  await work;
  ended = true;
  await watch;
  return longestMs;
}

/** Ingests a text body on the real clock; says how it ended and the longest turn. */
async function ingest(
  body: Uint8Array,
  rules = PLAIN_INGEST_RULES,
  make = (bytes: Uint8Array): ExpositionParser => new TextParser(bytes),
): Promise<{ error: string; longestMs: number; scraped: number }> {
  const clock = new SystemClock();
  const storage = new ScrapeStorage();
  const run = new Ingest(rules, new ScrapeCache(1), new SampleColumns(), storage.appender(0), 0, 0);
  const ended = run.run(() => make(body), clock);
  const longestMs = await longestTurnMs(ended);

  return { error: (await ended)?.error.message ?? '', longestMs, scraped: run.counts.scraped };
}

describe('huge bodies: linear time, and others get their turns', () => {
  // Turns are told by an outside measure on a busy machine, so the bar is far above what is aimed at (10 ms).
  const BAR_MS = 400;
  const big = (text: string, bytes: number): Buffer => Buffer.alloc(bytes, text);

  test.each([
    ['one value of 50 MB', Buffer.concat([Buffer.from('a '), big('1', 50 * MIB)]), /value out of range/],
    ['one name of 50 MB', big('a', 50 * MIB), /^series longer than 1048576 bytes/],
    [
      'one label value of 50 MB',
      Buffer.concat([Buffer.from('a{b="'), big('x', 50 * MIB), Buffer.from('"} 1\n')]),
      /^series longer than/,
    ],
    [
      'endless labels',
      Buffer.concat([Buffer.from('a{'), big('b="c",', 50 * MIB), Buffer.from('} 1\n')]),
      /^series longer than/,
    ],
    ['50 MB of blanks', big(' ', 50 * MIB), /expected a valid start token/],
    ['10 MB of newlines', big('\n', 10 * MIB), /^$/],
    ['10 MB of comments', big('# x\n', 10 * MIB), /^$/],
    ['one comment of 50 MB', big('#', 50 * MIB), /^$/],
    ['one help text of 50 MB', Buffer.concat([Buffer.from('# HELP a '), big('x', 50 * MIB)]), /^$/],
    ['opened quotes', big('a{b="', 5 * MIB), /./],
    ['backslashes', Buffer.concat([Buffer.from('a{b="'), big('\\', 5 * MIB)]), /./],
  ])('%s', async (_, body, error) => {
    const result = await ingest(body);
    expect(result.error).toMatch(error);
    expect(result.longestMs).toBeLessThan(BAR_MS);
  });

  test('50,000 series', async () => {
    const lines: string[] = [];
    for (let i = 0; i < 50_000; i++) lines.push(`m{i="${i}",host="some-host-name"} ${i / 7}`);
    const result = await ingest(Buffer.from(`${lines.join('\n')}\n`));
    expect(result.scraped).toBe(50_000);
    expect(result.error).toBe('');
    expect(result.longestMs).toBeLessThan(BAR_MS);
  });

  test('the same series 100,000 times', async () => {
    const result = await ingest(Buffer.from('m{a="b"} 1\n'.repeat(100_000)));
    expect(result.scraped).toBe(100_000);
  });

  // Each sample's start timestamp is looked for behind it, where there is none.
  test.each([
    ['200,000 counters without start', '# TYPE m counter\n', (i: number) => `m_total{i="${i}"} 1\n`],
    [
      '200,000 gauges and a counter behind them',
      '# TYPE m gauge\n',
      (i: number) => (i === 199_999 ? '# TYPE c counter\nc_total 1\nc_created 1\n' : `m{i="${i}"} 1\n`),
    ],
  ])('%s', async (_, head, line) => {
    const lines = Array.from({ length: 200_000 }, (_unused, i) => line(i)).join('');
    const features = scrapeFeatures(new Set(['st-storage', 'type-and-unit-labels']));
    const body = Buffer.from(`${head}${lines}# EOF\n`);
    const result = await ingest(
      body,
      { ...PLAIN_INGEST_RULES, features },
      (bytes) => new OpenMetricsParser(bytes),
    );
    expect(result).toMatchObject({ error: '', scraped: 200_000 });
    expect(result.longestMs).toBeLessThan(BAR_MS);
  });

  const CHOICE = { native: true, alwaysClassic: false, convertClassic: false };
  const fromProto = (bytes: Uint8Array): ExpositionParser => new ProtoParser(bytes, bytes.length, CHOICE);
  const manyBuckets = (count: number): ProtoFamily => ({
    name: 'h',
    type: 'histogram',
    metrics: [
      { histogram: { count: 1, buckets: Array.from({ length: count }, (_, i) => ({ bound: i, count: 1 })) } },
    ],
  });
  const native = (buckets: number): ProtoFamily['metrics'][0] => ({
    histogram: {
      count: buckets,
      schema: 8,
      positiveSpans: [0, buckets],
      positiveDeltas: [1, ...new Array<number>(buckets - 1).fill(0)],
    },
  });

  test.each<[string, () => Uint8Array, RegExp]>([
    [
      '100,000 gauges in protobuf',
      () =>
        protoBody({
          name: 'm',
          type: 'gauge',
          metrics: Array.from({ length: 100_000 }, (_, i) => ({ labels: { i: `${i}` }, gauge: i })),
        }),
      /^$/,
    ],
    ['50,000 buckets in protobuf', () => protoBody(manyBuckets(50_000)), /^$/],
    [
      'a native histogram of 100,000 buckets',
      () => protoBody({ name: 'h', type: 'histogram', metrics: [native(100_000)] }),
      /^$/,
    ],
    [
      '200 native histograms of 5,000 buckets',
      () =>
        protoBody({
          name: 'h',
          type: 'histogram',
          metrics: Array.from({ length: 200 }, (_, i) => ({ ...native(5000), labels: { i: `${i}` } })),
        }),
      /^$/,
    ],
    [
      'a native histogram of too many buckets',
      () => protoBody({ name: 'h', type: 'histogram', metrics: [native(140_000)] }),
      /more than 131072 buckets/,
    ],
    ['a million fields that nobody knows', () => unknownFields(1_000_000), /^$/],
  ])('%s', async (_, make, error) => {
    const result = await ingest(make(), PLAIN_INGEST_RULES, fromProto);
    expect(result.error).toMatch(error);
    expect(result.longestMs).toBeLessThan(BAR_MS);
  });

  test('a classic histogram of 300,000 buckets that is to be converted', async () => {
    const lines = Array.from({ length: 300_000 }, (_, i) => `h_bucket{le="${300_000 - i}"} 1\n`).join('');
    const make = (bytes: Uint8Array): ExpositionParser => new NhcbParser(new TextParser(bytes), false);
    const result = await ingest(Buffer.from(`# TYPE h histogram\n${lines}g 1\n`), PLAIN_INGEST_RULES, make);
    expect(result).toMatchObject({ error: '', scraped: 1 });
    expect(result.longestMs).toBeLessThan(BAR_MS);
  });

  test('200 histograms of 5,000 buckets in OpenMetrics 2.0', async () => {
    const buckets = new Array<string>(5000).fill('1').join(',');
    const value = `{count:5000,sum:1,schema:8,zero_threshold:0,zero_count:0,positive_spans:[0:5000],positive_buckets:[${buckets}]}`;
    const lines = Array.from({ length: 200 }, (_, i) => `h{i="${i}"} ${value} # {} 1 1\n`).join('');
    const make = (bytes: Uint8Array): ExpositionParser => new OpenMetrics2Parser(bytes, bytes.length, CHOICE);
    const result = await ingest(Buffer.from(`${lines}# EOF\n`), PLAIN_INGEST_RULES, make);
    expect(result).toMatchObject({ error: '', scraped: 200 });
    expect(result.longestMs).toBeLessThan(BAR_MS);
  });

  test('OpenMetrics without an end', () => {
    const parser = new OpenMetricsParser(Buffer.from('a 1\n'.repeat(100_000)));
    let count = 0;
    expect(() => {
      while (parser.next() === Entry.series) count++;
    }).toThrow('data does not end with # EOF');
    expect(count).toBe(100_000);
  });
});

describe('a hostile target does not disturb its neighbour', () => {
  test.each([
    ['never answers', async () => new Promise<never>(() => undefined)],
    ['breaks the connection', async () => Promise.reject(new Error('connection reset by peer'))],
    [
      'breaks off in the body',
      async () => ({ status: 200, headers: { 'content-type': 'text/plain' }, body: breaking() }),
    ],
    ['sends a page', async () => ({ status: 200, headers: { 'content-type': 'text/html' }, body: '<html>' })],
    [
      'sends bytes',
      async () => ({
        status: 200,
        headers: { 'content-type': 'text/plain' },
        body: Buffer.alloc(1000, 0xff),
      }),
    ],
    [
      'says gzip and sends none',
      async () => ({
        status: 200,
        headers: { 'content-type': 'text/plain', 'content-encoding': 'gzip' },
        body: 'a 1\n',
      }),
    ],
  ])('that %s', async (_, answer) => {
    const world = new ScrapeWorld();
    world.network.serve('a:9000', answer);
    world.serve('b:9000', () => 'x 1\n');
    await world.apply(`
scrape_configs:
  - job_name: model
    scrape_interval: 10s
    static_configs: [{ targets: ['a:9000', 'b:9000'] }]
`);
    await world.pass(50.2);
    const [bad, good] = world.manager.targets().active;
    expect(bad!.health).toBe('down');
    expect(bad!.lastError).not.toBe('');
    expect(good!.health).toBe('up');
    expect(world.storage.values('x')).toEqual([1, 1, 1, 1, 1]);
    await world.manager.stop();
  });
});

describe('a failing target does not grow its cache for ever', () => {
  test('labels that change with every refused scrape', async () => {
    const world = new ScrapeWorld();
    let round = 0;
    world.serve('a:9000', () => {
      round++;
      return `${Array.from({ length: 900 }, (_, i) => `a{i="${round}-${i}"} 1\n`).join('')}broken\n`;
    });
    await world.apply(oneJob());
    await world.pass(100);
    expect(await world.metric('prometheus_target_scrapes_cache_flush_forced_total')).toBeGreaterThan(3);
    await world.manager.stop();
  });
});

/** A family of one gauge and as many fields that it does not have. */
function unknownFields(count: number): Buffer {
  const one = protoBody({ name: 'm', type: 'gauge', metrics: [{ gauge: 1 }] }).subarray(1);
  const family = Buffer.concat([one, Buffer.alloc(2 * count, Buffer.from([8 * 9, 1]))]);
  const length: number[] = [];
  for (let left = family.length; ; left >>>= 7) {
    length.push((left & 127) | (left > 127 ? 128 : 0));
    if (left <= 127) break;
  }
  return Buffer.concat([Buffer.from(length), family]);
}

async function* breaking(): AsyncGenerator<Uint8Array> {
  yield Buffer.from('a 1\n');
  throw new Error('connection reset by peer');
}
