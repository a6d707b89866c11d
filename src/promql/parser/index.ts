export { AGGREGATES_WITH_PARAM, exprType, walkExpr } from './ast.ts';
export type {
  AggregateOp,
  AtModifier,
  BinaryOp,
  Expr,
  FunctionSignature,
  MatrixSelector,
  ValueType,
  VectorMatching,
  VectorSelector,
} from './ast.ts';
export { PROMQL_FUNCTIONS } from './functions.ts';
export type { FunctionTable } from './functions.ts';
export { PromqlParseError } from './parse-error.ts';
export { MAX_DEPTH, MAX_NESTING, MAX_TEXT_LENGTH, parseExpr, parseMetricSelector } from './parse.ts';
export type { ParseOptions } from './parse.ts';
export type { ParserFeatures } from './parse-expr.ts';
export { prettifyExpr } from './prettify.ts';
export { printExpr } from './print.ts';
export { parseMetricLabels, parseSeriesDescription } from './series-description.ts';
export type { SequenceValue, SeriesDescription } from './series-description.ts';
export { translateAst } from './translate-ast.ts';
export type { AstJson } from './translate-ast.ts';
export { MAX_TOKENS } from './token-stream.ts';
