import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { OpenMetricsParser } from '../../../src/scrape/index.ts';
import { METRIC_TYPES } from '../../../src/core/metric-types.ts';
import { Entry } from '../../../src/scrape/parser/entry.ts';
import { StartTimes } from '../../../src/scrape/parser/start-times.ts';
import { ScrapeWorld, START_MS, oneJob } from './scrape-world.ts';

const OPENMETRICS = 'application/openmetrics-text; version=1.0.0';

/** A world whose one target answers with the texts one after the other, the last one again and again. */
async function worldOf(
  features: string[],
  texts: readonly string[],
  type = OPENMETRICS,
): Promise<ScrapeWorld> {
  const world = new ScrapeWorld(features);
  let round = 0;
  world.serve('a:9000', () => texts[Math.min(round++, texts.length - 1)]!, type);
  await world.apply(oneJob());
  await world.pass(0.2);
  return world;
}

/** The text of a series without the target's labels. */
function ownText(text: string): string {
  return text.replace(/, (?:instance|job)="[^"]*"/g, '').replace(/(?:instance|job)="[^"]*"(?:, )?/g, '');
}

/** The target's own series. */
function seriesOf(world: ScrapeWorld): string[] {
  return Object.keys(world.storage.dump())
    .map((text) => ownText(text).replaceAll(', ', ','))
    .filter((text) => !/^(?:up|scrape_\w+)\b/.test(text))
    .sort();
}

// What is expected here is what Prometheus 3.14 makes of the same bodies.
describe('type-and-unit-labels', () => {
  const cases: [what: string, body: string, type: string, series: string[]][] = [
    [
      'the series has other ones: they give way',
      '# TYPE a_seconds counter\n# UNIT a_seconds seconds\na_seconds_total{x="1",__type__="mine",__unit__="bytes"} 1\n# EOF\n',
      OPENMETRICS,
      ['a_seconds_total{__type__="counter",__unit__="seconds",x="1"}'],
    ],
    [
      'unknown type and empty unit: those of the series stay',
      '# UNIT u \nu{__type__="kept",__unit__="kept"} 1\n# EOF\n',
      OPENMETRICS,
      ['u{__type__="kept",__unit__="kept"}'],
    ],
    [
      'a unit holds until the next, for other families too',
      '# TYPE a_bytes gauge\n# UNIT a_bytes bytes\na_bytes 1\n# TYPE b info\nb_info 1\n# TYPE c gauge\n# UNIT c \nc 1\n# EOF\n',
      OPENMETRICS,
      [
        'a_bytes{__type__="gauge",__unit__="bytes"}',
        'b_info{__type__="info",__unit__="bytes"}',
        'c{__type__="gauge"}',
      ],
    ],
    [
      'a second name',
      '# TYPE n counter\nn_total{__name__="other"} 3\n{"q.r",__name__="other"} 3\n# EOF\n',
      OPENMETRICS,
      ['n_total{__type__="counter"}', '{__name__="q.r",__type__="counter"}'],
    ],
    [
      'text: units are comments there',
      '# TYPE a_seconds_total counter\n# UNIT a_seconds_total seconds\na_seconds_total{__type__="mine",__unit__="bytes"} 1\nbare 1\n# TYPE u untyped\nu{__type__="kept"} 1\n',
      'text/plain; version=0.0.4',
      [
        'a_seconds_total{__type__="counter",__unit__="bytes"}',
        'bare{__type__="counter"}',
        'u{__type__="kept"}',
      ],
    ],
  ];

  test.each(cases)('%s', async (_, body, type, series) => {
    const world = await worldOf(['type-and-unit-labels'], [body], type);
    await world.pass(10);
    expect(world.target.lastError).toBe('');
    expect(seriesOf(world)).toEqual(series);
    await world.manager.stop();
  });

  test('without it nothing is added, and two names are an error', async () => {
    const world = await worldOf(
      [],
      ['# TYPE a gauge\na{__type__="mine"} 1\n# EOF\n', 'n{__name__="o"} 1\n# EOF\n'],
    );
    await world.pass(10);
    expect(seriesOf(world)).toEqual(['a{__type__="mine"}']);
    await world.pass(10);
    expect(world.target.lastError).toBe('label name "__name__" is not unique: invalid sample');
    await world.manager.stop();
  });

  test('a series that is new behind lines that are not gets them; so does one that the storage forgot', async () => {
    const head = '# TYPE a_bytes gauge\n# UNIT a_bytes bytes\n';
    const world = await worldOf(
      ['type-and-unit-labels'],
      [`${head}a_bytes 1\n# EOF\n`, `${head}a_bytes 1\na_bytes{x="1"} 1\n# EOF\n`],
    );
    const both = [
      'a_bytes{__type__="gauge",__unit__="bytes",x="1"}',
      'a_bytes{__type__="gauge",__unit__="bytes"}',
    ].sort();
    await world.pass(20);
    expect(seriesOf(world)).toEqual(both);
    world.storage.reclaim();
    await world.pass(10);
    expect(seriesOf(world)).toEqual(both);
    await world.manager.stop();
  });

  test('relabelling sees them', async () => {
    const world = new ScrapeWorld(['type-and-unit-labels']);
    world.serve('a:9000', () => '# TYPE a counter\na_total 1\n# TYPE g gauge\ng 1\n# EOF\n', OPENMETRICS);
    await world.apply(
      oneJob('    metric_relabel_configs: [{ source_labels: [__type__], regex: counter, action: drop }]'),
    );
    await world.pass(10);
    expect(Object.keys(world.storage.dump('a_total'))).toEqual([]);
    expect(Object.keys(world.storage.dump('g'))).toHaveLength(1);
    await world.manager.stop();
  });
});

