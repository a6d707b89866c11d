import type { Matcher } from '../../core/matcher.ts';

/**
 * The tree that {@link parseExpr} makes of PromQL text: a union discriminated by `kind`. Nodes are immutable values;
 * a rewrite makes new ones. Times are milliseconds, positions are offsets into the JavaScript string.
 *
 * The names and the meaning of the fields follow prometheus promql/parser/ast.go.
 */

/** Where a node's text is: offsets into the parsed string, `end` exclusive. */
export interface Position {
  readonly start: number;
  readonly end: number;
}

/** What an expression evaluates to, as the code and the HTTP API name it. */
export type ValueType = 'scalar' | 'vector' | 'matrix' | 'string' | 'none';

/** A type as Prometheus' error texts name it. */
export const DOCUMENTED_TYPES: Readonly<Record<ValueType, string>> = {
  scalar: 'scalar',
  vector: 'instant vector',
  matrix: 'range vector',
  string: 'string',
  none: 'none',
};

/** Arithmetic operators. */
export type ArithmeticOp = '+' | '-' | '*' | '/' | '%' | '^' | 'atan2';
/** Comparison operators. */
export type ComparisonOp = '==' | '!=' | '<' | '<=' | '>' | '>=';
/** Set operators, allowed between instant vectors only. */
export type SetOp = 'and' | 'or' | 'unless';
/** Operators that cut native histograms at a bound: upper (`</`) and lower (`>/`). */
type TrimOp = '</' | '>/';
/** Operators that work on pairs of values. */
export type ElementOp = ArithmeticOp | ComparisonOp | TrimOp;
/** Every operator of a {@link BinaryExpr}. */
export type BinaryOp = ElementOp | SetOp;

/** Aggregation operators; `limitk` and `limit_ratio` are experimental. */
export type AggregateOp =
  | 'sum'
  | 'avg'
  | 'min'
  | 'max'
  | 'count'
  | 'group'
  | 'stddev'
  | 'stdvar'
  | 'topk'
  | 'bottomk'
  | 'quantile'
  | 'count_values'
  | 'limitk'
  | 'limit_ratio';

/** Aggregations that take a parameter before the vector; every other one takes none. */
export const AGGREGATES_WITH_PARAM: ReadonlySet<AggregateOp> = new Set<AggregateOp>([
  'topk',
  'bottomk',
  'quantile',
  'count_values',
  'limitk',
  'limit_ratio',
]);

const COMPARISONS: ReadonlySet<string> = new Set<ComparisonOp>(['==', '!=', '<', '<=', '>', '>=']);
const SET_OPS: ReadonlySet<string> = new Set<SetOp>(['and', 'or', 'unless']);

/** Whether an operator compares (the trim operators do not). */
export function isComparisonOp(op: BinaryOp): op is ComparisonOp {
  return COMPARISONS.has(op);
}

/** Whether an operator trims native histograms. */
export function isTrimOp(op: BinaryOp): op is TrimOp {
  return op === '</' || op === '>/';
}

/** Whether an operator works on sets of series. */
export function isSetOp(op: BinaryOp): op is SetOp {
  return SET_OPS.has(op);
}

/** What a function takes and gives; see `functions.ts` for the table. */
export interface FunctionSignature {
  readonly name: string;
  /** Types of the arguments; further arguments of a variadic function have the last one's type. */
  readonly argTypes: readonly ValueType[];
  /**
   * 0: exactly `argTypes.length` arguments. n > 0: the last of `argTypes` is optional and may occur up to n times.
   * -1: the last of `argTypes` is optional and may occur any number of times.
   */
  readonly variadic: number;
  readonly returnType: ValueType;
  /** Needs `--enable-feature=promql-experimental-functions`. */
  readonly experimental: boolean;
}

/** `@ 1609746000` or `@ start()` / `@ end()` of the query's range. */
export type AtModifier =
  { readonly kind: 'time'; readonly ms: number } | { readonly kind: 'start' } | { readonly kind: 'end' };

/** A number, or a duration used as a number of seconds (`duration` only changes how it prints). */
export interface NumberLiteral {
  readonly kind: 'numberLiteral';
  readonly value: number;
  readonly duration: boolean;
  readonly position: Position;
}

/** A text, unquoted. */
interface StringLiteral {
  readonly kind: 'stringLiteral';
  readonly value: string;
  readonly position: Position;
}

/** `name{label="value"} @ time offset 5m`. */
export interface VectorSelector {
  readonly kind: 'vectorSelector';
  /** The metric name written in front of the braces, '' when there is none; `matchers` has it too, as the last. */
  readonly name: string;
  readonly matchers: readonly Matcher[];
  /** Shifts evaluation into the past (negative: into the future). */
  readonly offsetMs: number;
  /** An offset that depends on the query's step or range; then `offsetMs` is 0. */
  readonly offsetExpr: DurationExpr | undefined;
  readonly at: AtModifier | undefined;
  /** Extended range selection, behind `--enable-feature=promql-extended-range-selectors`. */
  readonly extended: 'anchored' | 'smoothed' | undefined;
  readonly position: Position;
}

/** `selector[5m]`; offset, @ and extension are the selector's. */
export interface MatrixSelector {
  readonly kind: 'matrixSelector';
  readonly selector: VectorSelector;
  readonly rangeMs: number;
  /** A range that depends on the query's step or range, or is computed; then `rangeMs` is 0. */
  readonly rangeExpr: DurationExpr | undefined;
  readonly position: Position;
}

