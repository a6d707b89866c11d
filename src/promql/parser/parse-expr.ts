import { AGGREGATES_WITH_PARAM, exprType, isSetOp } from './ast.ts';
import type {
  AggregateExpr,
  AggregateOp,
  BinaryOp,
  CallExpr,
  DurationExpr,
  Expr,
  FunctionSignature,
  MatchCardinality,
  ParenExpr,
  VectorMatching,
} from './ast.ts';
import type { FunctionTable } from './functions.ts';
import { goQuote } from '../../core/go-quote.ts';
import { unquote } from './unquote.ts';
import { applyAt, applyExtended, applyOffset, atTime } from './modifiers.ts';
import { DurationParser, isAtLiteral, literalValue, toLiteral, toParsedDuration } from './parse-duration.ts';
import type { ParsedDuration } from './parse-duration.ts';
import { canStartExpr, isMetricName, parseGroupingLabels, parseSelector } from './parse-selector.ts';
import type { TokenStream } from './token-stream.ts';
import { PREPROCESSOR_WORDS } from './tokens.ts';
import type { Token } from './tokens.ts';

/** What the parser may accept beyond the stable language; each stands for a Prometheus feature flag. */
export interface ParserFeatures {
  /** promql-experimental-functions */
  readonly experimentalFunctions: boolean;
  /** promql-duration-expr: arithmetic, step() and range() in ranges, offsets and resolutions. */
  readonly durationExpressions: boolean;
  /** promql-extended-range-selectors: anchored, smoothed. */
  readonly extendedRangeSelectors: boolean;
  /** promql-binop-fill-modifiers: fill, fill_left, fill_right. */
  readonly fillModifiers: boolean;
}

/** What {@link ExprParser} works by. */
export interface ExprParserRules {
  readonly functions: FunctionTable;
  readonly features: ParserFeatures;
  /** Most parentheses, calls and signs inside each other; bounds the parser's own stack. */
  readonly maxNesting: number;
  /** Most levels a tree may have, long chains of operators included; bounds the stack of whoever walks it. */
  readonly maxDepth: number;
}

interface Operator {
  readonly op: BinaryOp;
  readonly power: number;
}

const POWERS: readonly (readonly [power: number, ops: readonly BinaryOp[]])[] = [
  [1, ['or']],
  [2, ['and', 'unless']],
  [3, ['==', '!=', '<', '<=', '>', '>=', '</', '>/']],
  [4, ['+', '-']],
  [5, ['*', '/', '%', 'atan2']],
  [6, ['^']],
];
/** A sign binds like a product: its operand takes in only what binds tighter. */
const UNARY_OPERAND_POWER = 6;

const OPERATORS: ReadonlyMap<string, Operator> = new Map(
  POWERS.flatMap(([power, ops]) => ops.map((op): [string, Operator] => [op, { op, power }])),
);

const AGGREGATES: ReadonlyMap<string, AggregateOp> = new Map(
  (
    [
      ...AGGREGATES_WITH_PARAM,
      'sum',
      'avg',
      'min',
      'max',
      'count',
      'group',
      'stddev',
      'stdvar',
    ] satisfies AggregateOp[]
  ).map((op) => [op, op]),
);

/** Stands where an expression could not be made; a tree with one is never handed out. */
const NOTHING: Expr = { kind: 'numberLiteral', value: 0, duration: false, position: { start: 0, end: 0 } };

/** A Pratt parser over the tokens of one text. */
export class ExprParser {
  readonly #stream: TokenStream;
  readonly #rules: ExprParserRules;
  readonly #durations: DurationParser;
  /** Levels below each node that has any. */
  readonly #heights = new Map<Expr | DurationExpr, number>();
  #nesting = 0;