/** As Prometheus 3.14 stores it. */
const STARTS = `# TYPE h histogram
h_bucket{y="1",le="0.5"} 1
h_bucket{y="1",le="+Inf"} 2
h_count{y="1"} 2
h_created{y="1"} 1600000002
h_bucket{y="2",le="+Inf"} 2
h_created{y="2"} 1600000003.25
h_count{y="2"} 2
# TYPE s summary
s{quantile="0.5"} 1
s_sum 1
s_created 1600000004
# TYPE g gauge
g 1
g_created 5
# TYPE two counter
two_total{x="1"} 1
two_total{x="2"} 2
two_created{x="1"} 1600000005
two_created{x="2"} 1600000006
# TYPE tail counter
tail_total 1
tail_created -5
# TYPE nan counter
nan_total 1
nan_created NaN
# TYPE "q.r" counter
{"q.r_total",x="1"} 1
{"q.r_created",x="1"} 1600000007
# TYPE last counter
last_total 1
# EOF
`;

describe('start timestamps of OpenMetrics', () => {
  test.each([
    [1, 'at first'],
    [3, 'when the lines are known'],
  ])('st-storage after %s scrapes: samples have them, %s', async (rounds) => {
    const world = await worldOf(['st-storage'], [STARTS]);
    await world.pass(rounds * 10);
    const starts = Object.entries(world.storage.dump()).flatMap(([text, samples]) => {
      expect(samples).toHaveLength(rounds);
      const { startMs } = samples.at(-1)!;
      return startMs === undefined ? [] : [[ownText(text), startMs]];
    });
    expect(Object.fromEntries(starts)).toEqual({
      'h_bucket{le="0.5", y="1"}': 1_600_000_002_000,
      'h_bucket{le="+Inf", y="1"}': 1_600_000_002_000,
      'h_count{y="1"}': 1_600_000_002_000,
      'h_bucket{le="+Inf", y="2"}': 1_600_000_003_250,
      'h_count{y="2"}': 1_600_000_003_250,
      's{quantile="0.5"}': 1_600_000_004_000,
      's_sum{}': 1_600_000_004_000,
      'two_total{x="1"}': 1_600_000_005_000,
      'tail_total{}': -5000,
      '{__name__="q.r_total", x="1"}': 1_600_000_007_000,
    });
    const names = Object.keys(world.storage.dump()).filter((text) => text.includes('_created'));
    expect(names).toHaveLength(1);
    expect(names[0]).toContain('g_created');
    expect(world.storage.values('scrape_samples_scraped').at(-1)).toBe(15);
    await world.manager.stop();
  });

  test('without it they are samples', async () => {
    const world = await worldOf([], [STARTS]);
    await world.pass(10);
    expect(Object.keys(world.storage.dump()).filter((text) => text.includes('_created'))).toHaveLength(9);
    expect(Object.values(world.storage.dump()).every(([sample]) => sample!.startMs === undefined)).toBe(true);
    await world.manager.stop();
  });

  test('in the text format `_created` is no start', async () => {
    const world = await worldOf(
      ['st-storage'],
      ['# TYPE a counter\na_total 1\na_created 1600000000\n'],
      'text/plain',
    );
    await world.pass(10);
    expect(world.storage.values('a_created')).toEqual([1_600_000_000]);
    await world.manager.stop();
  });

  test('created-timestamp-zero-ingestion: a 0 at the start, when nothing newer is there', async () => {
    const at = START_MS / 1000;
    const body = `# TYPE a counter
a_total{x="1"} 10
a_created{x="1"} ${at - 20}
a_total{x="2"} 10
a_created{x="2"} ${at + 600}
a_total{x="3"} 10 ${at - 30}
a_created{x="3"} ${at - 40}
# EOF
`;
    const world = await worldOf(['created-timestamp-zero-ingestion'], [body]);
    await world.pass(10);
    const series = Object.entries(world.storage.dump('a_total')).map(([text, samples]) => [
      /x="(.)"/.exec(text)![1],
      samples.map(({ tMs, value, startMs }) => [(tMs - START_MS) / 1000, value, startMs]),
    ]);
    const [[, first]] = series as [[string, [number, number][]]];
    const scrapedAt = first[1]![0];
    expect(Object.fromEntries(series)).toEqual({
      1: [
        [-20, 0, undefined],
        [scrapedAt, 10, undefined],
      ],
      2: [[scrapedAt, 10, undefined]],
      3: [
        [-40, 0, undefined],
        [-30, 10, undefined],
      ],
    });
    await world.manager.stop();
  });
});

