import { formatFloatPlain } from '../../core/float-text.ts';
import type { Matcher } from '../../core/matcher.ts';
import type { AtModifier, DurationExpr, Expr, NumberLiteral, VectorMatching, VectorSelector } from './ast.ts';

/** A tree as plain values for JSON: numbers are texts, absent things are null. */
export type AstJson = { readonly [key: string]: AstValue };

type AstValue = AstJson | readonly AstValue[] | string | number | boolean | null;

/**
 * An expression as `/api/v1/parse_query` gives it and tree views show it. Durations are milliseconds.
 *
 * @see prometheus web/api/v1/translate_ast.go
 */
export function translateAst(expr: Expr): AstJson {
  switch (expr.kind) {
    case 'numberLiteral':
      return { type: 'numberLiteral', val: formatFloatPlain(expr.value) };
    case 'stringLiteral':
      return { type: 'stringLiteral', val: expr.value };
    case 'vectorSelector':
      return { type: 'vectorSelector', ...selectorFields(expr) };
    case 'matrixSelector': {
      const range = { range: expr.rangeMs, rangeExpr: translateDuration(expr.rangeExpr) };
      return { type: 'matrixSelector', ...selectorFields(expr.selector), ...range };
    }
    case 'subquery':
      return {
        type: 'subquery',
        expr: translateAst(expr.expr),
        range: expr.rangeMs,
        rangeExpr: translateDuration(expr.rangeExpr),
        step: expr.stepMs,
        stepExpr: translateDuration(expr.stepExpr),
        ...timingFields(expr),
      };
    case 'unary':
      return { type: 'unaryExpr', op: expr.op, expr: translateAst(expr.expr) };
    case 'binary':
      return {
        type: 'binaryExpr',
        op: expr.op,
        lhs: translateAst(expr.lhs),
        rhs: translateAst(expr.rhs),
        matching: expr.matching === undefined ? null : translateMatching(expr.matching),
        bool: expr.returnBool,
      };
    case 'aggregate':
      return {
        type: 'aggregation',
        op: expr.op,
        expr: translateAst(expr.expr),
        param: expr.param === undefined ? null : translateAst(expr.param),
        grouping: expr.grouping,
        without: expr.without,
      };
    case 'call': {
      const { name, argTypes, variadic, returnType } = expr.func;
      const func = { name, argTypes, variadic, returnType };
      return { type: 'call', func, args: expr.args.map(translateAst) };
    }
    case 'paren':
      return { type: 'parenExpr', expr: translateAst(expr.expr) };
  }
}

function translateMatching({ card, labels, on, include, fill }: VectorMatching): AstJson {
  const fillValues = { lhs: translateFill(fill.left), rhs: translateFill(fill.right) };
  return { card, labels, on, include, fillValues };
}

/** JSON has no infinities: they are texts (Prometheus fails on them). */
function translateFill(value: number | undefined): number | string | null {
  if (value === undefined) return null;
  return Number.isFinite(value) ? value : formatFloatPlain(value);
}

function selectorFields(selector: VectorSelector): AstJson {
  return {
    name: selector.name,
    matchers: selector.matchers.map(translateMatcher),
    ...timingFields(selector),
    anchored: selector.extended === 'anchored',
    smoothed: selector.extended === 'smoothed',
  };
}

function translateMatcher({ name, value, op }: Matcher): AstJson {
  return { name, value, type: op };
}

function timingFields(node: {
  readonly offsetMs: number;
  readonly offsetExpr: DurationExpr | undefined;
  readonly at: AtModifier | undefined;
}): AstJson {
  return {
    offset: node.offsetMs,
    offsetExpr: translateDuration(node.offsetExpr),
    timestamp: node.at?.kind === 'time' ? node.at.ms : null,
    startOrEnd: node.at === undefined || node.at.kind === 'time' ? null : node.at.kind,
  };
}

function translateDuration(node: DurationExpr | NumberLiteral | undefined): AstJson | null {
  if (node === undefined) return null;
  if (node.kind === 'numberLiteral') {
    return { type: 'numberLiteral', val: formatFloatPlain(node.value), duration: node.duration };
  }
  return {
    type: 'durationExpr',
    op: node.op,
    lhs: translateDuration(node.lhs),
    rhs: translateDuration(node.rhs),
    wrapped: node.wrapped,
  };
}
