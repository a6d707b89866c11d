import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hasProgram } from '../support/programs.ts';
import { plainProtoFamilies } from '../support/proto-arbitrary.ts';
import { PROTO_CONTENT_TYPE, message, protoBody } from '../support/proto-exposition.ts';
import type { ProtoFamily, ProtoHistogramMessage, ProtoMetric } from '../support/proto-exposition.ts';
import { ScrapeDuel, isOwn, isReport } from './scrape-duel.ts';

/**
 * The same bodies in the protobuf format, served to Debian's Prometheus 2.42, which reads them with
 * `--enable-feature=native-histograms`, and to our scraping: same samples, histograms included, same `up`, same counts.
 */

const one = (type: ProtoFamily['type'], metric: ProtoMetric, name = 'm'): ProtoFamily => ({
  name,
  help: 'some help',
  type,
  metrics: [metric],
});
const histogram = (of: ProtoHistogramMessage, labels: Record<string, string> = {}): ProtoFamily =>
  one('histogram', { labels, histogram: of });

const NATIVE: ProtoHistogramMessage = {
  count: 7,
  sum: 3.5,
  schema: 1,
  zeroThreshold: 0.001,
  zeroCount: 2,
  positiveSpans: [0, 2, 1, 1],
  positiveDeltas: [1, 1, -1],
  negativeSpans: [-1, 1],
  negativeDeltas: [1],
};

function bytes(...parts: readonly (number | Buffer)[]): Buffer {
  return Buffer.concat(parts.map((part) => (typeof part === 'number' ? Buffer.from([part]) : part)));
}

/** A family by its raw fields, behind its length. */
function raw(...parts: readonly (number | Buffer)[]): Buffer {
  const family = bytes(...parts);
  return bytes(family.length, family);
}

const NAME_G = Buffer.from([10, 1, 103]);
const TYPE_GAUGE = Buffer.from([24, 1]);
const GAUGE_1 = message(4, message(2, Buffer.from([9, 0, 0, 0, 0, 0, 0, 240, 63])));

const random = fc.sample(plainProtoFamilies(), { numRuns: 25, seed: 5 });

const BODIES: Readonly<Record<string, Buffer>> = {
  counter: protoBody(one('counter', { counter: { value: 3 }, labels: { a: 'b' } })),
  gauge: protoBody(one('gauge', { gauge: -1.5 })),
  untyped: protoBody(one('untyped', { untyped: 1e21 })),
  'special-floats': protoBody({
    name: 'g',
    type: 'gauge',
    metrics: [NaN, Infinity, -Infinity, 0, -0, 5e-324].map((gauge, i) => ({
      gauge,
      labels: { i: String(i) },
    })),
  }),
  summary: protoBody(one('summary', { summary: { count: 3, sum: 1.5, quantiles: [0.5, 1, 0.99, 2, 1, 3] } })),
  'summary-bare': protoBody(one('summary', { summary: { count: 3, sum: 1.5, quantiles: [] } })),
  classic: protoBody(
    histogram({
      count: 5,
      sum: 2,
      buckets: [
        { bound: 0.005, count: 2 },
        { bound: 1, count: 4 },
        { bound: 1e7, count: 5 },
      ],
    }),
  ),
  'classic-with-inf': protoBody(
    histogram({
      count: 5,
      sum: 2,
      buckets: [
        { bound: 1, count: 4 },
        { bound: Infinity, count: 5 },
      ],
    }),
  ),
  'classic-beyond-inf': protoBody(
    histogram({
      count: 5,
      sum: 2,
      buckets: [
        { bound: Infinity, count: 5 },
        { bound: 1, count: 4 },
      ],
    }),
  ),
  'classic-no-buckets': protoBody(histogram({ count: 5, sum: 2 })),
  native: protoBody(histogram(NATIVE)),
  'native-labels': protoBody(histogram(NATIVE, { a: 'x"\n\\', b: 'ü' }), histogram(NATIVE, { a: 'y' })),
  'native-and-classic': protoBody(histogram({ ...NATIVE, buckets: [{ bound: 1, count: 6 }] })),
  'native-empty-buckets': protoBody(
    histogram({ count: 2, sum: 2, schema: 3, positiveSpans: [-4, 5], positiveDeltas: [1, -1, 0, 1, -1] }),
  ),
  'native-only-zero': protoBody(histogram({ count: 2, sum: 0, zeroThreshold: 1e-128, zeroCount: 2 })),
  'native-wide-gap': protoBody(
    histogram({ count: 2, sum: 3, schema: 8, positiveSpans: [-500, 1, 1000, 1], positiveDeltas: [1, 0] }),
  ),
  'native-nan-sum': protoBody(
    histogram({ count: 3, sum: NaN, schema: 0, positiveSpans: [0, 1], positiveDeltas: [2] }),
  ),
  'native-bad-count': protoBody(one('gauge', { gauge: 1 }, 'before'), histogram({ ...NATIVE, count: 1 })),
  'native-negative-bucket': protoBody(
    histogram({ count: 1, sum: 3, positiveSpans: [0, 2], positiveDeltas: [-1, 3] }),
  ),
  'native-negative-offset': protoBody(
    histogram({ count: 2, sum: 3, positiveSpans: [0, 1, -3, 1], positiveDeltas: [1, 0] }),
  ),
  'native-twice': protoBody(histogram(NATIVE), histogram({ ...NATIVE, sum: 9 })),
  'native-timed': protoBody(one('histogram', { histogram: NATIVE, timestampMs: Date.now() + 1000 })),
  'gauge-histogram': protoBody(one('gaugehistogram', { histogram: NATIVE })),
  'gauge-histogram-classic': protoBody(
    one('gaugehistogram', { histogram: { count: 2, sum: 1, buckets: [{ bound: 1, count: 1 }] } }),
  ),
  duplicates: protoBody(one('gauge', { gauge: 1 }), one('gauge', { gauge: 2 })),
  'duplicate-label': raw(
    NAME_G,
    TYPE_GAUGE,
    message(
      4,
      bytes(
        message(1, bytes(message(1, Buffer.from('a')), message(2, Buffer.from('b')))),
        message(1, bytes(message(1, Buffer.from('a')), message(2, Buffer.from('c')))),
      ),
    ),
  ),
  'empty-label': protoBody(one('gauge', { gauge: 1, labels: { a: '' } })),
  'label-conflict': protoBody(one('gauge', { gauge: 1, labels: { instance: 'mine', job: 'own' } })),
  'no-families': Buffer.from([0]),
  'family-without-metrics': raw(NAME_G, TYPE_GAUGE),
  'fields-in-any-order': raw(GAUGE_1, TYPE_GAUGE, NAME_G),
  'unknown-fields': raw(NAME_G, TYPE_GAUGE, message(4000, Buffer.from('x')), GAUGE_1),
  'value-of-another-type': raw(NAME_G, Buffer.from([24, 0]), GAUGE_1),
  'no-name': raw(TYPE_GAUGE, GAUGE_1),
  'dashed-name': protoBody(one('gauge', { gauge: 1 }, 'ok'), one('gauge', { gauge: 1 }, 'a-b')),
  'unknown-type': raw(NAME_G, Buffer.from([24, 17]), GAUGE_1),
  'nameless-label': protoBody(one('gauge', { gauge: 1, labels: { '': 'x' } })),
  'bad-utf8-value': raw(
    NAME_G,
    TYPE_GAUGE,
    message(4, message(1, bytes(message(1, Buffer.from('a')), message(2, Buffer.from([255]))))),
  ),
  'bad-utf8-help': raw(NAME_G, message(2, Buffer.from([255])), TYPE_GAUGE, GAUGE_1),
  'cut-off': protoBody(one('gauge', { gauge: 1 }), one('gauge', { gauge: 2 }, 'n')).subarray(0, -3),
  'trailing-byte': bytes(protoBody(one('gauge', { gauge: 1 })), 5),
  'text-as-protobuf': Buffer.from('a 1\nb 2\n'),
  'wrong-wire-type': raw(NAME_G, 33, 0, 0, 0, 0, 0, 0, 0, 0),
  'timed-gauge': protoBody(one('gauge', { gauge: 1, timestampMs: Date.now() + 1000 })),
  ...Object.fromEntries(random.map((families, i) => [`random-${i}`, protoBody(...families)])),
};