/** `expr[1h:5m]`. */
export interface SubqueryExpr {
  readonly kind: 'subquery';
  readonly expr: Expr;
  readonly rangeMs: number;
  readonly rangeExpr: DurationExpr | undefined;
  /** 0 stands for the default resolution (the global evaluation interval). */
  readonly stepMs: number;
  readonly stepExpr: DurationExpr | undefined;
  readonly offsetMs: number;
  readonly offsetExpr: DurationExpr | undefined;
  readonly at: AtModifier | undefined;
  readonly position: Position;
}

/** `-expr` or `+expr`; never around a bare number, which carries its sign itself. */
export interface UnaryExpr {
  readonly kind: 'unary';
  readonly op: '+' | '-';
  readonly expr: Expr;
  readonly position: Position;
}

/** How many series of each side one series of the other may match. */
export type MatchCardinality = 'one-to-one' | 'many-to-one' | 'one-to-many' | 'many-to-many';

/** How the series of two vectors find each other. */
export interface VectorMatching {
  /** `group_left` is many-to-one, `group_right` one-to-many; set operators are many-to-many. */
  readonly card: MatchCardinality;
  /** `labels` came from on(…) rather than ignoring(…). */
  readonly on: boolean;
  readonly labels: readonly string[];
  /** Labels of the "one" side that group_left(…) / group_right(…) copy to the result. */
  readonly include: readonly string[];
  /** Values for series without partner; behind `--enable-feature=promql-binop-fill-modifiers`. */
  readonly fill: { readonly left: number | undefined; readonly right: number | undefined };
}

/** `lhs op rhs`. */
export interface BinaryExpr {
  readonly kind: 'binary';
  readonly op: BinaryOp;
  readonly lhs: Expr;
  readonly rhs: Expr;
  /** `bool`: a comparison gives 0 or 1 instead of filtering. */
  readonly returnBool: boolean;
  /** Present exactly when both sides are instant vectors. */
  readonly matching: VectorMatching | undefined;
  readonly position: Position;
}

/** `sum by (label) (expr)`. */
export interface AggregateExpr {
  readonly kind: 'aggregate';
  readonly op: AggregateOp;
  readonly expr: Expr;
  /** Present exactly for {@link AGGREGATES_WITH_PARAM}: a scalar, for count_values a string. */
  readonly param: Expr | undefined;
  readonly grouping: readonly string[];
  readonly without: boolean;
  readonly position: Position;
}

/** `rate(expr)`. */
export interface CallExpr {
  readonly kind: 'call';
  readonly func: FunctionSignature;
  readonly args: readonly Expr[];
  readonly position: Position;
}

/** `(expr)`. */
export interface ParenExpr {
  readonly kind: 'paren';
  readonly expr: Expr;
  readonly position: Position;
}

/** Any expression. */
export type Expr =
  | NumberLiteral
  | StringLiteral
  | VectorSelector
  | MatrixSelector
  | SubqueryExpr
  | UnaryExpr
  | BinaryExpr
  | AggregateExpr
  | CallExpr
  | ParenExpr;

/**
 * Arithmetic on durations inside ranges, offsets and resolutions (`[step() * 2]`). Its value is a number of seconds
 * that is known once the query's start, end and step are. Plain literals are not wrapped in one: they become the
 * `…Ms` field beside it.
 */
export interface DurationExpr {
  readonly kind: 'duration';
  readonly op: '+' | '-' | '*' | '/' | '%' | '^' | 'step' | 'range' | 'min_of' | 'max_of';
  /** Absent for `step` and `range`, and for the unary `+` and `-`, which have only `rhs`. */
  readonly lhs: DurationExpr | NumberLiteral | undefined;
  readonly rhs: DurationExpr | NumberLiteral | undefined;
  /** Written in parentheses. */
  readonly wrapped: boolean;
  readonly position: Position;
}

/** The type an expression of a checked tree evaluates to. */
export function exprType(expr: Expr): ValueType {
  switch (expr.kind) {
    case 'numberLiteral':
      return 'scalar';
    case 'stringLiteral':
      return 'string';
    case 'vectorSelector':
    case 'aggregate':
      return 'vector';
    case 'matrixSelector':
    case 'subquery':
      return 'matrix';
    case 'unary':
    case 'paren':
      return exprType(expr.expr);
    case 'binary':
      return exprType(expr.lhs) === 'scalar' && exprType(expr.rhs) === 'scalar' ? 'scalar' : 'vector';
    case 'call':
      return expr.func.returnType;
  }
}

/** The direct sub-expressions, in order of the text. */
export function childrenOf(expr: Expr): readonly Expr[] {
  switch (expr.kind) {
    case 'numberLiteral':
    case 'stringLiteral':
    case 'vectorSelector':
      return [];
    case 'matrixSelector':
      return [expr.selector];
    case 'subquery':
    case 'unary':
    case 'paren':
      return [expr.expr];
    case 'binary':
      return [expr.lhs, expr.rhs];
    case 'aggregate':
      return expr.param === undefined ? [expr.expr] : [expr.param, expr.expr];
    case 'call':
      return expr.args;
  }
}

/** Calls `visit` for a node and everything below it, parents first. */
export function walkExpr(expr: Expr, visit: (node: Expr) => void): void {
  visit(expr);
  for (const child of childrenOf(expr)) walkExpr(child, visit);
}
