export {
  AGGREGATES_WITH_PARAM,
  DOCUMENTED_TYPES,
  childrenOf,
  exprType,
  isComparisonOp,
  isSetOp,
  walkExpr,
} from './ast.ts';
export type {
  AggregateExpr,
  AggregateOp,
  ArithmeticOp,
  AtModifier,
  BinaryExpr,
  BinaryOp,
  CallExpr,
  ComparisonOp,
  DurationExpr,
  Expr,
  ExprKind,
  FunctionSignature,
  MatchCardinality,
  MatrixSelector,
  NumberLiteral,
  ParenExpr,
  Position,
  SetOp,
  StringLiteral,
  SubqueryExpr,
  TrimOp,
  UnaryExpr,
  ValueType,
  VectorMatching,
  VectorSelector,
} from './ast.ts';
export { PROMQL_FUNCTIONS } from './functions.ts';
export type { FunctionTable } from './functions.ts';
export { PromqlParseError, issueText, lineColumn } from './parse-error.ts';
export type { ParseIssue } from './parse-error.ts';
export { MAX_DEPTH, MAX_NESTING, parseExpr, parseMetricSelector } from './parse.ts';
export type { ParseOptions } from './parse.ts';
export type { BucketRun, CounterResetHint, HistogramDescription } from './histogram-description.ts';
export type { ParserFeatures } from './parse-expr.ts';
export { printExpr, printMatcher } from './print.ts';
export { parseMetricLabels, parseSeriesDescription } from './series-description.ts';
export type { SequenceValue, SeriesDescription } from './series-description.ts';
