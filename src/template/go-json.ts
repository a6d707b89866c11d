import { formatFloat } from './go-float.ts';
import { GoTime } from './go-time.ts';
import { intOf, itemsOf, mapOf, stringOf } from './kinds.ts';
import { GoStruct, type TemplateValue } from './value.ts';

const ESCAPED: Readonly<Record<string, string>> = {
  '<': String.raw`\u003c`,
  '>': String.raw`\u003e`,
  '&': String.raw`\u0026`,
  '\u2028': String.raw`\u2028`,
  '\u2029': String.raw`\u2029`,
};

const MAX_DEPTH = 200;

/** Go's json.Marshal. Throws an Error with Go's message for what JSON cannot say. */
export function goJson(value: TemplateValue, depth = 0): string {
  if (depth > MAX_DEPTH) throw new Error('json: unsupported value: nested too deep');
  if (value === undefined) return 'null';
  if (typeof value === 'boolean') return String(value);
  if (typeof value === 'number') return jsonNumber(value);
  const int = intOf(value);
  if (int !== undefined) return String(int);
  const text = stringOf(value);
  if (text !== undefined) return jsonString(text);
  if (value instanceof GoTime) return jsonString(value.toJSON());
  if (value instanceof GoStruct) {
    const fields = value.fields.map(
      (field) => `${jsonString(field.json ?? field.name)}:${goJson(field.value, depth + 1)}`,
    );
    return `{${fields.join(',')}}`;
  }
  const items = itemsOf(value);
  if (items !== undefined) return `[${items.map((item) => goJson(item, depth + 1)).join(',')}]`;
  const map = mapOf(value)!;
  return `{${map
    .keys()
    .map((key) => `${jsonString(key)}:${goJson(map.get(key), depth + 1)}`)
    .join(',')}}`;
}

function jsonString(text: string): string {
  return JSON.stringify(text.toWellFormed()).replaceAll(/[<>&\u2028\u2029]/g, (char) => ESCAPED[char]!);
}

function jsonNumber(value: number): string {
  if (!Number.isFinite(value)) throw new Error(`json: unsupported value: ${formatFloat(value, 'g', -1)}`);
  const magnitude = Math.abs(value);
  if (magnitude !== 0 && (magnitude < 1e-6 || magnitude >= 1e21)) {
    return formatFloat(value, 'e', -1).replace(/e-0(\d)$/, 'e-$1');
  }
  return formatFloat(value, 'f', -1);
}
