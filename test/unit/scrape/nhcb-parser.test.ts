import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { testText } from '../../../src/core/histogram/text.ts';
import { ClassicHistogram } from '../../../src/scrape/parser/classic-histogram.ts';
import { Entry, ExpositionError } from '../../../src/scrape/parser/entry.ts';
import { NhcbParser } from '../../../src/scrape/parser/nhcb-parser.ts';
import { OpenMetricsParser } from '../../../src/scrape/parser/openmetrics-parser.ts';
import { readSeriesLabels } from '../../../src/scrape/parser/series-labels.ts';
import { TextParser } from '../../../src/scrape/parser/text-parser.ts';
import { ScrapeWorld, oneJob } from './scrape-world.ts';

interface Options {
  readonly keep?: boolean;
  readonly starts?: boolean;
}

/** The entries of a body as lines, type lines included. */
function lines(body: string, { keep = false, starts: wantsStarts = false }: Options = {}): string[] {
  const bytes = Buffer.from(body);
  const inner = body.endsWith('# EOF\n') ? new OpenMetricsParser(bytes) : new TextParser(bytes);
  const parser = new NhcbParser(inner, keep);
  const starts = wantsStarts ? parser.startSource() : undefined;
  const found: string[] = [];
  for (;;) {
    const entry = parser.next();
    if (entry === Entry.end) return found;
    if (entry === Entry.pause) continue;
    if (entry === Entry.meta) {
      found.push(`# ${parser.metaFamily()} ${parser.metaText()}`);
      continue;
    }
    const { seriesStart, seriesEnd, metricType, timestampMs } = parser;
    const labels = readSeriesLabels(parser.body, seriesStart, seriesEnd, metricType).toString();
    const value = entry === Entry.histogram ? testText(parser.histogram!) : String(parser.value);
    const time = Number.isNaN(timestampMs) ? '' : ` @${timestampMs}`;
    const startMs = starts?.startMs() ?? 0;
    const exemplars = parser.exemplars().map((e) => ` # ${e.labels.toString()} ${e.value}`);
    found.push(`${labels} ${value}${time}${startMs === 0 ? '' : ` st@${startMs}`}${exemplars.join('')}`);
  }
}

const CLASSIC = `# TYPE h histogram
h_bucket{a="b",le="1"} 1
h_bucket{a="b",le="2.5"} 3
h_bucket{a="b",le="+Inf"} 4
h_sum{a="b"} 7.5
h_count{a="b"} 4
`;
const CONVERTED = 'h{a="b"} {{schema:-53 count:4 sum:7.5 custom_values:[1 2.5] buckets:[1 2 1]}}';

