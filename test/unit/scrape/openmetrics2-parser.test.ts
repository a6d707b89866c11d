import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { testText } from '../../../src/core/histogram/text.ts';
import { METRIC_TYPES } from '../../../src/core/metric-types.ts';
import { Entry, ExpositionError } from '../../../src/scrape/parser/entry.ts';
import type { ExpositionParser } from '../../../src/scrape/parser/exposition-parser.ts';
import type { HistogramChoice } from '../../../src/scrape/parser/metric-entries.ts';
import { OpenMetrics2Parser } from '../../../src/scrape/parser/openmetrics2-parser.ts';
import { ProtoParser } from '../../../src/scrape/parser/proto-parser.ts';
import { readSeriesLabels } from '../../../src/scrape/parser/series-labels.ts';
import { openMetrics2Text } from '../../support/openmetrics2-exposition.ts';
import { protoFamilies } from '../../support/proto-arbitrary.ts';
import { protoBody } from '../../support/proto-exposition.ts';
import type { ProtoExemplar, ProtoFamily } from '../../support/proto-exposition.ts';
import { leastCpuMs } from '../../support/thread-cpu.ts';
import { ScrapeWorld, oneJob } from './scrape-world.ts';

const NATIVE: HistogramChoice = { native: true, alwaysClassic: false, convertClassic: false };
const BOTH: HistogramChoice = { ...NATIVE, alwaysClassic: true };
const CLASSIC: HistogramChoice = { ...NATIVE, native: false };

/** The samples of a body as lines; with `types` the type that is in force for each. */
function samples(parser: ExpositionParser, types = false): string[] {
  const starts = parser.startSource()!;
  const found: string[] = [];
  for (;;) {
    const entry = parser.next();
    if (entry === Entry.end) return found;
    if (entry === Entry.meta || entry === Entry.pause) continue;
    const { seriesStart, seriesEnd, metricType, timestampMs } = parser;
    const labels = readSeriesLabels(parser.body, seriesStart, seriesEnd, metricType).toString();
    const value = entry === Entry.histogram ? testText(parser.histogram!) : String(parser.value);
    const time = Number.isNaN(timestampMs) ? '' : ` @${timestampMs}`;
    const start = starts.startMs() === 0 ? '' : ` st@${starts.startMs()}`;
    const exemplars = parser.exemplars().map((e) => ` # ${e.labels.toString()} ${e.value} ${e.timestampMs}`);
    const type = types ? ` ${METRIC_TYPES[metricType]!}` : '';
    found.push(`${labels} ${value}${time}${start}${exemplars.join('')}${type}`);
  }
}

const read = (body: string, choice = NATIVE, types = false): string[] => {
  const bytes = Buffer.from(`${body}# EOF\n`);
  return samples(new OpenMetrics2Parser(bytes, bytes.length, choice), types);
};

