import { formatDuration } from '../../core/duration.ts';
import { formatFloatGeneral, formatFloatPlain } from '../../core/float-text.ts';
import { LEGACY_LABEL_NAME, METRIC_NAME, compareText } from '../../core/labels.ts';
import type { Matcher } from '../../core/matcher.ts';
import { AGGREGATES_WITH_PARAM } from './ast.ts';
import type {
  AggregateExpr,
  AtModifier,
  BinaryExpr,
  DurationExpr,
  Expr,
  MatrixSelector,
  NumberLiteral,
  SubqueryExpr,
  VectorMatching,
  VectorSelector,
} from './ast.ts';
import { goQuote } from '../../core/go-quote.ts';

/**
 * An expression as text, equal to what Prometheus prints for it on one line; parsing it again gives the same tree.
 *
 * @see prometheus promql/parser/printer.go
 */
export function printExpr(expr: Expr): string {
  switch (expr.kind) {
    case 'numberLiteral':
      return printNumber(expr);
    case 'stringLiteral':
      return goQuote(expr.value);
    case 'vectorSelector':
      return printVectorSelector(expr);
    case 'matrixSelector':
      return printMatrixSelector(expr);
    case 'subquery':
      return printExpr(expr.expr) + printSubqueryRange(expr);
    case 'unary':
      return expr.op + printExpr(expr.expr);
    case 'binary':
      return printBinary(expr);
    case 'aggregate':
      return printAggregate(expr);
    case 'call':
      return `${expr.func.name}(${expr.args.map(printExpr).join(', ')})`;
    case 'paren':
      return `(${printExpr(expr.expr)})`;
  }
}

/** One condition as `name="value"`; names that need it are quoted. */
function printMatcher(matcher: Matcher): string {
  return `${printLabelName(matcher.name)}${matcher.op}${goQuote(matcher.value)}`;
}

function printLabelName(name: string): string {
  return LEGACY_LABEL_NAME.test(name) ? name : goQuote(name);
}

function printLabels(names: readonly string[]): string {
  return `(${names.map(printLabelName).join(', ')})`;
}

function printNumber({ value, duration }: NumberLiteral): string {
  return duration ? formatDuration(Math.round(value * 1000)) : formatFloatPlain(value);
}

function printSelectorCore({ name, matchers }: VectorSelector): string {
  const printed = matchers
    .filter(
      (matcher) =>
        matcher.name !== METRIC_NAME || matcher.op !== '=' || matcher.value !== name || name === '',
    )
    .map(printMatcher)
    .sort(compareText);
  return printed.length === 0 ? name || '{}' : `${name}{${printed.join(',')}}`;
}

function printVectorSelector(selector: VectorSelector): string {
  return printSelectorCore(selector) + printAt(selector.at) + printExtended(selector) + printOffset(selector);
}

function printMatrixSelector({ selector, rangeMs, rangeExpr }: MatrixSelector): string {
  const range = printDuration(rangeMs, rangeExpr);
  return (
    `${printSelectorCore(selector)}[${range}]` +
    printExtended(selector) +
    printAt(selector.at) +
    printOffset(selector)
  );
}

/** What stands behind the expression of a subquery: `[1h:5m] @ start() offset 1m`. */
export function printSubqueryRange(subquery: SubqueryExpr): string {
  const range = printDuration(subquery.rangeMs, subquery.rangeExpr);
  const step =
    subquery.stepMs === 0 && subquery.stepExpr === undefined
      ? ''
      : printDuration(subquery.stepMs, subquery.stepExpr);
  return `[${range}:${step}]${printAt(subquery.at)}${printOffset(subquery)}`;
}

function printDuration(ms: number, expr: DurationExpr | undefined): string {
  return expr === undefined ? formatDuration(ms) : printDurationExpr(expr);
}

function printAt(at: AtModifier | undefined): string {
  if (at === undefined) return '';
  return at.kind === 'time' ? ` @ ${printSeconds(at.ms)}` : ` @ ${at.kind}()`;
}

/** Seconds with exactly three decimals. */
function printSeconds(ms: number): string {
  const magnitude = Math.abs(ms);
  const whole = formatFloatPlain(Math.floor(magnitude / 1000));
  const rest = String(magnitude % 1000).padStart(3, '0');
  return `${ms < 0 ? '-' : ''}${whole}.${rest}`;
}

function printExtended({ extended }: VectorSelector): string {
  return extended === undefined ? '' : ` ${extended}`;
}

function printOffset(node: VectorSelector | SubqueryExpr): string {
  if (node.offsetExpr !== undefined) return ` offset ${printDurationExpr(node.offsetExpr)}`;
  return node.offsetMs === 0 ? '' : ` offset ${formatDuration(node.offsetMs)}`;
}

function printDurationNode(node: DurationExpr | NumberLiteral | undefined): string {
  if (node === undefined) return '';
  return node.kind === 'numberLiteral' ? printNumber(node) : printDurationExpr(node);
}

function printDurationExpr(expr: DurationExpr): string {
  const lhs = printDurationNode(expr.lhs);
  const rhs = printDurationNode(expr.rhs);
  let text: string;
  switch (expr.op) {
    case 'step':
    case 'range':
      text = `${expr.op}()`;
      break;
    case 'min_of':
    case 'max_of':
      text = `${expr.op}(${lhs}, ${rhs})`;
      break;
    case '+':
    case '-':
    case '*':
    case '/':
    case '%':
    case '^':
      if (expr.lhs !== undefined) text = `${lhs} ${expr.op} ${rhs}`;
      else text = expr.op === '-' ? `-${rhs}` : rhs;
      break;
  }
  return expr.wrapped ? `(${text})` : text;
}

function printBinary(expr: BinaryExpr): string {
  return `${printExpr(expr.lhs)} ${printBinaryOperator(expr)} ${printExpr(expr.rhs)}`;
}

/** What stands between the two sides: `== bool on (a) group_left ()`. */
export function printBinaryOperator({ op, returnBool, matching }: BinaryExpr): string {
  return op + (returnBool ? ' bool' : '') + (matching === undefined ? '' : printMatching(matching));
}

function printMatching({ card, on, labels, include, fill }: VectorMatching): string {
  const grouped = card === 'many-to-one' || card === 'one-to-many';
  let text = '';
  if (labels.length > 0 || on || grouped) text += ` ${on ? 'on' : 'ignoring'} ${printLabels(labels)}`;
  if (grouped) text += ` group_${card === 'many-to-one' ? 'left' : 'right'} ${printLabels(include)}`;
  if (fill.left !== undefined && fill.left === fill.right) {
    return `${text} fill (${formatFloatGeneral(fill.left)})`;
  }
  if (fill.left !== undefined) text += ` fill_left (${formatFloatGeneral(fill.left)})`;
  if (fill.right !== undefined) text += ` fill_right (${formatFloatGeneral(fill.right)})`;
  return text;
}

function printAggregate(expr: AggregateExpr): string {
  const { op, param } = expr;
  const first = AGGREGATES_WITH_PARAM.has(op) && param !== undefined ? `${printExpr(param)}, ` : '';
  return `${printAggregateHead(expr)}(${first}${printExpr(expr.expr)})`;
}

/** What stands in front of the parenthesis: `sum by (a) `. */
export function printAggregateHead({ op, grouping, without }: AggregateExpr): string {
  if (without) return `${op} without ${printLabels(grouping)} `;
  return grouping.length > 0 ? `${op} by ${printLabels(grouping)} ` : op;
}
