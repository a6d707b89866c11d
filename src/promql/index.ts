export { limitAnnotations } from './annotations.ts';
export type { AnnotationKind } from './annotations.ts';
export { LocalQueryEngine } from './engine.ts';
export type { LocalQueryEngineOptions } from './engine.ts';
export * from './parser/index.ts';
export { QueryError } from './query-engine.ts';
export type {
  MatrixSeries,
  QueryEngine,
  QueryErrorKind,
  QueryOptions,
  QueryResult,
  QueryStats,
  QueryValue,
  VectorSample,
} from './query-engine.ts';