describe('OpenMetrics 2.0', () => {
  test('numbers: times, start timestamps, exemplars, in that order', () => {
    expect(
      read(`# TYPE a_total counter
a_total 1
a_total{x="1"} 2 3.5
a_total{x="2"} 2 st@4
a_total{x="3"} 2 3 st@4.25 # {} 1 2 # {id="y"} -1e3 5.5
# TYPE "ü b" gauge
{"ü b","l m"="\\"",n="o"} NaN
`),
    ).toEqual([
      'a_total 1',
      'a_total{x="1"} 2 @3500',
      'a_total{x="2"} 2 st@4000',
      'a_total{x="3"} 2 @3000 st@4250 # {} 1 2000 # {id="y"} -1000 5500',
      '{__name__="ü b", "l m"="\\"", n="o"} NaN',
    ]);
  });

  test('classic histograms and summaries become the series of 1.0', () => {
    const body = `# TYPE h histogram
h{a="b"} {count:17,sum:3.5,bucket:[0.5:1,1e6:3,+Inf:17]} 7 st@5 # {id="low"} 0.25 1 # {id="high"} 1e9 2
# TYPE g gaugehistogram
g {gcount:4,gsum:3,bucket:[1:1,+Inf:4]}
# TYPE s summary
s{a="b"} {count:2,sum:3,quantile:[0.5:1,1:NaN]} st@1
s {count:0,sum:0,quantile:[]}
`;
    expect(read(body)).toEqual([
      'h_count{a="b"} 17 @7000 st@5000',
      'h_sum{a="b"} 3.5 @7000 st@5000',
      'h_bucket{a="b", le="0.5"} 1 @7000 st@5000 # {id="low"} 0.25 1000',
      'h_bucket{a="b", le="1e+06"} 3 @7000 st@5000',
      'h_bucket{a="b", le="+Inf"} 17 @7000 st@5000 # {id="high"} 1000000000 2000',
      'g_gcount 4',
      'g_gsum 3',
      'g_bucket{le="1.0"} 1',
      'g_bucket{le="+Inf"} 4',
      's_count{a="b"} 2 st@1000',
      's_sum{a="b"} 3 st@1000',
      's{a="b", quantile="0.5"} 1 st@1000',
      's{a="b", quantile="1.0"} NaN st@1000',
      's_count 0',
      's_sum 0',
    ]);
    expect(read(body, { ...NATIVE, convertClassic: true }).slice(0, 2)).toEqual([
      'h{a="b"} {{schema:-53 count:17 sum:3.5 custom_values:[0.5 1e+06] buckets:[1 2 14]}} @7000 st@5000 # {id="low"} 0.25 1000 # {id="high"} 1000000000 2000',
      'g {{schema:-53 count:4 sum:3 custom_values:[1] counter_reset_hint:gauge buckets:[1 3]}}',
    ]);
  });

  test('native histograms, alone and with classic buckets', () => {
    const native = 'schema:1,zero_threshold:0.001,zero_count:2';
    const body = `# TYPE "n n" histogram
{"n n",a="b"} {count:59,sum:120,${native},negative_spans:[1:2],negative_buckets:[5,7],positive_spans:[-1:2,3:4],positive_buckets:[5,7,10,9,7,7],bucket:[1:40,+Inf:59]} # {id="x"} 0.5 2
# TYPE e histogram
e {count:0,sum:0,schema:3,zero_threshold:1e-4,zero_count:0}
# TYPE r:rate gaugehistogram
r:rate {gcount:0.5,gsum:1,${native.replace('2', '0.25')},positive_spans:[0:1],positive_buckets:[0.25]}
`;
    const lines = read(body, BOTH);
    expect(lines).toEqual([
      '{__name__="n n", a="b"} {{schema:1 count:59 sum:120 z_bucket:2 z_bucket_w:0.001 offset:-1 buckets:[5 7 0 0 0 10 9 7 7] n_offset:1 n_buckets:[5 7]}} # {id="x"} 0.5 2000',
      '{__name__="n n_count", a="b"} 59',
      '{__name__="n n_sum", a="b"} 120',
      '{__name__="n n_bucket", a="b", le="1.0"} 40 # {id="x"} 0.5 2000',
      '{__name__="n n_bucket", a="b", le="+Inf"} 59',
      'e {{schema:3 z_bucket_w:0.0001}}',
      'r:rate {{schema:1 count:0.5 sum:1 z_bucket:0.25 z_bucket_w:0.001 counter_reset_hint:gauge buckets:[0.25]}}',
    ]);
    expect(read(body, NATIVE)).toEqual([lines[0], ...lines.slice(5)]);
    expect(read(body, CLASSIC).slice(0, 4)).toEqual(lines.slice(1, 5));
  });

  test('what is said of a family holds for samples of that very name', () => {
    const body = `# TYPE a counter
# HELP a text
a 1
a_total 2
# TYPE "b" gauge
{"b",x="y"} 3
b 4
# HELP c text
c 5
# UNIT c seconds
# TYPE c info
c 6
`;
    expect(read(body, NATIVE, true)).toEqual([
      'a 1 counter',
      'a_total 2 unknown',
      'b{x="y"} 3 gauge',
      'b 4 gauge',
      'c 5 unknown',
      'c 6 info',
    ]);
  });

  test.each([
    ['a 1 2 3', 'expected next entry'],
    ['a 1 st@', 'syntax'],
    ['a 1 st@2 3', 'expected next entry'],
    ['a 1 # {} 2', 'expected timestamp of exemplar'],
    ['a 1 ', 'expected timestamp'],
    ['# TYPE h histogram\nh 1', 'metric "h" needs a composite value'],
    ['# TYPE h gauge\nh {count:1,sum:1,bucket:[+Inf:1]}', 'metric "h" has a composite value of another type'],
    ['# TYPE h summary\nh {count:1,sum:1,bucket:[+Inf:1]}', 'has a composite value of another type'],
    ['h {gcount:1,sum:1,bucket:[+Inf:1]}', 'with a field that is none'],
    ['h {}', 'with a field that is none'],
    ['h {count:1,sum:1}', 'without buckets and quantiles'],
    ['h {sum:1,count:1,bucket:[+Inf:1]}', 'whose field count is not in its place'],
    ['h {count:1,count:1,bucket:[+Inf:1]}', 'whose field count is not in its place'],
    ['h {count:1,sum:1,wibble:1}', 'with a field that is none, at "wibble:1}"'],
    ['h {count:1,bucket:[+Inf:1]}', 'without count and sum'],
    ['h {count:1,sum:1,bucket:[1:1]}', 'has no bucket up to +Inf'],
    ['h {count:1,sum:1,bucket:[2:1,1:1,+Inf:1]}', 'whose bounds do not rise'],
    ['h {count:1,sum:1,bucket:[1,+Inf:1]}', 'does not go on at ",+Inf:1]}"'],
    ['h {count:1,sum:1,bucket:[1:1,]}', 'syntax'],
    ['h {count:1, sum:1,bucket:[+Inf:1]}', 'with a field that is none'],
    ['h {count:1,sum:1,bucket:[+Inf:1]', 'does not go on at ""'],
    ['h {count:x,sum:1,bucket:[+Inf:1]}', 'syntax'],
    ['h {count:1,sum:1,schema:0,zero_threshold:0}', 'without zero_threshold and zero_count'],
    ['h {count:1,sum:1,schema:0.5,zero_threshold:0,zero_count:0}', 'has a schema that is not whole'],
    ['h {count:1,sum:1,zero_threshold:0,zero_count:0,bucket:[+Inf:1]}', 'native buckets without schema'],
    [
      'h {count:1,sum:1,schema:0,zero_threshold:0,zero_count:0,positive_spans:[0:1]}',
      'has spans without buckets',
    ],
    [
      'h {count:1,sum:1,schema:0,zero_threshold:0,zero_count:0,positive_spans:[0:-1],positive_buckets:[]}',
      'negative length',
    ],
    [
      'h {count:1,sum:1,schema:0,zero_threshold:0,zero_count:0,positive_spans:[0.5:1],positive_buckets:[1]}',
      'whole numbers',
    ],
    ['h {count:1,sum:1,quantile:[0.9:1,0.5:1]}', 'has quantiles that do not rise'],
    ['h {count:1,sum:1,bucket:[+Inf:1],quantile:[0.9:1]}', 'a summary and something else'],
    ['h{le="1"} {count:1,sum:1,bucket:[+Inf:1]}', 'label name "le" is not unique'],
  ])('%s is refused: %s', (line, message) => {
    expect(() => read(`${line}\n`)).toThrow(message);
    expect(() => read(`${line}\n`)).toThrow(ExpositionError);
  });

  test('a composite value has a largest size', () => {
    const body = `h {count:1,sum:1,bucket:[${'1:1,'.repeat(1 << 19)}+Inf:1]}\n`;
    expect(() => read(body)).toThrow('of more than 1048576 bytes');
  });

  /** The families with whole seconds, and exemplars only where both formats have them. */
  function common(families: readonly ProtoFamily[]): ProtoFamily[] {
    const whole = (ms: number): number => (Math.floor(Math.abs(ms) / 1000) + 1) * 1000;
    const exemplar = (e: ProtoExemplar): ProtoExemplar => ({ ...e, timestampMs: whole(e.timestampMs ?? 0) });
    const start = (of: { readonly startMs?: number }): { startMs?: number } =>
      of.startMs === undefined ? {} : { startMs: whole(of.startMs) };
    return families.map((family) => ({
      ...family,
      metrics: family.metrics.map(({ counter, summary, histogram: h, timestampMs, ...metric }) => ({
        ...metric,
        ...(timestampMs !== undefined && { timestampMs: whole(timestampMs) }),
        ...(counter !== undefined && {
          counter: {
            ...counter,
            ...start(counter),
            ...(counter.exemplar !== undefined && { exemplar: exemplar(counter.exemplar) }),
          },
        }),
        ...(summary !== undefined && { summary: { ...summary, ...start(summary) } }),
        ...(h !== undefined && {
          histogram: {
            ...h,
            ...start(h),
            exemplars: [],
            buckets: h.buckets!.map(({ bound, count = 0 }) => ({ bound, count })),
          },
        }),
      })),
    }));
  }

  test('has the same samples as protobuf of the same metrics', () => {
    fc.assert(
      fc.property(protoFamilies(), fc.constantFrom(NATIVE, BOTH, CLASSIC), (generated, choice) => {
        const families = common(generated);
        const text = Buffer.from(openMetrics2Text(...families));
        const proto = protoBody(...families);
        const inText = samples(new OpenMetrics2Parser(text, text.length, choice));
        const inProto = samples(new ProtoParser(proto, proto.length, choice));
        const endings = (line: string): string => line.replace(/_g(count|sum)/, '_$1');
        expect(inText.map(endings).sort()).toEqual(inProto.sort());
      }),
      { numRuns: 500, seed: 31 },
    );
  });

  test('throws nothing but its own error, whatever the bytes', () => {
    const mutated = fc
      .tuple(protoFamilies(), fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }), fc.nat())
      .map(([families, changes, cut]) => {
        const body = Buffer.from(openMetrics2Text(...common(families)));
        for (const [at, byte] of changes) body[at % body.length] = byte;
        return cut % 4 === 0 ? body.subarray(0, cut % body.length) : body;
      });
    const pieces = fc
      .array(
        fc.constantFrom(
          'h ',
          '{',
          '}',
          'count:1',
          'sum:1',
          ',',
          'bucket:[',
          '1:1',
          ']',
          '+Inf:2',
          ' st@1',
          ' # {} 1 1',
          '\n',
          '# TYPE h histogram\n',
          'schema:1',
          '"',
          '-',
        ),
        { maxLength: 25 },
      )
      .map((all) => Buffer.from(`${all.join('')}\n# EOF\n`));
    fc.assert(
      fc.property(
        fc.oneof(mutated, pieces),
        fc.constantFrom(BOTH, { ...NATIVE, convertClassic: true }),
        (body, choice) => {
          try {
            samples(new OpenMetrics2Parser(body, body.length, choice));
          } catch (error) {
            expect(error).toBeInstanceOf(ExpositionError);
          }
        },
      ),
      { numRuns: 3000, seed: 32 },
    );
  });

  test('takes time in proportion to the body', () => {
    const one = (count: number): Buffer => {
      const buckets = Array.from({ length: 12 }, (_, i) => `${i}:${i}`).join(',');
      const lines = Array.from(
        { length: count },
        (_, i) => `h{a="${i}"} {count:12,sum:3,bucket:[${buckets},+Inf:12]} # {} 3 4`,
      );
      return Buffer.from(['# TYPE h histogram', ...lines, '# EOF\n'].join('\n'));
    };
    const cost = (body: Buffer): number =>
      leastCpuMs(() => {
        const parser = new OpenMetrics2Parser(body, body.length, NATIVE);
        while (parser.next() !== Entry.end);
      });
    const [small, large] = [cost(one(1000)), cost(one(8000))];
    expect(large).toBeLessThan(30 * small + 5);
  });

  test('is asked for and read with --enable-feature=openmetrics-2.0 alone', async () => {
    const body =
      '# TYPE h histogram\nh {count:2,sum:3,schema:0,zero_threshold:0,zero_count:0,positive_spans:[0:1],positive_buckets:[2]}\n# EOF\n';
    const scraped = async (...features: string[]): Promise<{ world: ScrapeWorld; asked: string }> => {
      const world = new ScrapeWorld(features);
      const asked: (string | undefined)[] = [];
      world.network.serve('a:9000', (request) => {
        asked.push(request.headers['Accept']);
        const headers = { 'content-type': 'application/openmetrics-text; version=2.0.0; charset=utf-8' };
        return { status: 200, headers, body };
      });
      await world.apply(oneJob('    scrape_native_histograms: true\n'));
      await world.pass(20);
      await world.manager.stop();
      return { world, asked: asked[0]! };
    };
    const on = await scraped('openmetrics-2.0');
    expect(on.asked.split(',')).toEqual([
      'application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.7',
      'application/openmetrics-text;version=2.0.0;escaping=allow-utf-8;q=0.6',
      'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5',
      'application/openmetrics-text;version=0.0.1;q=0.4',
      'text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3',
      'text/plain;version=0.0.4;q=0.2',
      '*/*;q=0.1',
    ]);
    expect(on.world.storage.values('h')).toEqual([
      '{{count:2 sum:3 buckets:[2]}}',
      '{{count:2 sum:3 buckets:[2]}}',
    ]);
    const off = await scraped();
    expect(off.asked).not.toContain('2.0.0');
    expect(off.world.storage.values('up')).toEqual([0, 0]);
  });
});
