import * as fc from 'fast-check';
import { Matcher } from '../../src/core/matcher.ts';
import type { MatchOp } from '../../src/core/matcher.ts';
import type { DurationExpr, NumberLiteral, SubqueryExpr } from '../../src/promql/parser/ast.ts';
import { AGGREGATES_WITH_PARAM, PROMQL_FUNCTIONS, exprType } from '../../src/promql/parser/index.ts';
import type {
  AggregateOp,
  AtModifier,
  BinaryOp,
  Expr,
  FunctionSignature,
  FunctionTable,
  MatrixSelector,
  ValueType,
  VectorMatching,
  VectorSelector,
} from '../../src/promql/parser/index.ts';
import { asOperand, asRightmost, asUnaryOperand } from './promql-parens.ts';

/**
 * Random expressions over the whole grammar, as trees that the parser makes of their printed form: parentheses stand
 * exactly where precedence needs them, sometimes more. Positions mean nothing.
 */
export interface ExprChoice {
  /** Everything behind a feature flag too: experimental functions, extended ranges, fill, trims. False when absent. */
  readonly everything?: boolean;
  /** Arithmetic on durations, min_of, step() … in ranges and offsets. False when absent. */
  readonly durationExpressions?: boolean;
  /** Names of metrics; a few, keywords among them, when absent. */
  readonly metrics?: readonly string[];
  /** Names of labels in matchers and groupings; a few, UTF-8 among them, when absent. */
  readonly labels?: readonly string[];
  /** Functions that may be called; Prometheus' own when absent. */
  readonly functions?: FunctionTable;
  /** Levels of a tree, about; 4 when absent. */
  readonly maxDepth?: number;
}

const position = { start: 0, end: 0 };
const ARITHMETIC = ['+', '-', '*', '/', '%', '^', 'atan2'] as const;
const COMPARISON = ['==', '!=', '<', '<=', '>', '>='] as const;
const TRIMS = ['</', '>/'] as const;
const SETS = ['and', 'or', 'unless'] as const;
const METRICS = ['foo', 'up', 'job:rate:5m', 'sum', 'offset', 'by', 'start', 'and', 'a_b'];
const LABELS = ['job', 'le', 'on', 'a', 'my.label', 'ä', 'x-y'];
const AGGREGATES = ['sum', 'avg', 'min', 'max', 'count', 'group', 'stddev', 'stdvar'] as const;
const PARAMETRISED = ['topk', 'bottomk', 'quantile', 'count_values'] as const;
const LIMITS = ['limitk', 'limit_ratio'] as const;

const text = fc
  .oneof(fc.string(), fc.string({ unit: 'binary' }))
  .map((value) => value.replaceAll('\ufffd', ''));
const durationMs = fc.oneof(
  fc.integer({ min: 1, max: 1e10 }),
  fc.constantFrom(1000, 60_000, 300_000, 3_600_000, 604_800_000),
);
const string: fc.Arbitrary<Expr> = text.map((value) => ({ kind: 'stringLiteral', value, position }));

const at: fc.Arbitrary<AtModifier | undefined> = fc.oneof(
  { weight: 4, arbitrary: fc.constant(undefined) },
  fc.constant({ kind: 'start' } as const),
  fc.constant({ kind: 'end' } as const),
  fc.integer({ min: -1e12, max: 2e12 }).map((ms) => ({ kind: 'time', ms }) as const),
);

const offsetMs = fc.oneof(
  { weight: 3, arbitrary: fc.constant(0) },
  durationMs,
  durationMs.map((ms) => -ms),
);

const number: fc.Arbitrary<NumberLiteral> = fc.oneof(
  fc.double().map((value): NumberLiteral => ({ kind: 'numberLiteral', value, duration: false, position })),
  fc.integer({ min: -5, max: 99 }).map((value): NumberLiteral => numberOf(value, false)),
  durationMs.map((ms): NumberLiteral => numberOf(ms / 1000, true)),
);

function numberOf(value: number, duration: boolean): NumberLiteral {
  return { kind: 'numberLiteral', value, duration, position };
}

/** Literals in durations: never 0, as what divides by 0 is refused. */
const durationLiteral = fc.oneof(
  durationMs.map((ms) => numberOf(ms / 1000, true)),
  fc.integer({ min: 1, max: 1000 }).map((value) => numberOf(value, false)),
);

