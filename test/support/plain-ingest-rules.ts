import { Labels } from '../../src/core/labels.ts';
import { scrapeFeatures } from '../../src/scrape/features.ts';
import { histogramLimits } from '../../src/scrape/histogram-limits.ts';
import type { IngestRules } from '../../src/scrape/ingest.ts';

/** How samples are taken in where a job says nothing, without limits and relabelling. */
export const PLAIN_INGEST_RULES: IngestRules = {
  targetLabels: Labels.fromObject({ job: 'j', instance: 'i' }),
  honorLabels: false,
  relabel: undefined,
  nameScheme: 'utf8',
  labelLimit: 0,
  labelNameLengthLimit: 0,
  labelValueLengthLimit: 0,
  honorTimestamps: true,
  trackTimestampsStaleness: false,
  sampleLimit: 0,
  histogramLimits: histogramLimits(0, 0),
  features: scrapeFeatures(new Set()),
};