describe('classic histograms as native ones with custom buckets', () => {
  test('take the place of the classic series, or stand behind them', () => {
    expect(lines(`${CLASSIC}# TYPE g gauge\ng 1\n`)).toEqual([
      '# h histogram',
      CONVERTED,
      '# g gauge',
      'g 1',
    ]);
    expect(lines(`${CLASSIC}g 1\n`)).toEqual(['# h histogram', CONVERTED, 'g 1']);
    expect(lines(CLASSIC)).toEqual(['# h histogram', CONVERTED]);
    expect(lines(CLASSIC, { keep: true })).toEqual([
      '# h histogram',
      'h_bucket{a="b", le="1.0"} 1',
      'h_bucket{a="b", le="2.5"} 3',
      'h_bucket{a="b", le="+Inf"} 4',
      'h_sum{a="b"} 7.5',
      'h_count{a="b"} 4',
      CONVERTED,
    ]);
  });

  test('one for each set of labels, in whatever order labels and lines come', () => {
    const body = `# TYPE h histogram
h_count{b="2",a="1"} 3
h_sum{a="1",b="2"} 1
h_bucket{le="+Inf",b="2",a="1"} 3
h_bucket{b="2",le="1",a="1"} 2
h_bucket{a="1"} 9
h_bucket{a="2",le="1"} 2
h_count{a="2"} 2
h_bucket{le="1"} 5
`;
    expect(lines(body)).toEqual([
      '# h histogram',
      'h{a="1", b="2"} {{schema:-53 count:3 sum:1 custom_values:[1] buckets:[2 1]}}',
      'h_bucket{a="1"} 9',
      'h{a="2"} {{schema:-53 count:2 custom_values:[1] buckets:[2]}}',
      'h {{schema:-53 count:5 custom_values:[1] buckets:[5]}}',
    ]);
  });

  test('what is about another family, of another type, or has no bound is left as it is', () => {
    const body = `# TYPE other histogram
h_bucket{le="1"} 1
# TYPE h histogram
h 1
h_bucket 2
h_bucket{le="x"} 3
h_bucket{le="NaN"} 3
h_created 4
# TYPE g gaugehistogram
g_bucket{le="1"} 1
# TYPE s summary
s_count 1
`;
    const openMetrics = lines(`${body}# EOF\n`);
    expect(openMetrics.filter((line) => line.includes('{{'))).toEqual([]);
    expect(openMetrics).toContain('h_bucket{le="x"} 3');
    expect(openMetrics).toHaveLength(12);
  });

  test('counts that are not whole, times, quoted names', () => {
    const body = `# TYPE "h ö" histogram
{"h ö_bucket",le="1",a="\\"x"} 0.5 7
{"h ö_bucket",le="+Inf",a="\\"x"} 1.5 7
{"h ö_sum",a="\\"x"} 3 8
`;
    expect(lines(body)).toEqual([
      '# h ö histogram',
      '{__name__="h ö", a="\\"x"} {{schema:-53 count:1.5 sum:3 custom_values:[1] buckets:[0.5 1]}} @8',
    ]);
  });

  test.each([
    ['counts fall', 'h_bucket{le="1"} 3\nh_bucket{le="2"} 1\nh_count 3\n'],
    ['a count is negative', 'h_bucket{le="1"} -1\nh_count 3\n'],
    ['the count is another', 'h_bucket{le="+Inf"} 1\nh_count 3\n'],
    ['the count is negative', 'h_bucket{le="1"} 1\nh_count -3\n'],
  ])('are left out without a word when %s', (_, series) => {
    expect(lines(`# TYPE h histogram\n${series}# TYPE g gauge\ng 1\n`)).toEqual([
      '# h histogram',
      '# g gauge',
      'g 1',
    ]);
    expect(lines(`# TYPE h histogram\n${series}`, { keep: true })).not.toContain('h {{');
  });

  test('exemplars with a time are kept', () => {
    const body = `# TYPE h histogram
h_bucket{le="1"} 1 # {id="x"} 0.5 9
h_bucket{le="+Inf"} 3 # {id="timeless"} 5
h_count 3 # {id="y"} 4 8
# EOF
`;
    const converted = 'h {{schema:-53 count:3 custom_values:[1] buckets:[1 2]}} # {id="x"} 0.5 # {id="y"} 4';
    expect(lines(body)).toEqual(['# h histogram', converted]);
    expect(lines(body, { keep: true }).slice(1, 3)).toEqual([
      'h_bucket{le="1.0"} 1 # {id="x"} 0.5',
      'h_bucket{le="+Inf"} 3 # {id="timeless"} 5',
    ]);
  });

  test('_created lines are start timestamps when these are wanted, wherever they stand', () => {
    const body = `# TYPE h histogram
h_count 3
h_created 2
h_bucket{le="+Inf"} 3
h_bucket{a="b",le="+Inf"} 1
h_created{a="b"} 4
# TYPE c counter
c_total 5
c_created 6
# EOF
`;
    expect(lines(body, { starts: true })).toEqual([
      '# h histogram',
      'h {{schema:-53 count:3 custom_values:[] buckets:[3]}} st@2000',
      'h{a="b"} {{schema:-53 count:1 custom_values:[] buckets:[1]}} st@4000',
      '# c counter',
      'c_total 5 st@6000',
    ]);
  });

  test('bounds in any order; the first of equal ones counts', () => {
    const of = (...buckets: [number, number][]): string => {
      const classic = new ClassicHistogram();
      for (const [bound, count] of buckets) classic.addBucket(bound, count);
      const converted = classic.convert(0);
      return typeof converted === 'string' ? converted : testText(converted.histogram);
    };
    const expected = '{{schema:-53 count:6 custom_values:[1 2] buckets:[1 2 3]}}';
    expect(of([1, 1], [2, 3], [Infinity, 6])).toBe(expected);
    expect(of([Infinity, 6], [2, 3], [1, 1], [2, 9])).toBe(expected);
    expect(of([2, 3], [1, 4])).toBe('count is not cumulative: 3 < 4');
    expect(of()).toBe('{{schema:-53 custom_values:[]}}');
    expect(of([1, 2])).toBe('{{schema:-53 count:2 custom_values:[1] buckets:[2]}}');
  });

  test('hints change nothing', () => {
    const bodies = fc.array(
      fc.constantFrom(
        'h_bucket{le="1"} 1',
        'h_bucket{le="+Inf"} 2',
        'h_sum 3',
        'h_count 2',
        'h_count{a="b"} 2',
        'h 1',
        'g 2',
        '# TYPE h histogram',
        '# TYPE g gauge',
      ),
      { maxLength: 14 },
    );
    fc.assert(
      fc.property(bodies, fc.boolean(), (all, keep) => {
        const body = Buffer.from(all.map((line) => `${line}\n`).join(''));
        const walk = (
          hints: readonly Uint8Array[],
        ): { keys: Uint8Array[]; shown: string[]; hinted: number } => {
          const parser = new NhcbParser(new TextParser(body), keep);
          const keys: Uint8Array[] = [];
          const shown: string[] = [];
          let hinted = 0;
          for (let i = 0; ; i++) {
            const hint = hints[i];
            if (hint !== undefined) parser.hint(hint, 0, hint.length);
            const entry = parser.next();
            if (entry === Entry.end) return { keys, shown, hinted };
            const isMeta = entry === Entry.meta;
            const { lineStart, lineEnd, seriesStart, seriesEnd, metricType, value, histogram } = parser;
            const key = parser.body.slice(isMeta ? lineStart : seriesStart, isMeta ? lineEnd : seriesEnd);
            keys.push(key);
            const said = isMeta ? '' : entry === Entry.histogram ? testText(histogram!) : String(value);
            shown.push(`${key.toString()} ${metricType} ${said}`);
            if (parser.hinted) {
              hinted++;
              expect(Buffer.from(key).equals(hint!)).toBe(true);
            }
          }
        };
        const plain = walk([]);
        const hinted = walk(plain.keys);
        expect(hinted.shown).toEqual(plain.shown);
        expect(hinted.hinted).toBe(plain.keys.length);
        expect(walk(plain.keys.slice(1)).shown).toEqual(plain.shown);
      }),
      { numRuns: 500, seed: 3 },
    );
  });

  test('throws nothing but its own error, whatever the bytes', () => {
    const pieces = fc.constantFrom(
      'h_bucket',
      '{le="1"}',
      '{a="b",le="',
      '+Inf"} ',
      ' 1\n',
      '\n',
      '# TYPE h histogram\n',
      'h_sum 1\n',
      '"',
      '\\',
    );
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 12 }), (parts) => {
        try {
          lines(parts.join(''));
        } catch (error) {
          expect(error).toBeInstanceOf(ExpositionError);
        }
      }),
      { numRuns: 2000, seed: 4 },
    );
  });

  test('in a scrape: stored, relabelled, ended; a job or a target may say so', async () => {
    const world = new ScrapeWorld();
    let body = CLASSIC;
    world.serve('a:9000', () => body);
    await world.apply(
      oneJob(`    convert_classic_histograms_to_nhcb: true
    metric_relabel_configs: [{ source_labels: [a], target_label: c }]
`),
    );
    await world.pass(20);
    body = 'g 1\n';
    await world.pass(10);
    const text = CONVERTED.slice('h{a="b"} '.length);
    expect(world.storage.dump('h')).toMatchObject({
      'h{a="b", c="b", instance="a:9000", job="model"}': [
        { value: text },
        { value: text },
        { value: 'stale' },
      ],
    });
    expect(world.storage.dump('h_count')).toEqual({});
    expect(world.storage.values('scrape_samples_scraped')).toEqual([1, 1, 1]);
    expect(world.storage.lookups).toBeLessThan(10);
    await world.manager.stop();

    const labelled = new ScrapeWorld(['type-and-unit-labels', 'metadata-wal-records']);
    labelled.serve('a:9000', () => CLASSIC);
    await labelled.apply(
      oneJob(
        '    relabel_configs: [{ target_label: __convert_classic_histograms_to_nhcb__, replacement: "1" }]\n',
      ),
    );
    await labelled.pass(10);
    expect(Object.keys(labelled.storage.dump('h'))).toEqual([
      'h{__type__="histogram", a="b", instance="a:9000", job="model"}',
    ]);
    expect(labelled.storage.extras).toEqual(['h is histogram,,']);
    await labelled.manager.stop();
  });
});