/** Lines that look like each other, so that all kinds of mix-up occur. */
const line = fc.oneof(
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      '# TYPE a counter',
      '# TYPE ab histogram',
      '# TYPE a summary',
      '# TYPE a gauge',
      '# HELP a x',
      '# HELP abc x',
    ),
  },
  {
    weight: 8,
    arbitrary: fc
      .tuple(
        fc.constantFrom(
          'a',
          'ab',
          'a_total',
          'ab_bucket',
          'a_count',
          'a_created',
          'ab_created',
          'abc_created',
          '_created',
        ),
        fc.constantFrom(
          '',
          '{x="1"}',
          '{x="2"}',
          '{x="1",le="1"}',
          '{le="1",x="1"}',
          '{quantile="1"}',
          '{x="\\"}"}',
        ),
        fc.constantFrom('1', '2.5', '0', '-1'),
        fc.boolean(),
      )
      .map(([name, labels, value, quoted]) => {
        if (!quoted) return `${name}${labels} ${value}`;
        return `{"${name}"${labels === '' ? '}' : `,${labels.slice(1)}`} ${value}`;
      }),
  },
);

interface Line {
  readonly isMeta: boolean;
  readonly type: string;
  readonly name: string;
  readonly labels: string;
  readonly family: number;
  readonly value: number;
}

