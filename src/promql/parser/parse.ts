import type { Matcher } from '../../core/matcher.ts';
import type { Expr } from './ast.ts';
import { checkExpr } from './check.ts';
import { PROMQL_FUNCTIONS } from './functions.ts';
import type { FunctionTable } from './functions.ts';
import { ExprParser } from './parse-expr.ts';
import type { ParserFeatures } from './parse-expr.ts';
import { isMetricName, parseSelector } from './parse-selector.ts';
import { PromqlParseError } from './parse-error.ts';
import { parseWith } from './token-stream.ts';

/** How many parentheses, calls and signs may stand inside each other. */
export const MAX_NESTING = 250;

/** How many levels a tree may have: a chain of so many operators is fine, and every recursive walk's stack suffices. */
export const MAX_DEPTH = 1000;

/** How many UTF-16 units a text may have: bounds the time that reading it takes. */
export const MAX_TEXT_LENGTH: number = 1024 * 1024;

/** Options of {@link parseExpr}. */
export interface ParseOptions {
  /** Functions that exist; Prometheus' own when absent. */
  readonly functions?: FunctionTable;
  /** Features beyond the stable language; as in Prometheus 3.14 only duration expressions are on when absent. */
  readonly features?: Partial<ParserFeatures>;
}

/**
 * Parses and checks PromQL text. Throws {@link PromqlParseError} with Prometheus' texts and positions.
 *
 * @example parseExpr('sum by (model) (rate(requests_total[5m]))')
 */
export function parseExpr(text: string, options: ParseOptions = {}): Expr {
  refuseTooLong(text);
  return parseWith(text, (stream) => {
    const parser = new ExprParser(stream, {
      functions: options.functions ?? PROMQL_FUNCTIONS,
      features: {
        experimentalFunctions: options.features?.experimentalFunctions ?? false,
        durationExpressions: options.features?.durationExpressions ?? true,
        extendedRangeSelectors: options.features?.extendedRangeSelectors ?? false,
        fillModifiers: options.features?.fillModifiers ?? false,
      },
      maxNesting: MAX_NESTING,
      maxDepth: MAX_DEPTH,
    });
    const expr = parser.whole();
    if (stream.issues.length === 0) stream.issues.push(...checkExpr(expr, text));
    return expr;
  });
}

/**
 * Parses a selector as `match[]` parameters have it: `up{job="a"}`, without offset or range. `{}` is accepted: whether
 * a selector may match everything is for the caller to say. Throws {@link PromqlParseError}.
 */
export function parseMetricSelector(text: string): readonly Matcher[] {
  refuseTooLong(text);
  return parseWith(text, (stream) => {
    const token = stream.peek();
    const named = isMetricName(token);
    if (!named && !stream.isAt('{')) stream.unexpected();
    const { matchers } = parseSelector(stream, named ? stream.take() : undefined);
    if (stream.peek().type !== 'eof') stream.unexpected();
    return matchers;
  });
}

function refuseTooLong(text: string): void {
  if (text.length <= MAX_TEXT_LENGTH) return;
  const message = `expression is too long: ${text.length} characters, at most ${MAX_TEXT_LENGTH} are allowed`;
  throw new PromqlParseError(text.slice(0, 1), [{ message, position: { start: 0, end: 0 } }]);
}
