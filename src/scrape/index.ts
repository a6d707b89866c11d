export {
  GLOBAL_SCRAPE_KEYS_NOT_IN_VERSION,
  globalScrapeShape,
  resolveScrapeConfig,
  resolveScrapeGlobals,
  scrapeConfigSchema,
} from './config.ts';
export type {
  GlobalScrapeFields,
  Resolved,
  ScrapeConfig,
  ScrapeConfigFields,
  ScrapeConfigProblem,
  ScrapeGlobals,
} from './config.ts';
export { makeParser } from './parser/content-type.ts';
export { Entry, ExpositionError, METRIC_TYPES, MetaKind } from './parser/entry.ts';
export type { MetricTypeName } from './parser/entry.ts';
export { ExpositionParser } from './parser/exposition-parser.ts';
export { OpenMetricsParser } from './parser/openmetrics-parser.ts';
export { readSeriesLabels } from './parser/series-labels.ts';
export { TextParser } from './parser/text-parser.ts';
export type { EscapingScheme, ScrapeProtocol } from './protocols.ts';
export type { MetricMetadata } from './scrape-cache.ts';
export type { TargetState } from './scrape-loop.ts';
export { ScrapeManager } from './scrape-manager.ts';
export type {
  ActiveTarget,
  DroppedTarget,
  ScrapeManagerConfig,
  ScrapeManagerOptions,
  TargetMetadata,
  TargetsView,
} from './scrape-manager.ts';