/** What 2.42 does otherwise, and why ours is meant. */
const DIFFERENT: Readonly<Record<string, string>> = {
  'dashed-name': 'any UTF-8 is a name since 3.0',
  'gauge-histogram-classic': 'classic gauge histograms came later than 2.42',
  limited: 'native histograms count for sample_limit since 2.43',
};

const pages = [...Object.keys(BODIES), 'gzip', 'vanishing', 'limited'];

describe.skipIf(!hasProgram('prometheus'))('scraping protobuf as Prometheus does', () => {
  let duel: ScrapeDuel;

  beforeAll(async () => {
    const target = (page: string, address: string): string =>
      `      - { targets: ['${address}'], labels: { __metrics_path__: /${page}, page: ${page} } }`;
    duel = await ScrapeDuel.start({
      pages,
      flags: ['--enable-feature=native-histograms'],
      serve: (page, count, response) => {
        const headers = { 'content-type': PROTO_CONTENT_TYPE };
        if (page === 'gzip') {
          response
            .writeHead(200, { ...headers, 'content-encoding': 'gzip' })
            .end(gzipSync(BODIES['native']!));
        } else if (page === 'vanishing') {
          const left = one('gauge', { gauge: 1 }, 'left');
          response
            .writeHead(200, headers)
            .end(count > 2 ? protoBody(left) : protoBody(histogram(NATIVE), left));
        } else response.writeHead(200, headers).end(BODIES[page === 'limited' ? 'native-labels' : page]);
      },
      config: (address) => `global: { scrape_interval: 2s, scrape_timeout: 2s }
scrape_configs:
  - job_name: corpus
    static_configs:
${pages
  .filter((page) => page !== 'limited')
  .map((page) => target(page, address))
  .join('\n')}
  - job_name: limited
    sample_limit: 1
    static_configs:
${target('limited', address)}
`,
      ours: (config) =>
        config.replace('{ scrape_interval', '{ scrape_native_histograms: true, scrape_interval'),
    });
  }, 60_000);

  afterAll(() => duel.stop());

  const same = pages.filter((page) => DIFFERENT[page] === undefined);

  test.each(same)('%s: up and counts', async (page) => {
    const { ours, theirs } = await duel.both(page, isReport);
    expect(ours).toEqual(theirs);
  });

  test.each(same)('%s: samples', async (page) => {
    const { ours, theirs } = await duel.both(page, isOwn);
    expect(ours).toEqual(theirs);
  });

  test('every difference is one', async () => {
    const any = (name: string): boolean => isReport(name) || isOwn(name);
    for (const page of Object.keys(DIFFERENT)) {
      const { ours, theirs } = await duel.both(page, any, 1);
      expect(ours, page).not.toEqual(theirs);
    }
  });
});
