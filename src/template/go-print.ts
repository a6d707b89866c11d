import { formatFloat } from './go-float.ts';
import { GoDuration, GoNamedInt, GoTime } from './go-time.ts';
import { itemsOf, mapOf, typeName } from './kinds.ts';
import { goQuote, goQuoteRune } from '../core/go-quote.ts';
import { goQuoteAscii } from './quote.ts';
import { GoMap, GoSlice, GoStruct, SafeText, type TemplateValue } from './value.ts';

/** Flags, width and precision of one verb of a format. */
export interface PrintFlags {
  readonly minus: boolean;
  readonly plus: boolean;
  readonly sharp: boolean;
  readonly space: boolean;
  readonly zero: boolean;
  readonly width: number | undefined;
  readonly precision: number | undefined;
}

/** No flags. */
export const NO_FLAGS: PrintFlags = {
  minus: false,
  plus: false,
  sharp: false,
  space: false,
  zero: false,
  width: undefined,
  precision: undefined,
};

const MAX_DEPTH = 100;

/** Go's fmt.Sprint of one value, and what an action prints. */
export function sprintValue(value: TemplateValue): string {
  return typeof value === 'string' ? value : formatValue(value, 'v', NO_FLAGS, 0);
}

/** Go's fmt.Sprint: a space between operands when neither is text. */
export function sprint(values: readonly TemplateValue[]): string {
  let out = '';
  values.forEach((value, i) => {
    if (i > 0 && !isText(value) && !isText(values[i - 1])) out += ' ';
    out += sprintValue(value);
  });
  return out;
}

/** Go's fmt.Sprintln. */
export function sprintln(values: readonly TemplateValue[]): string {
  return `${values.map(sprintValue).join(' ')}\n`;
}

function isText(value: TemplateValue): boolean {
  return typeof value === 'string' || value instanceof SafeText;
}

/** Formats one value with one verb. */
export function formatValue(value: TemplateValue, verb: string, flags: PrintFlags, depth: number): string {
  if (depth > MAX_DEPTH) return '...';
  if (verb === 'T') return padText(typeName(value), flags);
  if (typeof value === 'string') return textVerb(value, value, verb, flags);
  if (typeof value === 'number') return floatVerb(value, verb, flags);
  if (typeof value === 'bigint') return intVerb(value, value, verb, flags);
  if (value === undefined) {
    return verb === 'v' || depth > 0 ? padText('<nil>', flags) : `%!${verb}(<nil>)`;
  }
  if (typeof value === 'object') return formatObject(value, verb, flags, depth);
  return verb === 't' || verb === 'v' ? padText(String(value), flags) : badVerb(value, verb);
}

function formatObject(
  value: Exclude<TemplateValue, undefined | boolean | number | bigint | string>,
  verb: string,
  flags: PrintFlags,
  depth: number,
): string {
  if (value instanceof SafeText) return textVerb(value, value.text, verb, flags);
  const text = 'vsxXq'.includes(verb) && !(verb === 'v' && flags.sharp) ? stringerText(value) : undefined;
  if (text !== undefined) return textVerb(value, text, verb, flags);
  if (value instanceof GoDuration) return intVerb(value, value.ns, verb, flags);
  if (value instanceof GoNamedInt) return intVerb(value, value.value, verb, flags);
  if (value instanceof GoTime) return badVerb(value, verb);
  const prefix = flags.sharp && verb === 'v' ? typeName(value) : '';
  const inner = (item: TemplateValue): string => formatValue(item, verb, flags, depth + 1);
  if (value instanceof GoStruct) return structText(value, verb, flags, inner);
  const items = itemsOf(value);
  if (items !== undefined) {
    return prefix === '' ? `[${items.map(inner).join(' ')}]` : `${prefix}{${items.map(inner).join(', ')}}`;
  }
  const map = mapOf(value)!;
  const pairs = map.keys().map((key) => `${inner(key)}:${inner(map.get(key))}`);
  return prefix === '' ? `map[${pairs.join(' ')}]` : `${prefix}{${pairs.join(', ')}}`;
}

function structText(
  value: GoStruct,
  verb: string,
  flags: PrintFlags,
  inner: (item: TemplateValue) => string,
): string {
  const named = verb === 'v' && (flags.plus || flags.sharp);
  const fields = value.fields.map((field) => (named ? `${field.name}:` : '') + inner(field.value));
  const ampersand = value.pointer ? '&' : '';
  if (verb === 'v' && flags.sharp) return `${ampersand}${value.typeName}{${fields.join(', ')}}`;
  return `${ampersand}{${fields.join(' ')}}`;
}

/** What a value's String method gives; undefined when it has none. */
function stringerText(value: TemplateValue): string | undefined {
  if (value instanceof GoTime || value instanceof GoDuration) return value.toString();
  if (value instanceof GoNamedInt) return value.text;
  if (value instanceof GoMap || value instanceof GoSlice || value instanceof GoStruct) {
    const text = Object.hasOwn(value.methods, 'String')
      ? value.methods['String']?.().call([], undefined)
      : undefined;
    return typeof text === 'string' ? text : undefined;
  }
  return undefined;
}

/** Go's `%!d(string=text)`. */
export function badVerb(value: TemplateValue, verb: string): string {
  if (value === undefined) return `%!${verb}(<nil>)`;
  const plain = value instanceof GoDuration ? value.ns : value instanceof GoNamedInt ? value.value : value;
  return `%!${verb}(${typeName(value)}=${sprintValue(plain)})`;
}

