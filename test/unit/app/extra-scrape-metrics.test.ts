import { expect, test } from 'vitest';
import { parseServeFlags, readFeatures } from '../../../src/cli/serve-flags.ts';
import { optionsFromFlags } from '../../../src/cli/serve-options.ts';

test('the feature extra-scrape-metrics reaches the options of the program', () => {
  const flags = parseServeFlags(['--enable-feature=extra-scrape-metrics']);
  expect(optionsFromFlags(flags, readFeatures(flags).enabled).extraScrapeMetrics).toBe(true);
});
