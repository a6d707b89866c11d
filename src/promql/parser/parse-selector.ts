import { TocsinError } from '../../core/errors.ts';
import { METRIC_NAME } from '../../core/labels.ts';
import { Matcher } from '../../core/matcher.ts';
import type { MatchOp } from '../../core/matcher.ts';
import type { VectorSelector } from './ast.ts';
import { goQuote } from '../../core/go-quote.ts';
import { unquote } from './unquote.ts';
import type { TokenStream } from './token-stream.ts';
import { NOT_METRIC_NAMES } from './tokens.ts';
import type { Token } from './tokens.ts';

/** Whether a token may stand as the name of a metric. */
export function isMetricName(token: Token): boolean {
  switch (token.type) {
    case 'identifier':
    case 'metricIdentifier':
      return true;
    case 'keyword':
      return !NOT_METRIC_NAMES.has(token.word);
    case 'eof':
    case 'string':
    case 'number':
    case 'duration':
    case 'operator':
    case 'punctuation':
      return false;
  }
}

/** Whether an expression may begin with a token. */
export function canStartExpr(token: Token): boolean {
  switch (token.type) {
    case 'number':
    case 'duration':
    case 'string':
      return true;
    case 'operator':
      return token.text === '+' || token.text === '-';
    case 'punctuation':
      return token.text === '(' || token.text === '{';
    case 'identifier':
    case 'metricIdentifier':
    case 'keyword':
      return isMetricName(token);
    case 'eof':
      return false;
  }
}

/** Reads the rest of a selector whose name, if it has one outside the braces, was just taken. */
export function parseSelector(stream: TokenStream, name: Token | undefined): VectorSelector {
  const matchers: Matcher[] = [];
  const start = name?.start ?? stream.peek().start;
  let end = name?.end ?? start;
  if (name === undefined || stream.isAt('{')) end = parseMatchers(stream, matchers);
  if (name !== undefined) matchers.push(new Matcher(METRIC_NAME, '=', name.text));
  return {
    kind: 'vectorSelector',
    name: name?.text ?? '',
    matchers,
    offsetMs: 0,
    offsetExpr: undefined,
    at: undefined,
    extended: undefined,
    position: { start, end },
  };
}

/** Reads `{…}` into `matchers`; gives where it ends. */
function parseMatchers(stream: TokenStream, matchers: Matcher[]): number {
  stream.expect('{');
  let end = stream.accept('}');
  while (end === undefined) {
    const matcher = parseMatcher(stream);
    if (matcher !== undefined) matchers.push(matcher);
    if (stream.accept(',') === undefined) {
      end = stream.accept('}') ?? stream.unexpected('label matching', '"," or "}"');
    } else {
      end = stream.accept('}');
    }
  }
  return end.end;
}

/** One condition; undefined when its regular expression is not valid, which is noted. */
function parseMatcher(stream: TokenStream): Matcher | undefined {
  const label = stream.peek();
  if (label.type !== 'identifier' && label.type !== 'string') {
    stream.unexpected('label matching', 'identifier or "}"');
  }
  stream.take();
  const name = label.type === 'string' ? unquote(label.text) : label.text;
  const op = acceptMatchOp(stream);
  if (op === undefined) {
    if (label.type === 'string') return new Matcher(METRIC_NAME, '=', name);
    stream.unexpected('label matching', 'label matching operator');
  }
  if (stream.peek().type !== 'string') stream.unexpected('label matching', 'string');
  const value = stream.take();
  try {
    const matcher = new Matcher(name, op, unquote(value.text));
    if (matcher.regexp !== undefined) stream.countRegexp(value, matcher.regexp.programSize);
    return matcher;
  } catch (error) {
    if (!(error instanceof TocsinError)) throw error;
    stream.issue({ start: label.start, end: value.end }, error.message);
    return undefined;
  }
}

function acceptMatchOp(stream: TokenStream): MatchOp | undefined {
  for (const op of ['=', '!=', '=~', '!~'] as const) {
    if (stream.accept(op) !== undefined) return op;
  }
  return undefined;
}

/** Reads `(a, b, "quoted name",)`. */
export function parseGroupingLabels(stream: TokenStream): string[] {
  if (stream.accept('(') === undefined) stream.unexpected('grouping opts', '"("');
  const labels: string[] = [];
  while (stream.accept(')') === undefined) {
    labels.push(parseGroupingLabel(stream));
    if (stream.accept(',') === undefined) {
      if (stream.accept(')') === undefined) stream.unexpected('grouping opts', '"," or ")"');
      return labels;
    }
  }
  return labels;
}

function parseGroupingLabel(stream: TokenStream): string {
  const token = stream.peek();
  switch (token.type) {
    case 'keyword':
      // The one reserved word that Prometheus' grammar leaves out here.
      return token.word === 'without' ? stream.unexpected('grouping opts', 'label') : stream.take().text;
    case 'identifier':
    case 'metricIdentifier':
      return stream.take().text;
    case 'string': {
      const name = unquote(stream.take().text);
      if (name === '') stream.issue(token, `invalid label name for grouping: ${goQuote(name)}`);
      return name;
    }
    case 'eof':
    case 'number':
    case 'duration':
    case 'operator':
    case 'punctuation':
      return stream.unexpected('grouping opts', 'label');
  }
}