function textVerb(value: TemplateValue, text: string, verb: string, flags: PrintFlags): string {
  switch (verb) {
    case 'v':
      if (flags.sharp) return padText(goQuote(text), flags);
      return padText(truncate(text, flags), flags);
    case 's':
      return padText(truncate(text, flags), flags);
    case 'q':
      return padText(quotedText(truncate(text, flags), flags), flags);
    case 'x':
    case 'X':
      return padText(hexText(text, verb, flags), flags);
    default:
      return badVerb(value, verb);
  }
}

function quotedText(text: string, flags: PrintFlags): string {
  if (flags.sharp && !/[`\p{Cc}\ufeff]/u.test(text.replaceAll('\t', ''))) return `\`${text}\``;
  return flags.plus ? goQuoteAscii(text) : goQuote(text);
}

function hexText(text: string, verb: string, flags: PrintFlags): string {
  const bytes = new TextEncoder().encode(text).slice(0, flags.precision);
  const pairs = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0'));
  const prefix = flags.sharp && pairs.length > 0 ? '0x' : '';
  const out = prefix + pairs.join(flags.space ? ` ${prefix}` : '');
  return verb === 'X' ? out.toUpperCase() : out;
}

function truncate(text: string, flags: PrintFlags): string {
  return flags.precision === undefined ? text : Array.from(text).slice(0, flags.precision).join('');
}

function padText(text: string, flags: PrintFlags): string {
  if (flags.width === undefined) return text;
  const missing = flags.width - Array.from(text).length;
  if (missing <= 0) return text;
  if (flags.minus) return text + ' '.repeat(missing);
  return (flags.zero ? '0' : ' ').repeat(missing) + text;
}

const BASES: Readonly<Record<string, number>> = { d: 10, v: 10, b: 2, o: 8, O: 8, x: 16, X: 16 };
const BASE_PREFIXES: Readonly<Record<string, string>> = { b: '0b', o: '0', x: '0x', X: '0X' };

function intVerb(value: TemplateValue, number: bigint, verb: string, flags: PrintFlags): string {
  if (verb === 'c') return padText(charText(number), flags);
  if (verb === 'q') return padText(goQuoteRune(charText(number)), flags);
  if (verb === 'U') return padText(unicodeText(number, flags), flags);
  const base = BASES[verb];
  if (base === undefined) return badVerb(value, verb);
  if (flags.precision === 0 && number === 0n) return padText('', { ...flags, zero: false });
  let digits = (number < 0n ? -number : number).toString(base);
  if (verb === 'X') digits = digits.toUpperCase();
  let prefix = flags.sharp ? (BASE_PREFIXES[verb] ?? '') : '';
  if (verb === 'O') prefix = '0o';
  digits = digits.padStart(flags.precision ?? 0, '0');
  if (verb === 'o' && digits.startsWith('0')) prefix = '';
  const sign = number < 0n ? '-' : flags.plus && verb !== 'v' ? '+' : flags.space ? ' ' : '';
  if (flags.zero && !flags.minus && flags.precision === undefined) {
    digits = digits.padStart((flags.width ?? 0) - sign.length, '0');
  }
  return padText(sign + prefix + digits, { ...flags, zero: false });
}

function charText(number: bigint): string {
  const valid = number >= 0n && number <= 0x10ffffn && !(number >= 0xd800n && number <= 0xdfffn);
  return valid ? String.fromCodePoint(Number(number)) : '\ufffd';
}

function unicodeText(number: bigint, flags: PrintFlags): string {
  const digits = BigInt.asUintN(64, number).toString(16).toUpperCase();
  const code = `U+${digits.padStart(flags.precision ?? 4, '0')}`;
  return flags.sharp ? `${code} '${charText(number)}'` : code;
}

const FLOAT_VERBS: Readonly<Record<string, { verb: 'e' | 'f' | 'g'; precision: number }>> = {
  v: { verb: 'g', precision: -1 },
  g: { verb: 'g', precision: -1 },
  G: { verb: 'g', precision: -1 },
  e: { verb: 'e', precision: 6 },
  E: { verb: 'e', precision: 6 },
  f: { verb: 'f', precision: 6 },
  F: { verb: 'f', precision: 6 },
};

function floatVerb(value: number, verb: string, flags: PrintFlags): string {
  const format = FLOAT_VERBS[verb];
  if (format === undefined) return badVerb(value, verb);
  let text = formatFloat(value, format.verb, flags.precision ?? format.precision);
  if (verb === 'E' || verb === 'G') text = text.replace('e', 'E');
  if (!Number.isFinite(value)) return padText(specialFloat(text, flags), { ...flags, zero: false });
  const negative = text.startsWith('-');
  let digits = negative ? text.slice(1) : text;
  const sign = negative ? '-' : flags.plus && verb !== 'v' ? '+' : flags.space ? ' ' : '';
  if (flags.zero && !flags.minus) digits = digits.padStart((flags.width ?? 0) - sign.length, '0');
  return padText(sign + digits, { ...flags, zero: false });
}

function specialFloat(text: string, flags: PrintFlags): string {
  const signed = text === 'NaN' ? '+NaN' : text;
  if (!signed.startsWith('+') || flags.plus) return signed;
  if (flags.space) return ` ${signed.slice(1)}`;
  return text;
}
