import * as fc from 'fast-check';
import { Matcher } from '../../../../src/core/matcher.ts';
import type { MatchOp } from '../../../../src/core/matcher.ts';
import { AGGREGATES_WITH_PARAM, PROMQL_FUNCTIONS, exprType } from '../../../../src/promql/parser/index.ts';
import type {
  AggregateOp,
  AtModifier,
  BinaryOp,
  Expr,
  FunctionSignature,
  MatrixSelector,
  ValueType,
  VectorMatching,
  VectorSelector,
} from '../../../../src/promql/parser/index.ts';

/** Trees as the parser makes them (parentheses wherever precedence needs them), without positions that mean anything. */

const position = { start: 0, end: 0 };
const ARITHMETIC = ['+', '-', '*', '/', '%', '^', 'atan2'] as const;
const COMPARISON = ['==', '!=', '<', '<=', '>', '>='] as const;
const SETS = ['and', 'or', 'unless'] as const;

const metricName = fc.constantFrom('foo', 'up', 'job:rate:5m', 'sum', 'offset', 'by', 'start', 'and', 'a_b');
const labelName = fc.oneof(fc.constantFrom('job', 'le', 'on', 'a'), fc.constantFrom('my.label', 'ä', 'x-y'));
const text = fc
  .oneof(fc.string(), fc.string({ unit: 'binary' }))
  .map((value) => value.replaceAll('\ufffd', ''));
const durationMs = fc.oneof(
  fc.integer({ min: 1, max: 1e10 }),
  fc.constantFrom(1000, 60_000, 3_600_000, 604_800_000),
);

const matcher = fc
  .tuple(labelName, fc.constantFrom<MatchOp>('=', '!=', '=~', '!~'), text)
  .map(([name, op, value]) => new Matcher(name, op, op.endsWith('~') ? 'a.*|b' : value));

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

const vectorSelector: fc.Arbitrary<VectorSelector> = fc
  .record({ name: metricName, matchers: fc.array(matcher, { maxLength: 3 }), at, offsetMs })
  .map(({ name, matchers, ...timing }) => ({
    kind: 'vectorSelector',
    name,
    matchers: [...matchers, new Matcher('__name__', '=', name)],
    offsetExpr: undefined,
    extended: undefined,
    position,
    ...timing,
  }));

const matrixSelector: fc.Arbitrary<MatrixSelector> = fc
  .record({ selector: vectorSelector, rangeMs: durationMs })
  .map((fields) => ({ kind: 'matrixSelector', rangeExpr: undefined, position, ...fields }));

const number: fc.Arbitrary<Expr> = fc.oneof(
  fc
    .double({ noNaN: false })
    .map((value): Expr => ({ kind: 'numberLiteral', value, duration: false, position })),
  durationMs.map((ms): Expr => ({ kind: 'numberLiteral', value: ms / 1000, duration: true, position })),
);
const string: fc.Arbitrary<Expr> = text.map((value) => ({ kind: 'stringLiteral', value, position }));

/** An operand in parentheses unless nothing can take it apart. */
function operand(expr: Expr): Expr {
  const plain =
    expr.kind === 'aggregate' ||
    expr.kind === 'call' ||
    expr.kind === 'paren' ||
    expr.kind === 'vectorSelector';
  return plain ? expr : { kind: 'paren', expr, position };
}

const matching: fc.Arbitrary<VectorMatching> = fc
  .record({
    card: fc.constantFrom('one-to-one', 'many-to-one', 'one-to-many'),
    on: fc.boolean(),
    labels: fc.uniqueArray(fc.constantFrom('a', 'b', 'my.label'), { maxLength: 2 }),
    include: fc.uniqueArray(fc.constantFrom('c', 'd.e'), { maxLength: 2 }),
  })
  .map(({ card, include, ...rest }) => ({
    card,
    include: card === 'one-to-one' ? [] : include,
    fill: { left: undefined, right: undefined },
    ...rest,
  }));

