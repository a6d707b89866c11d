import { readFileSync, readdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { Labels } from '../../../src/core/labels.ts';
import { VirtualClock } from '../../../src/core/virtual-clock.ts';
import { histogramLimits } from '../../../src/scrape/histogram-limits.ts';
import { Ingest } from '../../../src/scrape/ingest.ts';
import { OpenMetricsParser, TextParser, scrapeFeatures } from '../../../src/scrape/index.ts';
import { SampleColumns } from '../../../src/scrape/sample-columns.ts';
import { ScrapeCache } from '../../../src/scrape/scrape-cache.ts';
import { parseExposition } from '../../support/parse-exposition.ts';
import { readOpenMetrics, readText } from '../../support/reference-exposition.ts';
import { ScrapeStorage } from './scrape-storage.ts';

const FOLDER = new URL('../../fixtures/expositions/', import.meta.url);
const expected = JSON.parse(readFileSync(new URL('expected.json', FOLDER), 'utf8')) as Record<
  string,
  { readonly samples: number; readonly error?: string }
>;
const names = readdirSync(FOLDER).filter((name) => name !== 'expected.json');

describe('corpus of expositions', () => {
  test('there are many, and each is expected', () => {
    expect(names.length).toBeGreaterThanOrEqual(60);
    expect(Object.keys(expected).sort()).toEqual(names.toSorted());
  });

  test.each(names)('%s', async (name) => {
    const body = readFileSync(new URL(name, FOLDER));
    const isOpenMetrics = name.endsWith('.om');
    const { samples, ok, error } = parseExposition(body, isOpenMetrics ? 'openmetrics' : 'text');
    expect({ samples: samples.length, ...(ok ? {} : { error }) }).toEqual(expected[name]);
    expect({ samples, ok }).toEqual(isOpenMetrics ? readOpenMetrics(body) : readText(body));
  });

  test.each(names.filter((name) => expected[name]?.error === undefined))(
    '%s scraped thrice: the cache changes nothing and no series is looked up again',
    async (name) => {
      const body = readFileSync(new URL(name, FOLDER));
      const storage = new ScrapeStorage();
      const cache = new ScrapeCache(99);
      const columns = new SampleColumns();
      const counts: unknown[] = [];
      let lookups = 0;
      for (let round = 1; round <= 3; round++) {
        const appender = storage.appender(round * 1000);
        const rules = {
          targetLabels: Labels.EMPTY,
          honorLabels: false,
          relabel: undefined,
          nameScheme: 'utf8',
          labelLimit: 0,
          labelNameLengthLimit: 0,
          labelValueLengthLimit: 0,
          honorTimestamps: false,
          trackTimestampsStaleness: false,
          sampleLimit: 0,
          histogramLimits: histogramLimits(0, 0),
          features: scrapeFeatures(new Set()),
        } as const;
        const ingest = new Ingest(rules, cache, columns, appender, round * 1000, round * 1000);
        const make = () => (name.endsWith('.om') ? new OpenMetricsParser(body) : new TextParser(body));
        expect(await ingest.run(make, new VirtualClock(0))).toBeUndefined();
        expect(cache.staleRefs()).toEqual([]);
        cache.finish(true);
        await appender.commit();
        counts.push({ ...ingest.counts, added: 0 });
        if (round === 1) lookups = storage.lookups;
      }
      expect(counts[1]).toEqual(counts[0]);
      expect(counts[2]).toEqual(counts[0]);
      expect(storage.lookups).toBe(lookups);
      for (const samples of Object.values(storage.dump())) {
        expect(samples.map((sample) => sample.tMs)).toEqual([1000, 2000, 3000]);
        expect(samples[2]!.value).toEqual(samples[0]!.value);
      }
    },
  );
});
