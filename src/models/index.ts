export { SERVER_PACKS } from './packs.ts';
export type { ServerPack, ServerPackName } from './packs.ts';
export { modelLabelRules, modelScrapeJob } from './scrape-job.ts';
export type { ModelTargets, WrittenRelabelRule, WrittenScrapeJob } from './scrape-job.ts';
