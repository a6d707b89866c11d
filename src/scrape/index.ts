export type { ScrapeConfig } from './config.ts';
export { scrapeFeatures } from './features.ts';
export type { ScrapeFeatures } from './features.ts';
export { Entry, ExpositionError } from './parser/entry.ts';
export { OpenMetricsParser } from './parser/openmetrics-parser.ts';
export { readSeriesLabels } from './parser/series-labels.ts';
export { TextParser } from './parser/text-parser.ts';
export { ScrapeManager } from './scrape-manager.ts';
export type { ActiveTarget } from './scrape-manager.ts';
