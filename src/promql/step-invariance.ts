import { childrenOf, type Expr } from './parser/ast.ts';

/** Functions whose result changes with the evaluation time although their arguments do not. */
const TIME_DEPENDENT: ReadonlySet<string> = new Set([
  'days_in_month',
  'day_of_month',
  'day_of_week',
  'day_of_year',
  'hour',
  'minute',
  'month',
  'year',
  'predict_linear',
  'time',
  'timestamp',
]);

/** What an expression is inside its parentheses. */
export function withoutParens(expr: Expr): Expr {
  let inner = expr;
  while (inner.kind === 'paren') inner = inner.expr;
  return inner;
}

/**
 * Whether an expression has the same value at all steps: everything it selects has an @ modifier. Answers are kept,
 * as parents ask for children's.
 *
 * @see prometheus promql/engine.go preprocessExprHelper
 */
export class StepInvariance {
  readonly #known = new Map<Expr, boolean>();

  holds(expr: Expr): boolean {
    let answer = this.#known.get(expr);
    if (answer === undefined) {
      answer = this.#decide(expr);
      this.#known.set(expr, answer);
    }
    return answer;
  }

  #decide(expr: Expr): boolean {
    switch (expr.kind) {
      case 'numberLiteral':
      case 'stringLiteral':
        return true;
      case 'vectorSelector':
      case 'subquery':
        return expr.at !== undefined;
      case 'matrixSelector':
        return expr.selector.at !== undefined;
      case 'paren':
      case 'unary':
      case 'binary':
        return childrenOf(expr).every((child) => this.holds(child));
      case 'aggregate':
        // As in Prometheus the parameter doesn't count: one that changes is taken at the first step.
        return this.holds(expr.expr);
      case 'call': {
        // timestamp(selector @ t) is the sample's time, whatever the step.
        const argument = expr.args[0];
        const onSelector = argument !== undefined && withoutParens(argument).kind === 'vectorSelector';
        if (TIME_DEPENDENT.has(expr.func.name) && !(expr.func.name === 'timestamp' && onSelector))
          return false;
        return expr.args.every((child) => this.holds(child));
      }
    }
  }
}
