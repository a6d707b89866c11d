import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { testText } from '../../../src/core/histogram/text.ts';
import { METRIC_TYPES } from '../../../src/core/metric-types.ts';
import { Entry, ExpositionError } from '../../../src/scrape/parser/entry.ts';
import type { ExpositionParser } from '../../../src/scrape/parser/exposition-parser.ts';
import type { HistogramChoice } from '../../../src/scrape/parser/metric-entries.ts';
import { ProtoParser } from '../../../src/scrape/parser/proto-parser.ts';
import { readSeriesLabels } from '../../../src/scrape/parser/series-labels.ts';
import { TextParser } from '../../../src/scrape/parser/text-parser.ts';
import { prometheusText } from '../../support/text-exposition.ts';
import { message, protoBody } from '../../support/proto-exposition.ts';
import type { ProtoFamily } from '../../support/proto-exposition.ts';
import { protoFamilies } from '../../support/proto-arbitrary.ts';
import { expectedLines } from '../../support/reference-proto.ts';
import { leastCpuMs } from '../../support/thread-cpu.ts';

const ALL: HistogramChoice = { native: true, alwaysClassic: true, convertClassic: false };
const NATIVE: HistogramChoice = { native: true, alwaysClassic: false, convertClassic: false };
const CLASSIC: HistogramChoice = { native: false, alwaysClassic: false, convertClassic: false };
const CONVERT: HistogramChoice = { native: true, alwaysClassic: false, convertClassic: true };

/** All entries of a body as lines. */
function lines(body: Uint8Array, choice: HistogramChoice = ALL): string[] {
  const parser = new ProtoParser(body, body.length, choice);
  const starts = parser.startSource();
  const found: string[] = [];
  for (;;) {
    const entry = parser.next();
    if (entry === Entry.end) return found;
    if (entry === Entry.pause) continue;
    if (entry === Entry.meta) {
      const kind = ['HELP', 'TYPE', 'UNIT'][parser.metaKind]!;
      found.push(`# ${kind} ${parser.metaFamily()} ${parser.metaText()}`);
      continue;
    }
    const labels = readSeriesLabels(parser.body, parser.seriesStart, parser.seriesEnd, parser.metricType);
    const value = entry === Entry.histogram ? testText(parser.histogram!) : String(parser.value);
    const time = Number.isNaN(parser.timestampMs) ? '' : ` @${parser.timestampMs}`;
    const start = starts.startMs() === 0 ? '' : ` st@${starts.startMs()}`;
    const exemplars = parser
      .exemplars()
      .map(
        (e) =>
          ` # ${e.labels.toString()} ${e.value}${Number.isNaN(e.timestampMs) ? '' : ` ${e.timestampMs}`}`,
      );
    found.push(`${labels.toString()} ${value}${time}${start}${exemplars.join('')}`);
  }
}

const errorOf = (body: Uint8Array, choice?: HistogramChoice): string => {
  try {
    lines(body, choice);
  } catch (error) {
    expect(error).toBeInstanceOf(ExpositionError);
    return (error as Error).message;
  }
  return '';
};

const family = (
  type: ProtoFamily['type'],
  metric: ProtoFamily['metrics'][number],
  name = 'm',
): ProtoFamily => ({ name, type, metrics: [metric] });

const SPANNED = {
  count: 7,
  sum: 3.5,
  schema: 1,
  zeroThreshold: 0.001,
  zeroCount: 2,
  positiveSpans: [0, 2, 1, 1],
  positiveDeltas: [1, 1, -1],
  negativeSpans: [-1, 1],
  negativeDeltas: [1],
  startMs: 1_500,
};
const SPANNED_TEXT =
  '{{schema:1 count:7 sum:3.5 z_bucket:2 z_bucket_w:0.001 buckets:[1 2 0 1] n_offset:-1 n_buckets:[1]}}';

