import { compareText } from '../core/labels.ts';
import { htmlEscape, jsEscape, queryEscape } from './escape-text.ts';
import { NO_FLAGS, formatValue, sprint, sprintValue, sprintln } from './go-print.ts';
import { sprintf } from './go-printf.ts';
import { GoTime } from './go-time.ts';
import { basicKind, byteLength, intOf, isTrue, itemsOf, mapOf, stringOf, typeName } from './kinds.ts';
import {
  GoSlice,
  GoStruct,
  SafeText,
  fn,
  variadicFn,
  type FunctionMap,
  type TemplateValue,
} from './value.ts';

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/**
 * Go's built-in functions, `and` and `or` left out: the interpreter has those, as they evaluate no further than needed.
 *
 * @see Go text/template/funcs.go
 */
export const BUILTINS: FunctionMap = {
  not: fn(['any'], (value) => !isTrue(value)),
  eq: variadicFn(['any'], 'any', (first, others) => equal(first, others)),
  ne: fn(['any', 'any'], (a, b) => !equal(a, [b])),
  lt: fn(['any', 'any'], (a, b) => less(a, b)),
  le: fn(['any', 'any'], (a, b) => less(a, b) || equal(a, [b])),
  gt: fn(['any', 'any'], (a, b) => !(less(a, b) || equal(a, [b]))),
  ge: fn(['any', 'any'], (a, b) => !less(a, b)),
  index: variadicFn(['any'], 'any', (item, indexes) => index(item, indexes)),
  slice: variadicFn(['any'], 'any', (item, indexes) => slice(item, indexes)),
  len: fn(['any'], (value) => length(value)),
  print: variadicFn([], 'any', (values) => sprint(values)),
  printf: variadicFn(['string'], 'any', (format, values) => sprintf(format, values)),
  println: variadicFn([], 'any', (values) => sprintln(values)),
  html: variadicFn([], 'any', (values) => htmlEscape(textOf(values))),
  js: variadicFn([], 'any', (values) => jsEscape(textOf(values))),
  urlquery: variadicFn([], 'any', (values) => queryEscape(textOf(values))),
  call: variadicFn(['any'], 'any', (callee) => {
    if (callee === undefined) throw new Error('call of nil');
    throw new Error(`non-function ${sprintValue(callee)} of type ${typeName(callee)}`);
  }),
  and: variadicFn(['any'], 'any', (first) => first),
  or: variadicFn(['any'], 'any', (first) => first),
};

function textOf(values: readonly TemplateValue[]): string {
  return values.length === 1 ? (stringOf(values[0]) ?? sprint(values)) : sprint(values);
}

function equal(first: TemplateValue, others: readonly TemplateValue[]): boolean {
  if (others.length === 0) throw new Error('missing argument for comparison');
  return others.some((other) => equalTo(first, other));
}

function equalTo(a: TemplateValue, b: TemplateValue): boolean {
  const kind = basicKind(a);
  if (kind !== basicKind(b)) {
    if (a === undefined || b === undefined) return false;
    throw new Error(`incompatible types for comparison: ${typeName(a)} and ${typeName(b)}`);
  }
  if (kind === 'string') return stringOf(a) === stringOf(b);
  if (kind === 'int') return intOf(a) === intOf(b);
  if (kind !== 'none' || a === undefined || b === undefined) return a === b;
  if (a instanceof GoTime && b instanceof GoTime) return a.ns === b.ns && a.zone === b.zone;
  if (a instanceof GoStruct && b instanceof GoStruct && a.pointer && b.pointer) return a === b;
  throw new Error(`non-comparable type ${formatValue(b, 's', NO_FLAGS, 0)}: ${typeName(b)}`);
}

function less(a: TemplateValue, b: TemplateValue): boolean {
  const kind = basicKind(a);
  const other = basicKind(b);
  if (kind === 'none' || other === 'none') throw new Error('invalid type for comparison');
  if (kind !== other) throw new Error(`incompatible types for comparison: ${typeName(a)} and ${typeName(b)}`);
  if (kind === 'bool') throw new Error('invalid type for comparison');
  if (kind === 'string') return compareText(stringOf(a)!, stringOf(b)!) < 0;
  if (kind === 'int') return intOf(a)! < intOf(b)!;
  return (a as number) < (b as number);
}

function indexNumber(value: TemplateValue, limit: number): number {
  if (value === undefined) throw new Error('cannot index slice/array with nil');
  const number = intOf(value);
  if (number === undefined) throw new Error(`cannot index slice/array with type ${typeName(value)}`);
  if (number < 0n || number > BigInt(limit)) throw new Error(`index out of range: ${number}`);
  return Number(number);
}

function index(item: TemplateValue, indexes: readonly TemplateValue[]): TemplateValue {
  if (item === undefined) throw new Error('index of untyped nil');
  let value: TemplateValue = item;
  for (const key of indexes) value = indexOnce(value, key);
  return value;
}

function indexOnce(item: TemplateValue, key: TemplateValue): TemplateValue {
  if (item === undefined) throw new Error('index of nil pointer');
  const text = stringOf(item);
  const sequence = text === undefined ? itemsOf(item) : encoder.encode(text);
  if (sequence !== undefined) {
    const at = indexNumber(key, sequence.length);
    if (at >= sequence.length)
      throw new Error(`reflect: ${text === undefined ? 'slice' : 'string'} index out of range`);
    const found: TemplateValue = sequence[at];
    return typeof found === 'number' && text !== undefined ? BigInt(found) : found;
  }
  const map = mapOf(item);
  if (map === undefined) throw new Error(`can't index item of type ${typeName(item)}`);
  const name = stringOf(key);
  if (key === undefined) throw new Error('value is nil; should be of type string');
  if (name === undefined) throw new Error(`value has type ${typeName(key)}; should be string`);
  return map.get(name) ?? (map.element === 'string' ? '' : undefined);
}

function slice(item: TemplateValue, indexes: readonly TemplateValue[]): TemplateValue {
  if (item === undefined) throw new Error('slice of untyped nil');
  if (indexes.length > 3) throw new Error(`too many slice indexes: ${indexes.length}`);
  const text = stringOf(item);
  if (text !== undefined && indexes.length === 3) throw new Error('cannot 3-index slice a string');
  const sequence = text === undefined ? itemsOf(item) : encoder.encode(text);
  if (sequence === undefined) throw new Error(`can't slice item of type ${typeName(item)}`);
  const bounds = indexes.map((value) => indexNumber(value, sequence.length));
  const [from = 0, to = sequence.length, cap = sequence.length] = bounds;
  if (from > to) throw new Error(`invalid slice index: ${from} > ${to}`);
  if (to > cap) throw new Error(`invalid slice index: ${to} > ${cap}`);
  if (sequence instanceof Uint8Array) {
    const part = decoder.decode(sequence.slice(from, to));
    return item instanceof SafeText ? new SafeText(item.kind, part) : part;
  }
  const items = sequence.slice(from, to);
  return item instanceof GoSlice ? item.withItems(items) : items;
}

function length(value: TemplateValue): bigint {
  if (value === undefined) throw new Error('reflect: call of reflect.Value.Type on zero Value');
  const text = stringOf(value);
  const size = text === undefined ? (itemsOf(value)?.length ?? mapOf(value)?.size) : byteLength(text);
  if (size === undefined) throw new Error(`len of type ${typeName(value)}`);
  return BigInt(size);
}
