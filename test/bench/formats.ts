import { SystemClock } from '../../src/core/system/system-clock.ts';
import { Labels } from '../../src/core/labels.ts';
import { Ingest } from '../../src/scrape/ingest.ts';
import { makeParser } from '../../src/scrape/parser/content-type.ts';
import { SampleColumns } from '../../src/scrape/sample-columns.ts';
import { ScrapeCache } from '../../src/scrape/scrape-cache.ts';
import { HeadStorage } from '../../src/storage/index.ts';
import { openMetrics2Text } from '../support/openmetrics2-exposition.ts';
import { PROTO_CONTENT_TYPE, protoBody } from '../support/proto-exposition.ts';
import type { ProtoFamily } from '../support/proto-exposition.ts';
import { prometheusText } from '../support/text-exposition.ts';
import { PLAIN_INGEST_RULES } from '../support/plain-ingest-rules.ts';

const TARGETS = 20;
/** Bodies with other values, taken in turn. */
const BODIES = 16;
const WARM_UP_ROUNDS = 30;
const ROUNDS = 30;
const REPEATS = 5;

const TEXT = 'text/plain; version=0.0.4';
const OPENMETRICS_2 = 'application/openmetrics-text; version=2.0.0';

interface Format {
  readonly name: string;
  readonly contentType: string;
  readonly convertClassic: boolean;
  readonly body: (round: number) => Buffer;
}

/** 1,000 gauges in 20 families. */
function gauges(round: number): ProtoFamily[] {
  return Array.from({ length: 20 }, (_, family) => ({
    name: `metric_${family}`,
    help: 'what the metric is about',
    type: 'gauge' as const,
    metrics: Array.from({ length: 50 }, (__, i) => ({
      labels: { path: `/api/v1/items/${i}`, method: 'GET', status: '200' },
      gauge: round * 1.5 + i,
    })),
  }));
}

/** 50 histograms of 18 classic buckets and, when `native`, 20 native ones. */
function histograms(round: number, native: boolean): ProtoFamily {
  return {
    name: 'latency_seconds',
    type: 'histogram',
    metrics: Array.from({ length: 50 }, (_, i) => ({
      labels: { path: `/api/v1/items/${i}` },
      histogram: {
        count: 20 * round,
        sum: round,
        ...(native
          ? { schema: 3, positiveSpans: [0, 20], positiveDeltas: [round, ...new Array<number>(19).fill(0)] }
          : { buckets: Array.from({ length: 18 }, (__, b) => ({ bound: b / 4, count: round * b })) }),
      },
    })),
  };
}

const FORMATS: readonly Format[] = [
  {
    name: 'gauges in text',
    contentType: TEXT,
    convertClassic: false,
    body: (round) => Buffer.from(prometheusText(...gauges(round))),
  },
  {
    name: 'gauges in OpenMetrics 2.0',
    contentType: OPENMETRICS_2,
    convertClassic: false,
    body: (round) => Buffer.from(openMetrics2Text(...gauges(round))),
  },
  {
    name: 'gauges in protobuf',
    contentType: PROTO_CONTENT_TYPE,
    convertClassic: false,
    body: (round) => protoBody(...gauges(round)),
  },
  {
    name: 'classic histograms in text',
    contentType: TEXT,
    convertClassic: false,
    body: (round) => Buffer.from(prometheusText(histograms(round, false))),
  },
  {
    name: 'classic histograms in protobuf',
    contentType: PROTO_CONTENT_TYPE,
    convertClassic: false,
    body: (round) => protoBody(histograms(round, false)),
  },
  {
    name: 'classic histograms in text, converted',
    contentType: TEXT,
    convertClassic: true,
    body: (round) => Buffer.from(prometheusText(histograms(round, false))),
  },
  {
    name: 'native histograms in protobuf',
    contentType: PROTO_CONTENT_TYPE,
    convertClassic: false,
    body: (round) => protoBody(histograms(round, true)),
  },
  {
    name: 'native histograms in OpenMetrics 2.0',
    contentType: OPENMETRICS_2,
    convertClassic: false,
    body: (round) => Buffer.from(openMetrics2Text(histograms(round, true))),
  },
];

/** CPU nanoseconds for each sample of a format, the least of some repeats. */
async function measure(format: Format): Promise<number> {
  const storage = new HeadStorage();
  const clock = new SystemClock();
  const columns = new SampleColumns();
  const options = {
    native: true,
    alwaysClassic: false,
    convertClassic: format.convertClassic,
    openMetrics2: true,
  };
  const bodies = Array.from({ length: BODIES }, (_, i) => {
    const body = format.body(i + 1);
    // With room for one byte more it need not be copied.
    const bytes = new Uint8Array(body.length + 1);
    bytes.set(body);
    return { bytes, length: body.length };
  });
  const targets = Array.from({ length: TARGETS }, (_, i) => ({
    cache: new ScrapeCache(i),
    rules: { ...PLAIN_INGEST_RULES, targetLabels: Labels.fromObject({ job: 'bench', instance: `${i}` }) },
  }));
  let samples = 0;
  let tMs = 1_800_000_000_000;
  const runRounds = async (rounds: number): Promise<void> => {
    for (let round = 0; round < rounds; round++) {
      tMs += 1000;
      const { bytes, length } = bodies[round % BODIES]!;
      for (const { cache, rules } of targets) {
        const appender = storage.appender(tMs);
        const ingest = new Ingest(rules, cache, columns, appender, tMs, tMs);
        const make = (): ReturnType<typeof makeParser> =>
          makeParser(bytes, length, format.contentType, '', options);
        const failure = await ingest.run(make, clock);
        if (failure !== undefined) throw failure.error;
        cache.finish(true);
        await appender.commit();
        samples += ingest.counts.scraped;
      }
    }
  };
  await runRounds(WARM_UP_ROUNDS);
  let best = Infinity;
  for (let repeat = 0; repeat < REPEATS; repeat++) {
    samples = 0;
    const before = process.cpuUsage();
    await runRounds(ROUNDS);
    const { user, system } = process.cpuUsage(before);
    best = Math.min(best, ((user + system) * 1000) / samples);
  }
  return best;
}

/**
 * What a sample costs from the bytes of a body to memory, by format, in one process without network and log: series that
 * are known, 20 targets one after the other.
 */
export async function run(): Promise<void> {
  for (const format of FORMATS) {
    console.log(`${format.name}: ${(await measure(format)).toFixed(0)} ns of CPU a sample`);
  }
}