describe('the protobuf format', () => {
  test('counters, gauges and untyped', () => {
    const body = protoBody(
      {
        name: 'c_total',
        help: 'what\nit is',
        unit: 'seconds',
        type: 'counter',
        metrics: [
          {
            labels: { path: '/"\\\n', a: 'ü' },
            counter: {
              value: 3,
              startMs: 1_234,
              exemplar: { labels: { trace_id: 'x' }, value: 0.5, timestampMs: 99_001 },
            },
          },
          { counter: { value: 4, exemplar: { value: 1 } }, timestampMs: 17 },
        ],
      },
      family('gauge', { gauge: -0.5 }, 'g'),
      family('untyped', { untyped: NaN, labels: { 'with space': 'x' } }, 'späce'),
    );
    expect(lines(body)).toEqual([
      '# HELP c_total what\nit is',
      '# UNIT c_total seconds',
      '# TYPE c_total counter',
      'c_total{a="ü", path="/\\"\\\\\\n"} 3 st@1234 # {trace_id="x"} 0.5 99001',
      'c_total 4 @17 # {} 1',
      '# HELP g ',
      '# TYPE g gauge',
      'g -0.5',
      '# HELP späce ',
      '# TYPE späce unknown',
      '{__name__="späce", "with space"="x"} NaN',
    ]);
  });

  test('summaries and classic histograms are the series of the text formats', () => {
    const body = protoBody(
      family('summary', { summary: { count: 3, sum: 1.5, quantiles: [0.5, 1, 1, 2], startMs: 5 } }, 's'),
      family('summary', { summary: { count: 1, sum: 2, quantiles: [] } }, 'bare'),
      family('histogram', {
        labels: { a: 'b' },
        histogram: {
          count: 5,
          sum: 2,
          buckets: [
            { bound: 1, count: 2, exemplar: { labels: { id: 'x' }, value: 0.1 } },
            { bound: 1e6, count: 4 },
          ],
        },
      }),
      family('gaugehistogram', {
        histogram: { countFloat: 1.5, sum: 1, buckets: [{ bound: Infinity, countFloat: 1.5 }] },
      }),
    );
    expect(lines(body).filter((line) => !line.startsWith('#'))).toEqual([
      's_count 3 st@5',
      's_sum 1.5 st@5',
      's{quantile="0.5"} 1 st@5',
      's{quantile="1.0"} 2 st@5',
      'bare_count 1',
      'bare_sum 2',
      'm_count{a="b"} 5',
      'm_sum{a="b"} 2',
      'm_bucket{a="b", le="1.0"} 2 # {id="x"} 0.1',
      'm_bucket{a="b", le="1e+06"} 4',
      'm_bucket{a="b", le="+Inf"} 5',
      'm_count 1.5',
      'm_sum 1',
      'm_bucket{le="+Inf"} 1.5',
    ]);
  });

  test('native histograms, of whole numbers and of floats', () => {
    const floats = {
      countFloat: 2.5,
      sum: 1,
      schema: -1,
      zeroCountFloat: 0.5,
      zeroThreshold: 0.1,
      positiveSpans: [3, 2],
      positiveCounts: [2, 0],
    };
    const body = protoBody(
      family('histogram', { histogram: SPANNED }),
      family('gaugehistogram', { histogram: floats, timestampMs: 5 }),
      family('histogram', { histogram: { positiveSpans: [0, 0] } }, 'none_yet'),
    );
    expect(lines(body).filter((line) => !line.startsWith('#'))).toEqual([
      `m ${SPANNED_TEXT} st@1500`,
      'm {{schema:-1 count:2.5 sum:1 z_bucket:0.5 z_bucket_w:0.1 counter_reset_hint:gauge offset:3 buckets:[2]}} @5',
      'none_yet {{}}',
    ]);
    expect(lines(body, CLASSIC).filter((line) => !line.startsWith('#'))).toContain(
      'm_bucket{le="+Inf"} 7 st@1500',
    );
  });

  test.each<[string, HistogramChoice, string[]]>([
    [
      'native and classic',
      ALL,
      [`m ${SPANNED_TEXT}`, 'm_count 7', 'm_sum 3.5', 'm_bucket{le="1.0"} 6', 'm_bucket{le="+Inf"} 7'],
    ],
    ['native alone', NATIVE, [`m ${SPANNED_TEXT}`]],
    ['native first, what is classic is not converted', CONVERT, [`m ${SPANNED_TEXT}`]],
    ['classic alone', CLASSIC, ['m_count 7', 'm_sum 3.5', 'm_bucket{le="1.0"} 6', 'm_bucket{le="+Inf"} 7']],
    [
      'classic converted where native ones are not wanted',
      { ...CONVERT, native: false },
      ['m {{schema:-53 count:7 sum:3.5 custom_values:[1] buckets:[6 1]}}'],
    ],
    [
      'classic converted and kept',
      { native: false, alwaysClassic: true, convertClassic: true },
      [
        'm_count 7',
        'm_sum 3.5',
        'm_bucket{le="1.0"} 6',
        'm_bucket{le="+Inf"} 7',
        'm {{schema:-53 count:7 sum:3.5 custom_values:[1] buckets:[6 1]}}',
      ],
    ],
  ])('of a histogram that is both: %s', (_, choice, expected) => {
    const { startMs: _startMs, ...both } = { ...SPANNED, buckets: [{ bound: 1, count: 6 }] };
    const body = protoBody(family('histogram', { histogram: both }));
    expect(lines(body, choice).filter((line) => !line.startsWith('#'))).toEqual(expected);
  });

  test('exemplars of native histograms need a time; their own list goes before those of buckets', () => {
    const own = [
      { labels: { id: 'late' }, value: 2, timestampMs: 2_000 },
      { labels: { id: 'timeless' }, value: 3 },
      { labels: { id: 'early' }, value: 1, timestampMs: 1_000 },
    ];
    const buckets = [
      { bound: 1, count: 1, exemplar: { labels: { id: 'bucket' }, value: 0.5, timestampMs: 5 } },
      { bound: 2, count: 1, exemplar: { labels: { id: 'no time' }, value: 0.5 } },
    ];
    const of = (histogram: object): string =>
      lines(protoBody(family('histogram', { histogram: { ...SPANNED, ...histogram } })), NATIVE).at(-1)!;
    expect(of({ exemplars: own, buckets })).toBe(
      `m ${SPANNED_TEXT} st@1500 # {id="late"} 2 2000 # {id="early"} 1 1000`,
    );
    expect(of({ buckets })).toBe(`m ${SPANNED_TEXT} st@1500 # {id="bucket"} 0.5 5`);
  });

  test('a family without metrics is nothing, and fields may come in any order', () => {
    const gauge = Buffer.from([10, 1, 103, 24, 1]);
    const metric = message(4, message(2, Buffer.from([9, 0, 0, 0, 0, 0, 0, 240, 63])));
    const wrapped = (bytes: Buffer): Buffer => Buffer.concat([Buffer.from([bytes.length]), bytes]);
    expect(lines(wrapped(gauge))).toEqual([]);
    expect(lines(Buffer.from([0]))).toEqual([]);
    expect(lines(wrapped(Buffer.concat([metric, gauge])))).toEqual(['# HELP g ', '# TYPE g gauge', 'g 1']);
  });

  test.each<[string, Uint8Array, string]>([
    [
      'cut off',
      protoBody(family('gauge', { gauge: 1 })).subarray(0, -1),
      'a message in protobuf format is cut off',
    ],
    ['no name', protoBody(family('gauge', { gauge: 1 }, '')), 'invalid metric name: '],
    [
      'an unknown type',
      Buffer.from([9, 10, 1, 103, 24, 9, 34, 0, 0, 0]).subarray(0, 8).fill(7, 0, 1),
      'unknown metric type for metric "g": 9',
    ],
    [
      'a nameless label',
      protoBody(family('gauge', { gauge: 1, labels: { '': 'x' } })),
      'invalid label name: ""',
    ],
    [
      'other buckets than spans say',
      protoBody(family('histogram', { histogram: { ...SPANNED, positiveDeltas: [1] } })),
      'histogram "m": positive side: spans require 3 buckets, have 1',
    ],
    [
      'text',
      Buffer.from('a 1\n'),
      'a message in protobuf format is cut off: it should have 97 bytes, there are 3',
    ],
    [
      'not a message',
      Buffer.from([2, 8, 1]),
      'metric family "" in protobuf format: a protocol buffer cannot be read',
    ],
  ])('refuses what is malformed: %s', (_, body, expected) => {
    expect(errorOf(body)).toContain(expected);
  });

  test('a classic histogram that contradicts itself cannot be converted', () => {
    const of = (histogram: object): string =>
      errorOf(protoBody(family('histogram', { histogram })), { ...CONVERT, native: false });
    expect(
      of({
        count: 2,
        buckets: [
          { bound: 1, count: 3 },
          { bound: 2, count: 1 },
        ],
      }),
    ).toBe('histogram "m": count is not cumulative: 1 < 3');
    expect(of({ count: 2, buckets: [{ bound: Infinity, count: 1 }] })).toBe(
      'histogram "m": count mismatch: count=2 != le=+Inf count=1',
    );
    expect(of({ count: 2, buckets: [{ bound: NaN, count: 1 }] })).toContain(
      'bucket boundary must not be NaN',
    );
  });

  test('what one metric becomes is bounded', () => {
    const labels = { a: 'x'.repeat(1 << 16) };
    const buckets = Array.from({ length: 1000 }, (_, i) => ({ bound: i, count: 1 }));
    expect(errorOf(protoBody(family('histogram', { labels, histogram: { count: 1, buckets } })))).toContain(
      'are too much',
    );
    const huge = protoBody(family('gauge', { gauge: 1, labels: { a: 'x'.repeat(1 << 20) } }));
    expect(errorOf(huge)).toContain('more than 1048576');
  });

  test('a hint is recognised exactly where the entry is the same', () => {
    const body = protoBody(
      { ...family('gauge', { gauge: 1, labels: { a: 'b' } }), help: 'h' },
      family('histogram', { histogram: SPANNED }),
    );
    const keys: Uint8Array[] = [];
    const walk = (hints: readonly Uint8Array[]): boolean[] => {
      const parser = new ProtoParser(body, body.length, NATIVE);
      const hinted: boolean[] = [];
      for (let i = 0; ; i++) {
        const hint = hints[i];
        if (hint !== undefined) parser.hint(hint, 0, hint.length);
        const entry = parser.next();
        if (entry === Entry.end) return hinted;
        hinted.push(parser.hinted);
        const [from, to] =
          entry === Entry.meta ? [parser.lineStart, parser.lineEnd] : [parser.seriesStart, parser.seriesEnd];
        keys[i] ??= parser.body.slice(from, to);
      }
    };
    expect(new Set(walk([]))).toEqual(new Set([false]));
    expect(new Set(walk([...keys]))).toEqual(new Set([true]));
    expect(new Set(walk(keys.map((key) => key.subarray(1))))).toEqual(new Set([false]));
  });

  test('gives what a plain decoder of the same families gives', () => {
    fc.assert(
      fc.property(protoFamilies(), fc.constantFrom(ALL, NATIVE, CLASSIC), (families, choice) => {
        expect(lines(protoBody(...families), choice)).toEqual(
          families.flatMap((one) => expectedLines(one, choice, METRIC_TYPES)),
        );
      }),
      { numRuns: 300, seed: 20 },
    );
  });

  test('gives the series, values and descriptions that text of the same metrics gives', () => {
    const read = (parser: ExpositionParser): string[] => {
      const found: string[] = [];
      for (let entry = parser.next(); entry !== Entry.end; entry = parser.next()) {
        if (entry === Entry.meta) {
          found.push(`${parser.metaKind} ${parser.metaFamily()} ${parser.metaText()}`);
          continue;
        }
        const { seriesStart, seriesEnd, metricType, value, timestampMs } = parser;
        const labels = readSeriesLabels(parser.body, seriesStart, seriesEnd, metricType);
        found.push(`${labels.toString()} ${value} ${timestampMs}`);
      }
      return found.sort();
    };
    // Quoted names keep their escapes in descriptions; text has neither units nor gauge histograms.
    const common = protoFamilies().map((families) =>
      families
        .filter(({ name, type }) => !/["\\\n]/.test(name) && type !== 'gaugehistogram')
        .map(({ unit: _unit, ...family }): ProtoFamily => family)
        .filter(({ metrics }) => metrics.length > 0),
    );
    fc.assert(
      fc.property(common, (families) => {
        const proto = protoBody(...families);
        expect(read(new ProtoParser(proto, proto.length, CLASSIC))).toEqual(
          read(new TextParser(Buffer.from(prometheusText(...families)))),
        );
      }),
      { numRuns: 300, seed: 22 },
    );
  });

  test('throws nothing but its own error, whatever the bytes', () => {
    const mutated = fc
      .tuple(protoFamilies(), fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 5 }), fc.nat())
      .map(([families, changes, cut]) => {
        const body = protoBody(...families);
        for (const [at, byte] of changes) if (body.length > 0) body[at % body.length] = byte;
        return cut % 4 === 0 && body.length > 0 ? body.subarray(0, cut % body.length) : body;
      });
    const bytes = fc.oneof(mutated, fc.uint8Array({ maxLength: 200 }));
    fc.assert(
      fc.property(bytes, fc.constantFrom(ALL, CONVERT, { ...CONVERT, native: false }), (body, choice) => {
        errorOf(body, choice);
      }),
      { numRuns: 3000, seed: 21 },
    );
  });

  test('takes time in proportion to the body', () => {
    const one = (count: number): Uint8Array =>
      protoBody({
        name: 'm',
        type: 'histogram',
        metrics: Array.from({ length: count }, (_, i) => ({
          labels: { a: `v${i}` },
          histogram: { ...SPANNED, buckets: Array.from({ length: 10 }, (__, b) => ({ bound: b, count: b })) },
        })),
      });
    const cost = (body: Uint8Array): number =>
      leastCpuMs(() => {
        const parser = new ProtoParser(body, body.length, ALL);
        while (parser.next() !== Entry.end);
      });
    const [small, large] = [cost(one(1000)), cost(one(8000))];
    expect(large).toBeLessThan(30 * small + 5);
  });
});
