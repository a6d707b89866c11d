import { goQuote } from '../../core/go-quote.ts';

/** What a token is, as far as the grammar cares; `keyword` covers every reserved word, told apart by `word`. */
export type TokenType =
  | 'eof'
  | 'identifier'
  | 'metricIdentifier'
  | 'string'
  | 'number'
  | 'duration'
  | 'keyword'
  | 'operator'
  | 'punctuation';

/** A piece of the text. */
export interface Token {
  readonly type: TokenType;
  /** As written. */
  readonly text: string;
  /** A keyword in lower case, otherwise as written. */
  readonly word: string;
  readonly start: number;
  readonly end: number;
}

/** Words that are operators. */
const OPERATOR_WORDS: ReadonlySet<string> = new Set(['and', 'or', 'unless', 'atan2']);

/** Words that are aggregations. */
const AGGREGATE_WORDS: ReadonlySet<string> = new Set([
  'sum',
  'avg',
  'count',
  'min',
  'max',
  'group',
  'stddev',
  'stdvar',
  'topk',
  'bottomk',
  'count_values',
  'quantile',
  'limitk',
  'limit_ratio',
]);

/** Words that modify what stands around them. */
const MODIFIER_WORDS: ReadonlySet<string> = new Set([
  'offset',
  'smoothed',
  'anchored',
  'by',
  'without',
  'on',
  'ignoring',
  'group_left',
  'group_right',
  'fill',
  'fill_left',
  'fill_right',
  'bool',
]);

/** Words that stand for a figure of the query; also functions of these names. */
export const PREPROCESSOR_WORDS: ReadonlySet<string> = new Set([
  'start',
  'end',
  'step',
  'range',
  'max_of',
  'min_of',
]);

/** Every reserved word, in lower case; `inf` and `nan` are numbers instead. */
export const KEYWORDS: ReadonlySet<string> = new Set([
  ...OPERATOR_WORDS,
  ...AGGREGATE_WORDS,
  ...MODIFIER_WORDS,
  ...PREPROCESSOR_WORDS,
]);

/** Reserved words that may not be used as the name of a metric. */
export const NOT_METRIC_NAMES: ReadonlySet<string> = new Set([
  'atan2',
  'bool',
  'on',
  'ignoring',
  'group_left',
  'group_right',
]);

/** A token as error texts describe it (parser/lex.go Item.desc). */
export function describeToken(token: Token): string {
  switch (token.type) {
    case 'eof':
      return 'end of input';
    case 'identifier':
      return `identifier ${goQuote(token.text)}`;
    case 'metricIdentifier':
      return `metric identifier ${goQuote(token.text)}`;
    case 'string':
    case 'number':
    case 'duration':
      return `${token.type} ${shorten(token.text)}`;
    case 'operator':
      return `<op:${token.text}>`;
    case 'punctuation':
      return goQuote(token.text);
    case 'keyword':
      if (OPERATOR_WORDS.has(token.word)) return `<op:${token.text}>`;
      if (AGGREGATE_WORDS.has(token.word)) return `<aggr:${token.text}>`;
      return MODIFIER_WORDS.has(token.word) ? `<${token.text}>` : shorten(token.text);
  }
}

const SHOWN_CHARACTERS = 10;

/** Quoted, cut after ten characters when the text has more than ten bytes. */
function shorten(text: string): string {
  if (Buffer.byteLength(text) <= SHOWN_CHARACTERS) return goQuote(text);
  return `${goQuote(Array.from(text).slice(0, SHOWN_CHARACTERS).join(''))}...`;
}

const MAX_ECHO = 1000;

/** A literal, quoted for an error text; of one that is longer than 1000 characters only the beginning. */
export function quoteLiteral(text: string): string {
  return text.length <= MAX_ECHO ? goQuote(text) : `${goQuote(text.slice(0, MAX_ECHO))}...`;
}