  constructor(stream: TokenStream, rules: ExprParserRules) {
    this.#stream = stream;
    this.#rules = rules;
    this.#durations = new DurationParser(stream, {
      enabled: rules.features.durationExpressions,
      deeper: (parse) => this.#deeper(parse),
      grown: (node, children) => this.#grown(node, children),
    });
  }

  /** Reads the whole text as one expression. */
  whole(): Expr {
    if (this.#stream.peek().type === 'eof') {
      this.#stream.abort({ start: 0, end: 0 }, 'no expression found in input');
    }
    const expr = this.#expr(0);
    if (this.#stream.peek().type !== 'eof') this.#stream.unexpected();
    return expr;
  }

  #deeper<T>(parse: () => T): T {
    if (this.#nesting >= this.#rules.maxNesting) this.#tooDeep(this.#rules.maxNesting);
    this.#nesting++;
    const result = parse();
    this.#nesting--;
    return result;
  }

  #tooDeep(limit: number): never {
    const { start } = this.#stream.peek();
    return this.#stream.abort(
      { start, end: start },
      `expression is nested too deeply: more than ${limit} levels`,
    );
  }

  /** Keeps the height of a new node; refuses trees that are too high. */
  #grown<T extends Expr | DurationExpr>(node: T, children: readonly (Expr | DurationExpr)[]): T {
    let height = 0;
    for (const child of children) height = Math.max(height, this.#heights.get(child) ?? 0);
    if (height + 1 > this.#rules.maxDepth) this.#tooDeep(this.#rules.maxDepth);
    this.#heights.set(node, height + 1);
    return node;
  }

  #expr(minPower: number): Expr {
    return this.#deeper(() => {
      let lhs = this.#unary();
      for (;;) {
        const operator = this.#peekOperator();
        if (operator === undefined || operator.power < minPower) return lhs;
        this.#stream.take();
        lhs = this.#binary(lhs, operator);
      }
    });
  }

  #peekOperator(): Operator | undefined {
    const token = this.#stream.peek();
    return token.type === 'operator' || token.type === 'keyword' ? OPERATORS.get(token.word) : undefined;
  }

  #unary(): Expr {
    const sign = this.#stream.accept('+') ?? this.#stream.accept('-');
    if (sign === undefined) return this.#modified(this.#primary());
    const operand = this.#expr(UNARY_OPERAND_POWER);
    const position = { start: sign.start, end: operand.position.end };
    const op = sign.text === '-' ? '-' : '+';
    if (operand.kind === 'numberLiteral') {
      return { ...operand, value: op === '-' ? -operand.value : operand.value, position };
    }
    return this.#grown({ kind: 'unary', op, expr: operand, position }, [operand]);
  }

  #binary(lhs: Expr, { op, power }: Operator): Expr {
    const stream = this.#stream;
    const returnBool = stream.acceptWord('bool') !== undefined;
    const matching = this.#matching(op);
    const rhs = this.#expr(op === '^' ? power : power + 1);
    const position = { start: lhs.position.start, end: rhs.position.end };
    const hasFill = matching.fill.left !== undefined || matching.fill.right !== undefined;
    if (hasFill && !this.#rules.features.fillModifiers) {
      stream.issue(position, 'binop fill modifiers are experimental and not enabled');
    }
    return this.#grown({ kind: 'binary', op, lhs, rhs, returnBool, matching, position }, [lhs, rhs]);
  }

  /** The modifiers behind an operator; the check drops them again where a side is no vector. */
  #matching(op: BinaryOp): VectorMatching {
    const stream = this.#stream;
    let card: MatchCardinality = 'one-to-one';
    let labels: string[] = [];
    let include: string[] = [];
    const on = stream.acceptWord('on') !== undefined;
    if (on || stream.acceptWord('ignoring') !== undefined) {
      labels = parseGroupingLabels(stream);
      const left = stream.acceptWord('group_left') !== undefined;
      if (left || stream.acceptWord('group_right') !== undefined) {
        card = left ? 'many-to-one' : 'one-to-many';
        if (stream.isAt('(') || !canStartExpr(stream.peek())) include = parseGroupingLabels(stream);
      }
    }
    if (isSetOp(op) && card === 'one-to-one') card = 'many-to-many';
    return { card, on, labels, include, fill: this.#fill() };
  }

  #fill(): VectorMatching['fill'] {
    if (this.#stream.acceptWord('fill') !== undefined) {
      const value = this.#fillValue();
      return { left: value, right: value };
    }
    let left: number | undefined;
    let right: number | undefined;
    for (;;) {
      if (left === undefined && this.#stream.acceptWord('fill_left') !== undefined) left = this.#fillValue();
      else if (right === undefined && this.#stream.acceptWord('fill_right') !== undefined) {
        right = this.#fillValue();
      } else return { left, right };
    }
  }

  #fillValue(): number {
    this.#stream.expect('(');
    const value = this.#signedNumber();
    this.#stream.expect(')');
    return value;
  }

  #signedNumber(): number {
    const sign = this.#stream.accept('+') ?? this.#stream.accept('-');
    if (!isAtLiteral(this.#stream)) this.#stream.unexpected();
    const value = literalValue(this.#stream, this.#stream.take());
    return sign?.text === '-' ? -value : value;
  }

  /** Reads the modifiers, ranges and subqueries that follow a primary expression. */
  #modified(primary: Expr): Expr {
    const stream = this.#stream;
    let expr = primary;
    for (;;) {
      const before = expr;
      if (stream.isAt('[')) expr = this.#range(expr);
      else if (stream.isAt('@')) expr = this.#at(expr);
      else if (stream.isAtWord('offset')) expr = this.#offset(expr);
      else if (stream.acceptWord('anchored') !== undefined) {
        expr = applyExtended(stream, expr, 'anchored', this.#rules.features.extendedRangeSelectors);
      } else if (stream.acceptWord('smoothed') !== undefined) {
        expr = applyExtended(stream, expr, 'smoothed', this.#rules.features.extendedRangeSelectors);
      } else return expr;
      if (expr !== before && expr.kind === 'subquery') this.#grown(expr, [expr.expr]);
    }
  }

  #offset(expr: Expr): Expr {
    const stream = this.#stream;
    stream.take();
    const offset = stream.within('offset', 'number, duration, step(), or range()', () =>
      this.#durations.offset(),
    );
    return applyOffset(stream, expr, toParsedDuration(offset), offset.position.end);
  }

  #at(expr: Expr): Expr {
    const stream = this.#stream;
    stream.take();
    return stream.within('@', 'timestamp', () => {
      const word = stream.acceptWord('start') ?? stream.acceptWord('end');
      if (word !== undefined) {
        stream.expect('(');
        const { end } = stream.expect(')');
        return applyAt(stream, expr, { kind: word.word === 'start' ? 'start' : 'end' }, end);
      }
      const seconds = this.#signedNumber();
      return applyAt(stream, expr, atTime(stream, expr, seconds), stream.lastEnd);
    });
  }

  #range(expr: Expr): Expr {
    const stream = this.#stream;
    const open = stream.take();
    const range = stream.within('subquery or range selector', 'number, duration, step(), or range()', () =>
      this.#durations.positive(),
    );
    if (stream.accept(':') !== undefined) return this.#subquery(expr, toParsedDuration(range));
    const close = stream.accept(']');
    if (close === undefined) return stream.unexpected('subquery or range', '":" or "]"');
    let fault = '';
    if (expr.kind !== 'vectorSelector') fault = 'ranges only allowed for vector selectors';
    else if (expr.offsetMs !== 0 || expr.offsetExpr !== undefined) {
      fault = 'no offset modifiers allowed before range';
    } else if (expr.at !== undefined) fault = 'no @ modifiers allowed before range';
    if (fault !== '') stream.issue({ start: open.start, end: close.end }, fault);
    if (expr.kind !== 'vectorSelector') return expr;
    const { ms, expr: rangeExpr } = toParsedDuration(range);
    const position = { start: expr.position.start, end: close.end };
    return { kind: 'matrixSelector', selector: expr, rangeMs: ms, rangeExpr, position };
  }

  #subquery(expr: Expr, range: ParsedDuration): Expr {
    const stream = this.#stream;
    let close = stream.accept(']');
    let step: ParsedDuration = { ms: 0, expr: undefined };
    if (close === undefined) {
      step = toParsedDuration(
        stream.within('subquery selector', 'number, duration, step(), range(), or "]"', () =>
          this.#durations.positive(),
        ),
      );
      close = stream.accept(']') ?? stream.unexpected('subquery selector', '"]"');
    }
    return {
      kind: 'subquery',
      expr,
      rangeMs: range.ms,
      rangeExpr: range.expr,
      stepMs: step.ms,
      stepExpr: step.expr,
      offsetMs: 0,
      offsetExpr: undefined,
      at: undefined,
      position: { start: expr.position.start, end: close.end },
    };
  }

  #primary(): Expr {
    const stream = this.#stream;
    const token = stream.peek();
    switch (token.type) {
      case 'number':
      case 'duration':
        return toLiteral(stream, stream.take());
      case 'string': {
        const { text, start, end } = stream.take();
        return { kind: 'stringLiteral', value: unquote(text), position: { start, end } };
      }
      case 'punctuation':
        if (token.text === '(') return this.#paren();
        return token.text === '{' ? parseSelector(stream, undefined) : stream.unexpected();
      case 'identifier':
      case 'metricIdentifier':
      case 'keyword':
        return this.#named(token);
      case 'operator':
      case 'eof':
        return stream.unexpected();
    }
  }

  #paren(): ParenExpr {
    const { start } = this.#stream.take();
    const expr = this.#expr(0);
    const position = { start, end: this.#stream.expect(')').end };
    return this.#grown({ kind: 'paren', expr, position }, [expr]);
  }

  /** A function, an aggregation or a metric: what follows the word decides. */
  #named(token: Token): Expr {
    const stream = this.#stream;
    if (!isMetricName(token)) return stream.unexpected();
    stream.take();
    const aggregate = token.type === 'keyword' ? AGGREGATES.get(token.word) : undefined;
    if (aggregate !== undefined) {
      const follows = stream.isAt('(') || stream.isAtWord('by') || stream.isAtWord('without');
      return follows ? this.#aggregate(token, aggregate) : parseSelector(stream, token);
    }
    const callable =
      token.type === 'identifier' || (token.type === 'keyword' && PREPROCESSOR_WORDS.has(token.word));
    return callable && stream.isAt('(') ? this.#call(token) : parseSelector(stream, token);
  }

  #arguments(): Expr[] {
    const stream = this.#stream;
    stream.expect('(');
    const args: Expr[] = [];
    if (stream.accept(')') !== undefined) return args;
    args.push(this.#expr(0));
    for (;;) {
      const comma = stream.accept(',');
      if (comma === undefined) {
        stream.expect(')');
        return args;
      }
      if (!canStartExpr(stream.peek())) {
        stream.issue(comma, 'trailing commas not allowed in function call args');
      } else args.push(this.#expr(0));
    }
  }

  #call(name: Token): CallExpr {
    const stream = this.#stream;
    const args = this.#arguments();
    const func = this.#rules.functions.get(name.text);
    if (func === undefined) stream.issue(name, `unknown function with name ${goQuote(name.text)}`);
    else if (func.experimental && !this.#rules.features.experimentalFunctions) {
      stream.issue(name, `function ${goQuote(name.text)} is not enabled`);
    }
    const position = { start: name.start, end: stream.lastEnd };
    return this.#grown({ kind: 'call', func: func ?? unknownFunction(name.text), args, position }, args);
  }

  #aggregate(name: Token, op: AggregateOp): AggregateExpr {
    const stream = this.#stream;
    const { args, grouping, without } = stream.within('aggregation', '', () => {
      const before = this.#grouping();
      const args = this.#arguments();
      const after = before ?? this.#grouping();
      return { args, grouping: after?.labels ?? [], without: after?.without ?? false };
    });
    const position = { start: name.start, end: stream.lastEnd };
    const hasParam = AGGREGATES_WITH_PARAM.has(op);
    const wanted = hasParam ? 2 : 1;
    const experimental = op === 'limitk' || op === 'limit_ratio';
    if (args.length === 0) stream.issue(position, 'no arguments for aggregate expression provided');
    else if (experimental && !this.#rules.features.experimentalFunctions) {
      stream.issue(
        position,
        `${op}() is experimental and must be enabled with --enable-feature=promql-experimental-functions`,
      );
    } else if (args.length !== wanted) {
      stream.issue(
        position,
        `wrong number of arguments for aggregate expression provided, expected ${wanted}, got ${args.length}`,
      );
    }
    const param = hasParam ? (args[0] ?? NOTHING) : undefined;
    const expr = args[wanted - 1] ?? NOTHING;
    return this.#grown({ kind: 'aggregate', op, expr, param, grouping, without, position }, args);
  }

  #grouping(): { readonly labels: string[]; readonly without: boolean } | undefined {
    if (this.#stream.acceptWord('by') !== undefined) {
      return { labels: parseGroupingLabels(this.#stream), without: false };
    }
    if (this.#stream.acceptWord('without') !== undefined) {
      return { labels: parseGroupingLabels(this.#stream), without: true };
    }
    return undefined;
  }
}

function unknownFunction(name: string): FunctionSignature {
  return { name, argTypes: [], variadic: 0, returnType: exprType(NOTHING), experimental: false };
}
