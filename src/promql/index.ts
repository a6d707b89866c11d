export { limitAnnotations } from './annotations.ts';
export type { AnnotationKind } from './annotations.ts';
export { LocalQueryEngine } from './engine.ts';
export type { LocalQueryEngineOptions } from './engine.ts';
export { engineFeatures, parseOptionsOf, promqlFeatures } from './features.ts';
export { OwnFunctions } from './functions/own-function.ts';
export type { OwnFunction, OwnInput, OwnPoint, OwnWindow } from './functions/own-function.ts';
export { OWN_FUNCTIONS } from './functions/own-functions.ts';
export type { PromqlFeatures } from './features.ts';
export { EngineMetrics, ThreadMetrics } from './metrics.ts';
export * from './parser/index.ts';
export { NO_STATS, QueryError } from './query-engine.ts';
export type {
  MatrixSeries,
  QueryEngine,
  QueryErrorKind,
  QueryOptions,
  QueryOrigin,
  QueryResult,
  QueryStats,
  QueryValue,
  VectorSample,
} from './query-engine.ts';
export * from './remote/index.ts';
export { LocalQueryService } from './service/local-query-service.ts';
export { QueryLog } from './service/query-log.ts';
export { QueryMonitor } from './service/query-monitor.ts';
export type { RunningQuery } from './service/query-monitor.ts';
export { noPieces } from './service/query-service.ts';
export type {
  PrintForm,
  QueryAnswer,
  QueryAnswerer,
  QueryRequest,
  QueryService,
} from './service/query-service.ts';
export { queryStatsView } from './service/query-stats-json.ts';
export { secondsText } from './service/json-bytes.ts';
export { labelsJson } from './service/result-json.ts';
export { ThreadedQueryService } from './service/threaded-query-service.ts';
export { ReadSharer, type SharedReads } from './shared-reads.ts';
