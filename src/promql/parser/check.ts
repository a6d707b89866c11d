import { DOCUMENTED_TYPES, exprType, isComparisonOp, isSetOp } from './ast.ts';
import type { AggregateOp, BinaryExpr, CallExpr, Expr, ValueType, VectorSelector } from './ast.ts';
import { METRIC_NAME } from '../../core/labels.ts';
import { goQuote } from '../../core/go-quote.ts';
import type { ParseIssue } from './parse-error.ts';

/**
 * The type check of a parsed tree: finds what is wrong in the order and with the texts of prometheus
 * promql/parser/parse.go checkAST, and brings the matching of binary operations into its final form (absent unless
 * both sides are vectors). It runs before the tree is handed out, the only time a node changes.
 */
export function checkExpr(expr: Expr, text: string): ParseIssue[] {
  const checker = new Checker(text);
  checker.check(expr);
  return checker.issues;
}

const SCALAR_PARAMS: ReadonlySet<AggregateOp> = new Set<AggregateOp>([
  'topk',
  'bottomk',
  'quantile',
  'limitk',
  'limit_ratio',
]);

type Draft<T> = { -readonly [Key in keyof T]: T[Key] };

class Checker {
  readonly issues: ParseIssue[] = [];
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  check(expr: Expr): ValueType {
    switch (expr.kind) {
      case 'numberLiteral':
        return 'scalar';
      case 'stringLiteral':
        return 'string';
      case 'vectorSelector':
        this.#selector(expr, false);
        return 'vector';
      case 'matrixSelector':
        this.#selector(expr.selector, false);
        return 'matrix';
      case 'subquery': {
        const type = this.check(expr.expr);
        if (type !== 'vector') {
          this.#issue(expr, `subquery is only allowed on instant vector, got ${type} instead`);
        }
        return 'matrix';
      }
      case 'paren':
        return this.check(expr.expr);
      case 'unary': {
        const type = this.check(expr.expr);
        if (type !== 'scalar' && type !== 'vector') {
          const shown = goQuote(DOCUMENTED_TYPES[type]);
          this.#issue(
            expr,
            `unary expression only allowed on expressions of type scalar or instant vector, got ${shown}`,
          );
        }
        return type;
      }
      case 'binary':
        return this.#binary(expr);
      case 'aggregate':
        this.#expect(expr.expr, 'vector', 'aggregation expression');
        if (expr.param !== undefined) {
          const wanted = SCALAR_PARAMS.has(expr.op) ? 'scalar' : 'string';
          this.#expect(expr.param, wanted, 'aggregation parameter');
        }
        return 'vector';
      case 'call':
        return this.#call(expr);
    }
  }

  #issue(at: Expr, message: string): void {
    this.issues.push({ message, position: at.position });
  }

  #expect(expr: Expr, wanted: ValueType, context: string): void {
    const type = this.check(expr);
    if (type !== wanted) {
      this.#issue(
        expr,
        `expected type ${DOCUMENTED_TYPES[wanted]} in ${context}, got ${DOCUMENTED_TYPES[type]}`,
      );
    }
  }

  #selector(selector: VectorSelector, mayMatchEverything: boolean): void {
    if (selector.name !== '') {
      for (const matcher of selector.matchers.slice(0, -1)) {
        if (matcher.name === METRIC_NAME) {
          const names = `${goQuote(selector.name)} or ${goQuote(matcher.value)}`;
          this.#issue(selector, `metric name must not be set twice: ${names}`);
        }
      }
      return;
    }
    if (!mayMatchEverything && selector.matchers.every((matcher) => matcher.matches(''))) {
      this.#issue(selector, 'vector selector must contain at least one non-empty matcher');
    }
  }

  #binary(expr: BinaryExpr): ValueType {
    const lhsType = this.check(expr.lhs);
    const rhsType = this.check(expr.rhs);
    const { op, matching } = expr;
    if (expr.returnBool && !isComparisonOp(op)) {
      this.#operatorIssue(expr, 'bool modifier can only be used on comparison operators');
    }
    const bothScalar = lhsType === 'scalar' && rhsType === 'scalar';
    if (isComparisonOp(op) && !expr.returnBool && bothScalar) {
      this.#operatorIssue(expr, 'comparisons between scalars must use BOOL modifier');
    }
    if (matching?.on === true) {
      for (const label of matching.labels) {
        for (const included of matching.include) {
          if (label !== included) continue;
          const shown = goQuote(label);
          this.#operatorIssue(expr, `label ${shown} must not occur in ON and GROUP clause at once`);
        }
      }
    }
    this.#operand(expr.lhs, lhsType);
    this.#operand(expr.rhs, rhsType);
    this.#matching(expr, lhsType === 'vector' && rhsType === 'vector');
    if ((lhsType === 'scalar' || rhsType === 'scalar') && isSetOp(op)) {
      this.#issue(expr, `set operator ${goQuote(op)} not allowed in binary scalar expression`);
    }
    return bothScalar ? 'scalar' : 'vector';
  }

  #operand(expr: Expr, type: ValueType): void {
    if (type !== 'scalar' && type !== 'vector') {
      this.#issue(expr, 'binary expression must contain only scalar and instant vector types');
    }
  }

  #matching(expr: BinaryExpr, bothVectors: boolean): void {
    const { op, matching } = expr;
    if (matching === undefined) return;
    const hasFill = matching.fill.left !== undefined || matching.fill.right !== undefined;
    if (!bothVectors) {
      if (matching.labels.length > 0) {
        this.#issue(expr, 'vector matching only allowed between instant vectors');
      }
      if (hasFill) this.#issue(expr, 'filling in missing series only allowed between instant vectors');
      const draft: Draft<BinaryExpr> = expr;
      draft.matching = undefined;
    } else if (isSetOp(op)) {
      if (matching.card !== 'many-to-many') {
        this.#issue(expr, `no grouping allowed for ${goQuote(op)} operation`);
        this.#issue(expr, 'set operations must always be many-to-many');
      }
      if (hasFill) this.#issue(expr, 'filling in missing series not allowed for set operators');
    }
  }

  /** An issue at the operator and its modifiers: what is left of the text between the operands. */
  #operatorIssue(expr: BinaryExpr, message: string): void {
    let start = expr.lhs.position.end;
    while (/\s/.test(this.#text.charAt(start))) start++;
    let end = expr.rhs.position.start;
    while (end > start && /\s/.test(this.#text.charAt(end - 1))) end--;
    this.issues.push({ message, position: { start, end } });
  }

  #call(expr: CallExpr): ValueType {
    const { func, args } = expr;
    this.#arity(expr);
    const isInfo = func.name === 'info';
    if (isInfo && args.length > 1) this.#infoSelector(expr, args[1]!);
    args.forEach((arg, i) => {
      const wanted = func.argTypes[i] ?? (func.variadic === 0 ? undefined : func.argTypes.at(-1));
      if (wanted === undefined) return;
      let type: ValueType;
      if (isInfo && i === 1 && arg.kind === 'vectorSelector') {
        this.#selector(arg, arg.name === '');
        type = 'vector';
      } else {
        type = this.check(arg);
      }
      if (type !== wanted) {
        const context = `call to function ${goQuote(func.name)}`;
        this.#issue(
          arg,
          `expected type ${DOCUMENTED_TYPES[wanted]} in ${context}, got ${DOCUMENTED_TYPES[type]}`,
        );
      }
    });
    return func.returnType;
  }

  #arity({ func, args, position }: CallExpr): void {
    const complain = (wanted: string): void => {
      const message = `expected ${wanted} argument(s) in call to ${goQuote(func.name)}, got ${args.length}`;
      this.issues.push({ message, position });
    };
    if (func.variadic === 0) {
      if (args.length !== func.argTypes.length) complain(String(func.argTypes.length));
      return;
    }
    const least = func.argTypes.length - 1;
    const most = func.variadic < 0 ? Infinity : least + func.variadic;
    if (args.length < least) complain(`at least ${least}`);
    else if (args.length > most) complain(`at most ${most}`);
  }

  #infoSelector(call: CallExpr, selector: Expr): void {
    const type = exprType(selector);
    if (type !== 'vector') {
      this.#issue(
        call,
        `expected type instant vector in call to function "info", got ${DOCUMENTED_TYPES[type]}`,
      );
    }
    if (selector.kind !== 'vectorSelector') this.#issue(selector, 'expected label selectors only');
    else if (selector.name !== '') {
      this.#issue(selector, 'expected label selectors only, got vector selector instead');
    }
  }
}