function durationOf(
  op: DurationExpr['op'],
  lhs: DurationExpr['lhs'],
  rhs: DurationExpr['rhs'],
  wrapped = false,
): DurationExpr {
  return { kind: 'duration', op, lhs, rhs, wrapped, position };
}

type DurationNode = DurationExpr | NumberLiteral;

/** What parentheses make of a duration. */
function wrapDuration(node: DurationNode): DurationExpr {
  return node.kind === 'duration' ? { ...node, wrapped: true } : durationOf('+', undefined, node, true);
}

/** A duration that nothing around it takes apart. */
function durationOperand(node: DurationNode): DurationNode {
  const plain = node.kind === 'numberLiteral' || node.wrapped || node.op.length > 1;
  return plain ? node : wrapDuration(node);
}

/** Durations that have to be computed: any, for brackets, and those that end by themselves, for behind `offset`. */
const { computed, closed } = fc.letrec<Record<'node' | 'computed' | 'closed', DurationNode>>((tie) => {
  const figure = fc
    .constantFrom('step' as const, 'range' as const)
    .map((op) => durationOf(op, undefined, undefined));
  const choice = fc
    .tuple(fc.constantFrom('min_of' as const, 'max_of' as const), tie('node'), tie('node'))
    .map(([op, lhs, rhs]) => durationOf(op, lhs, rhs));
  const binary = fc
    .tuple(fc.constantFrom('+', '-', '*', '/', '%', '^'), tie('node'), tie('node'))
    .map(([op, lhs, rhs]) =>
      durationOf(op as DurationExpr['op'], durationOperand(lhs), durationOperand(rhs)),
    );
  const minus = tie('computed').map((node) => durationOf('-', undefined, durationOperand(node)));
  const wrapped = tie('node').map(wrapDuration);
  const minusFigure = fc.oneof(figure, choice, wrapped).map((node) => durationOf('-', undefined, node));
  return {
    node: fc.oneof({ maxDepth: 2 }, durationLiteral, tie('computed')),
    computed: fc.oneof({ maxDepth: 2 }, figure, choice, binary, minus, wrapped),
    closed: fc.oneof({ maxDepth: 2 }, figure, choice, minusFigure),
  };
}) as { computed: fc.Arbitrary<DurationExpr>; closed: fc.Arbitrary<DurationExpr> };

/** A computed range with a number in it: without one the lexer takes no colon behind it. */
const numbered = computed.map((node) =>
  hasNumber(node) ? node : durationOf('+', durationOperand(node), numberOf(1, true)),
);

function hasNumber(node: DurationNode | undefined): boolean {
  if (node === undefined) return false;
  return node.kind === 'numberLiteral' || hasNumber(node.lhs) || hasNumber(node.rhs);
}

interface Span {
  readonly ms: number;
  readonly expr: DurationExpr | undefined;
}

function spanOf(
  node: fc.Arbitrary<DurationExpr>,
  ms: fc.Arbitrary<number>,
  computing: boolean,
): fc.Arbitrary<Span> {
  const plain = ms.map((found): Span => ({ ms: found, expr: undefined }));
  if (!computing) return plain;
  const expr = node.map((found): Span => ({ ms: 0, expr: found }));
  return fc.oneof({ weight: 4, arbitrary: plain }, { weight: 1, arbitrary: expr });
}

function matcherOf(labels: readonly string[]): fc.Arbitrary<Matcher> {
  return fc
    .tuple(fc.constantFrom(...labels), fc.constantFrom<MatchOp>('=', '!=', '=~', '!~'), text)
    .map(([name, op, value]) => new Matcher(name, op, op.endsWith('~') ? 'a.*|b' : value));
}

const named = new Matcher('__name__', '=', 'my.metric');
const notEmpty = new Matcher('job', '=~', '.+');

