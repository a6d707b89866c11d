import { compareText } from '../../../core/labels.ts';
import { TocsinError } from '../../../core/errors.ts';

/** How deep lists and maps of attribute values may lie in each other. */
const MAX_DEPTH = 128;

/** A value of an attribute. Numbers are floats, bigints whole numbers. */
export type AnyValue =
  | undefined
  | string
  | boolean
  | number
  | bigint
  | Uint8Array
  | readonly AnyValue[]
  | ReadonlyMap<string, AnyValue>;

/** Throws TOCSIN_ERR_PARSE for a value that lies too deep. */
export function checkDepth(depth: number): void {
  if (depth > MAX_DEPTH) {
    throw new TocsinError(
      'TOCSIN_ERR_PARSE',
      `attribute values lie more than ${MAX_DEPTH} deep in each other`,
    );
  }
}

/**
 * The text that a value becomes as a label.
 *
 * @see opentelemetry-collector pdata/pcommon/value.go AsString
 */
export function anyText(value: AnyValue): string {
  if (typeof value === 'string') return value;
  if (value === undefined) return '';
  if (typeof value === 'number') return floatText(value);
  if (value instanceof Uint8Array) return value.toBase64();
  if (typeof value === 'object') return jsonOf(value);
  return String(value);
}

function floatText(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value);
}

/** As Go's encoder writes it: keys in order, no blanks. What JSON cannot say makes the whole empty there. */
function jsonOf(value: AnyValue): string {
  return canBeJson(value) ? partJson(value) : '';
}

function canBeJson(value: AnyValue): boolean {
  if (typeof value === 'number') return Number.isFinite(value);
  if (typeof value !== 'object' || value instanceof Uint8Array) return true;
  return [...value.values()].every(canBeJson);
}

function partJson(value: AnyValue): string {
  if (value === undefined) return 'null';
  if (typeof value === 'string') return textJson(value);
  if (value instanceof Uint8Array) return textJson(value.toBase64());
  if (typeof value === 'number') return floatText(value);
  if (typeof value !== 'object') return String(value);
  if (value instanceof Map) {
    const keys = [...value.keys()].sort(compareText);
    return `{${keys.map((key) => `${textJson(key)}:${partJson(value.get(key))}`).join(',')}}`;
  }
  return `[${[...value.values()].map(partJson).join(',')}]`;
}

function textJson(text: string): string {
  return JSON.stringify(text)
    .replaceAll('\u2028', String.raw`\u2028`)
    .replaceAll('\u2029', String.raw`\u2029`);
}