function binaryOf(op: BinaryOp, lhs: Expr, rhs: Expr, found: VectorMatching, bool: boolean): Expr {
  const vectors = exprType(lhs) === 'vector' && exprType(rhs) === 'vector';
  const scalars = exprType(lhs) === 'scalar' && exprType(rhs) === 'scalar';
  const isSet = SETS.some((set) => set === op);
  const isComparison = COMPARISON.some((comparison) => comparison === op);
  const usable: BinaryOp = isSet && !vectors ? '+' : op;
  let kept: VectorMatching | undefined = vectors ? found : undefined;
  if (kept !== undefined && isSet) kept = { ...kept, card: 'many-to-many', include: [] };
  return {
    kind: 'binary',
    op: usable,
    lhs: operand(lhs),
    rhs: operand(rhs),
    returnBool: isComparison && (bool || scalars),
    matching: kept,
    position,
  };
}

const aggregates: readonly AggregateOp[] = ['sum', 'avg', 'min', 'max', 'count', 'group', 'stddev', 'stdvar'];
const callable = [...PROMQL_FUNCTIONS.values()].filter((func) => !func.experimental);

/** Arbitrary expressions by type, a few levels deep. */
export function exprArbitrary(): fc.Arbitrary<Expr> {
  const { any } = fc.letrec<Record<'scalar' | 'vector' | 'matrix' | 'any', Expr>>((tie) => {
    const argument = (type: ValueType): fc.Arbitrary<Expr> => {
      if (type === 'string') return string;
      return type === 'matrix' ? tie('matrix') : type === 'scalar' ? tie('scalar') : tie('vector');
    };
    const call = (wanted: ValueType): fc.Arbitrary<Expr> =>
      fc
        .constantFrom(...callable.filter((func) => func.returnType === wanted))
        .chain((func: FunctionSignature) =>
          fc
            .tuple(...func.argTypes.map(argument))
            .map((args): Expr => ({ kind: 'call', func, args, position })),
        );
    const aggregate = fc
      .record({
        op: fc.constantFrom(...aggregates, 'topk' as const, 'quantile' as const, 'count_values' as const),
        expr: tie('vector'),
        scalar: tie('scalar'),
        string,
        grouping: fc.uniqueArray(labelName, { maxLength: 2 }),
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
    const binary = (ops: readonly BinaryOp[], lhs: fc.Arbitrary<Expr>, rhs: fc.Arbitrary<Expr>) =>
      fc
        .tuple(fc.constantFrom(...ops), lhs, rhs, matching, fc.boolean())
        .map(([op, left, right, found, bool]) => binaryOf(op, left, right, found, bool));
    const subquery = fc
      .record({
        expr: tie('vector'),
        rangeMs: durationMs,
        stepMs: fc.oneof(fc.constant(0), durationMs),
        at,
        offsetMs,
      })
      .map(({ expr, ...rest }): Expr => ({
        kind: 'subquery',
        expr: operand(expr),
        rangeExpr: undefined,
        stepExpr: undefined,
        offsetExpr: undefined,
        position,
        ...rest,
      }));
    const unary = fc
      .tuple(fc.constantFrom('+' as const, '-' as const), tie('vector'))
      .map(([op, expr]): Expr => ({ kind: 'unary', op, expr: operand(expr), position }));
    const both = [...ARITHMETIC, ...COMPARISON, ...SETS] as const;
    return {
      scalar: fc.oneof(
        { maxDepth: 3 },
        number,
        call('scalar'),
        binary([...ARITHMETIC, ...COMPARISON], tie('scalar'), tie('scalar')),
      ),
      vector: fc.oneof(
        { maxDepth: 4 },
        vectorSelector,
        aggregate,
        call('vector'),
        unary,
        binary(both, tie('vector'), tie('vector')),
        binary(both, tie('scalar'), tie('vector')),
        tie('vector').map((expr): Expr => ({ kind: 'paren', expr, position })),
      ),
      matrix: fc.oneof({ maxDepth: 3 }, matrixSelector, subquery),
      any: fc.oneof(tie('scalar'), tie('vector'), tie('matrix'), string),
    };
  });
  return any;
}