function selectorOf(choice: ExprChoice): fc.Arbitrary<VectorSelector> {
  const extended = choice.everything
    ? fc.constantFrom(undefined, undefined, undefined, 'anchored' as const, 'smoothed' as const)
    : fc.constant(undefined);
  return fc
    .record({
      name: fc.oneof(
        { weight: 6, arbitrary: fc.constantFrom(...(choice.metrics ?? METRICS)) },
        { weight: choice.metrics === undefined ? 1 : 0, arbitrary: fc.constantFrom(named, notEmpty) },
      ),
      matchers: fc.array(matcherOf(choice.labels ?? LABELS), { maxLength: 3 }),
      at,
      offset: spanOf(closed, offsetMs, choice.durationExpressions ?? false),
      extended,
    })
    .map(({ name, matchers, offset, ...rest }) => ({
      kind: 'vectorSelector',
      name: typeof name === 'string' ? name : '',
      matchers: [...matchers, typeof name === 'string' ? new Matcher('__name__', '=', name) : name],
      offsetMs: offset.ms,
      offsetExpr: offset.expr,
      position,
      ...rest,
    }));
}

function matchingOf(choice: ExprChoice): fc.Arbitrary<VectorMatching> {
  const labels = choice.labels ?? ['a', 'b', 'my.label'];
  const value = choice.everything
    ? fc.constantFrom(undefined, undefined, undefined, 0, 1, -2.5, Infinity, 1e30)
    : fc.constant(undefined);
  return fc
    .record({
      card: fc.constantFrom('one-to-one', 'many-to-one', 'one-to-many'),
      on: fc.boolean(),
      labels: fc.uniqueArray(fc.constantFrom(...labels), { maxLength: 2 }),
      include: fc.uniqueArray(fc.constantFrom('c', 'd.e'), { maxLength: 2 }),
      fill: fc.record({ left: value, right: value }),
    })
    .map(({ card, include, ...rest }) => ({
      card,
      include: card === 'one-to-one' ? [] : include,
      ...rest,
    }));
}

function binaryOf(op: BinaryOp, lhs: Expr, rhs: Expr, found: VectorMatching, bool: boolean): Expr {
  const vectors = exprType(lhs) === 'vector' && exprType(rhs) === 'vector';
  const scalars = exprType(lhs) === 'scalar' && exprType(rhs) === 'scalar';
  const isSet = SETS.some((set) => set === op);
  const isComparison = COMPARISON.some((comparison) => comparison === op);
  const usable: BinaryOp = isSet && !vectors ? '+' : op;
  let kept: VectorMatching | undefined = vectors ? found : undefined;
  if (kept !== undefined && isSet) {
    kept = { ...kept, card: 'many-to-many', include: [], fill: { left: undefined, right: undefined } };
  }
  return {
    kind: 'binary',
    op: usable,
    lhs: asOperand(lhs, usable, 'left'),
    rhs: asOperand(rhs, usable, 'right'),
    returnBool: isComparison && (bool || scalars),
    matching: kept,
    position,
  };
}

type Tie = (key: 'scalar' | 'vector' | 'matrix') => fc.Arbitrary<Expr>;

function aggregateOf(choice: ExprChoice, tie: Tie): fc.Arbitrary<Expr> {
  const ops: readonly AggregateOp[] = choice.everything
    ? [...AGGREGATES, ...PARAMETRISED, ...LIMITS]
    : [...AGGREGATES, ...PARAMETRISED];
  return fc
    .record({
      op: fc.constantFrom(...ops),
      expr: tie('vector'),
      scalar: tie('scalar'),
      string,
      grouping: fc.uniqueArray(fc.constantFrom(...(choice.labels ?? LABELS)), { maxLength: 2 }),
      without: fc.boolean(),
    })
    .map(({ scalar, string: label, op, ...rest }): Expr => {
      const param = op === 'count_values' ? label : scalar;
      return {
        kind: 'aggregate',
        op,
        param: AGGREGATES_WITH_PARAM.has(op) ? param : undefined,
        position,
        ...rest,
      };
    });
}