/** The plain way: for each sample look at all lines behind it. */
function plainStarts(texts: readonly string[]): number[] {
  let type = 'unknown';
  let family = 0;
  const lines = texts.map((text): Line => {
    const meta = /^# (TYPE|HELP) (\w+) (\w+)$/.exec(text);
    if (meta !== null) {
      if (meta[1] === 'TYPE') type = meta[3]!;
      family = meta[2]!.length;
      return { isMeta: true, type, name: '', labels: '', family, value: 0 };
    }
    const [, quotedName, bareName, inner = '', value] = /^(?:\{"(\w+)",?|(\w+)\{?)(.*?)\}? (\S+)$/.exec(
      text,
    )!;
    const skipped = type === 'histogram' ? /le="1",?/ : type === 'summary' ? /quantile="1",?/ : /$^/;
    const labels = inner.replace(skipped, '').replace(/,$/, '');
    return { isMeta: false, type, name: (quotedName ?? bareName)!, labels, family, value: Number(value) };
  });
  let known: { key: string; startMs: number } | undefined;
  return lines.flatMap(({ isMeta, name, labels, family: length, type: own }, i) => {
    if (isMeta) return [];
    if (!['counter', 'histogram', 'summary'].includes(own)) {
      known = undefined;
      return [0];
    }
    if (name.endsWith('_created')) return [NaN];
    const key = `${name.slice(0, length)} ${labels}`;
    if (known?.key === key) return [known.startMs];
    known = undefined;
    const found = lines.slice(i + 1).find((other) => other.isMeta || other.name.endsWith('_created'));
    if (found === undefined || found.isMeta) return [0];
    if (`${found.name.slice(0, -'_created'.length)} ${found.labels}` !== key) return [0];
    if (found.value > 0) known = { key, startMs: found.value * 1000 };
    return [found.value * 1000];
  });
}

test('starts are found as by looking behind each sample', () => {
  fc.assert(
    fc.property(fc.array(line, { maxLength: 30 }), fc.boolean(), (lines, keepsUp) => {
      const parser = new OpenMetricsParser(Buffer.from([...lines, '# EOF\n'].join('\n')));
      const starts = new StartTimes(parser);
      const got: number[] = [];
      for (let entry = parser.next(); entry !== Entry.end; entry = parser.next()) {
        if (entry === Entry.series) got.push(starts.isStart() ? NaN : starts.startMs());
        if (keepsUp) starts.keepUp();
      }
      expect(METRIC_TYPES[parser.metricType]).toBeDefined();
      expect(got).toEqual(plainStarts(lines));
    }),
    { numRuns: 2000 },
  );
});

describe('exemplar-storage', () => {
  const body =
    '# TYPE a counter\na_total 1 # {trace_id="x\\"y"} 0.5 12.25\n' +
    '# TYPE h histogram\nh_bucket{le="1"} 1 # {t="1"} 0.7\nh_bucket{le="+Inf"} 1 9 # {t="2"} -1\n# EOF\n';

  test('hands over exemplars with their own times or those of their samples', async () => {
    const world = await worldOf(['exemplar-storage'], [body]);
    await world.pass(10);
    const atMs = Object.values(world.storage.dump())[0]![0]!.tMs;
    expect(world.storage.extras.slice(0, 3)).toEqual([
      'a_total {trace_id="x\\"y"} 0.5 12250 own',
      `h_bucket {t="1"} 0.7 ${atMs}`,
      'h_bucket {t="2"} -1 9000',
    ]);
    expect(await world.metric('prometheus_target_scrapes_exemplar_out_of_order_total')).toBeGreaterThan(0);
    await world.manager.stop();
  });

  test('nothing without it', async () => {
    const world = await worldOf([], [body]);
    await world.pass(10);
    expect(world.storage.extras).toEqual([]);
    await world.manager.stop();
  });
});

describe('metadata-wal-records', () => {
  test('describes series when they are new and when it changes, if the family is theirs', async () => {
    const first =
      '# HELP a_bytes Old.\n# TYPE a_bytes summary\n# UNIT a_bytes bytes\na_bytes_sum 1\nother 1\n# EOF\n';
    const world = await worldOf(['metadata-wal-records'], [first, first, first.replace('Old', 'New')]);
    await world.pass(40);
    expect(world.storage.extras).toEqual([
      'a_bytes_sum is summary,bytes,Old.',
      'a_bytes_sum is summary,bytes,New.',
    ]);
    await world.manager.stop();
  });
});
