import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Labels } from '../../../src/core/labels.ts';
import { VirtualClock } from '../../../src/core/virtual-clock.ts';
import { scrapeFeatures } from '../../../src/scrape/features.ts';
import { histogramLimits } from '../../../src/scrape/histogram-limits.ts';
import { Ingest } from '../../../src/scrape/ingest.ts';
import type { IngestRules } from '../../../src/scrape/ingest.ts';
import { makeParser } from '../../../src/scrape/parser/content-type.ts';
import { SampleColumns } from '../../../src/scrape/sample-columns.ts';
import { ScrapeCache } from '../../../src/scrape/scrape-cache.ts';
import { HeadStorage } from '../../../src/storage/index.ts';
import { openMetrics2Text } from '../../support/openmetrics2-exposition.ts';
import { protoFamilies } from '../../support/proto-arbitrary.ts';
import { PROTO_CONTENT_TYPE, protoBody } from '../../support/proto-exposition.ts';
import { prometheusText } from '../../support/text-exposition.ts';

const NOW_MS = 1_800_000_000_000;
const OPENMETRICS = 'application/openmetrics-text; version=1.0.0';
const OPENMETRICS_2 = 'application/openmetrics-text; version=2.0.0';

const RULES: IngestRules = {
  targetLabels: Labels.fromObject({ job: 'j', instance: 'i' }),
  honorLabels: true,
  relabel: undefined,
  nameScheme: 'utf8',
  labelLimit: 0,
  labelNameLengthLimit: 0,
  labelValueLengthLimit: 0,
  honorTimestamps: true,
  trackTimestampsStaleness: true,
  sampleLimit: 0,
  histogramLimits: histogramLimits(6, 1.1),
  features: scrapeFeatures(
    new Set([
      'exemplar-storage',
      'metadata-wal-records',
      'st-storage',
      'created-timestamp-zero-ingestion',
      'type-and-unit-labels',
    ]),
  ),
};

/** Ingests a body into real storage, twice; resolves unless something is thrown that is a bug. */
async function ingestTwice(body: Uint8Array, contentType: string, convertClassic: boolean): Promise<void> {
  const storage = new HeadStorage();
  const cache = new ScrapeCache(1);
  const options = { native: true, alwaysClassic: convertClassic, convertClassic, openMetrics2: true };
  for (const tMs of [NOW_MS, NOW_MS + 1000]) {
    const appender = storage.appender(tMs);
    const ingest = new Ingest(RULES, cache, new SampleColumns(), appender, tMs, tMs);
    const failure = await ingest.run(
      () => makeParser(body, body.length, contentType, '', options),
      new VirtualClock(tMs),
    );
    cache.finish(failure === undefined);
    if (failure === undefined) await appender.commit();
    else appender.rollback();
  }
}

const number = fc.constantFrom(
  '0',
  '-1',
  '1e306',
  '-1e306',
  '9e15',
  '-9e15',
  '1.5',
  'NaN',
  '+Inf',
  '-Inf',
  '1e-320',
);
const line = fc
  .tuple(fc.constantFrom('c_total', 'c_created', 'h_bucket{le="1"}', 'h_count', 'h'), number, number, number)
  .chain(([series, value, at, start]) =>
    fc.constantFrom(
      `${series} ${value}`,
      `${series} ${value} ${at}`,
      `${series} ${value} # {id="x"} ${value} ${at}`,
      `${series} ${value} ${at} st@${start}`,
      `${series} {count:2,sum:1,bucket:[1:1,+Inf:2]} ${at} st@${start} # {} ${value} ${at}`,
      `${series} {count:2,sum:1,schema:1,zero_threshold:0,zero_count:0,positive_spans:[${value}:1],positive_buckets:[2]} st@${start}`,
    ),
  );
const lines = fc
  .array(fc.oneof(line, fc.constantFrom('# TYPE c counter', '# TYPE h histogram')), { maxLength: 8 })
  .map((all) => Buffer.from([...all, '# EOF\n'].join('\n')));
const generated = protoFamilies().chain((families) =>
  fc.constantFrom<[Uint8Array, string]>(
    [protoBody(...families), PROTO_CONTENT_TYPE],
    [Buffer.from(openMetrics2Text(...families)), OPENMETRICS_2],
    [Buffer.from(prometheusText(...families)), 'text/plain'],
    [Buffer.from(`${prometheusText(...families)}# EOF\n`), OPENMETRICS],
  ),
);
/** Bodies with a few bytes changed, numbers of the most bits among them. */
const mutated = fc
  .tuple(generated, fc.array(fc.tuple(fc.nat(), fc.constantFrom(0, 1, 127, 128, 254, 255)), { maxLength: 6 }))
  .map(([[body, contentType], changes]): [Uint8Array, string] => {
    const changed = Uint8Array.from(body);
    for (const [at, byte] of changes) if (changed.length > 0) changed[at % changed.length] = byte;
    return [changed, contentType];
  });
const written = fc.tuple(lines, fc.constantFrom(OPENMETRICS, OPENMETRICS_2, 'text/plain'));

test('no body makes a scrape end in anything but samples or a refusal', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(generated, mutated, written),
      fc.boolean(),
      async ([body, contentType], convert) => {
        await expect(ingestTwice(body, contentType, convert)).resolves.toBeUndefined();
      },
    ),
    { numRuns: 2000, seed: 41 },
  );
}, 60_000);