function callOf(choice: ExprChoice, tie: Tie, wanted: ValueType): fc.Arbitrary<Expr> {
  const table = [...(choice.functions ?? PROMQL_FUNCTIONS).values()];
  const callable = table.filter(
    (func) => func.returnType === wanted && (choice.everything === true || !func.experimental),
  );
  const labelSelector = fc
    .uniqueArray(matcherOf(choice.labels ?? LABELS), { maxLength: 2, selector: ({ name }) => name })
    .map((matchers): Expr => ({
      kind: 'vectorSelector',
      name: '',
      matchers,
      offsetMs: 0,
      offsetExpr: undefined,
      at: undefined,
      extended: undefined,
      position,
    }));
  const argument = (func: FunctionSignature, type: ValueType, index: number): fc.Arbitrary<Expr> => {
    if (func.name === 'info' && index === 1) return labelSelector;
    if (type === 'string') return string;
    return type === 'matrix' ? tie('matrix') : type === 'scalar' ? tie('scalar') : tie('vector');
  };
  return fc.constantFrom(...callable).chain((func) => {
    const { argTypes, variadic } = func;
    const least = variadic === 0 ? argTypes.length : argTypes.length - 1;
    const most = variadic === 0 ? least : least + (variadic < 0 ? 3 : Math.min(variadic, 3));
    return fc.integer({ min: least, max: most }).chain((count) => {
      const args = Array.from({ length: count }, (_, i) =>
        argument(func, argTypes[i] ?? argTypes.at(-1)!, i),
      );
      return fc.tuple(...args).map((found): Expr => ({ kind: 'call', func, args: found, position }));
    });
  });
}

function subqueryOf(choice: ExprChoice, tie: Tie): fc.Arbitrary<SubqueryExpr> {
  const computing = choice.durationExpressions ?? false;
  return fc
    .record({
      expr: tie('vector'),
      range: spanOf(numbered, durationMs, computing),
      step: spanOf(computed, fc.oneof(fc.constant(0), durationMs), computing),
      at,
      offset: spanOf(closed, offsetMs, computing),
    })
    .map(({ expr, range, step, offset, ...rest }) => ({
      kind: 'subquery',
      expr: asRightmost(expr),
      rangeMs: range.ms,
      rangeExpr: range.expr,
      stepMs: step.ms,
      stepExpr: step.expr,
      offsetMs: offset.ms,
      offsetExpr: offset.expr,
      position,
      ...rest,
    }));
}

/** The trees of {@link ExprChoice}, of every type. */
export function exprArbitrary(choice: ExprChoice = {}): fc.Arbitrary<Expr> {
  const selector = selectorOf(choice);
  const matching = matchingOf(choice);
  const range = spanOf(computed, durationMs, choice.durationExpressions ?? false);
  const matrixSelector = fc
    .record({ selector, range })
    .map(({ selector: found, range: { ms, expr } }): MatrixSelector => ({
      kind: 'matrixSelector',
      selector: found,
      rangeMs: ms,
      rangeExpr: expr,
      position,
    }));
  const depth = choice.maxDepth ?? 4;
  const forScalars = [...ARITHMETIC, ...COMPARISON] as const;
  const forVectors: readonly BinaryOp[] = [...forScalars, ...SETS, ...TRIMS];
  const { any } = fc.letrec<Record<'scalar' | 'vector' | 'matrix' | 'any', Expr>>((tie) => {
    const binary = (ops: readonly BinaryOp[], lhs: fc.Arbitrary<Expr>, rhs: fc.Arbitrary<Expr>) =>
      fc
        .tuple(fc.constantFrom(...ops), lhs, rhs, matching, fc.boolean())
        .map(([op, left, right, found, bool]) => binaryOf(op, left, right, found, bool));
    const unary = fc
      .tuple(fc.constantFrom('+' as const, '-' as const), tie('vector'))
      .map(([op, expr]): Expr => ({ kind: 'unary', op, expr: asUnaryOperand(expr), position }));
    return {
      scalar: fc.oneof(
        { maxDepth: Math.max(1, depth - 1) },
        number,
        callOf(choice, tie, 'scalar'),
        binary(forScalars, tie('scalar'), tie('scalar')),
      ),
      vector: fc.oneof(
        { maxDepth: depth },
        selector,
        aggregateOf(choice, tie),
        callOf(choice, tie, 'vector'),
        unary,
        binary(forVectors, tie('vector'), tie('vector')),
        binary(forVectors, tie('scalar'), tie('vector')),
        binary(forVectors, tie('vector'), tie('scalar')),
        tie('vector').map((expr): Expr => ({ kind: 'paren', expr, position })),
      ),
      matrix: fc.oneof({ maxDepth: Math.max(1, depth - 1) }, matrixSelector, subqueryOf(choice, tie)),
      any: fc.oneof(tie('scalar'), tie('vector'), tie('matrix'), string),
    };
  });
  return any;
}
