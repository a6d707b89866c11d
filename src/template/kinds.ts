import { compareText } from '../core/labels.ts';
import { GoDuration, GoNamedInt, GoTime } from './go-time.ts';
import { GoMap, GoSlice, GoStruct, SafeText, type SafeKind, type TemplateValue } from './value.ts';

const SAFE_TYPES: Readonly<Record<SafeKind, string>> = {
  html: 'template.HTML',
  attr: 'template.HTMLAttr',
  url: 'template.URL',
  js: 'template.JS',
  jsstr: 'template.JSStr',
  css: 'template.CSS',
  srcset: 'template.Srcset',
};

const PRIMITIVE_TYPES: Readonly<Record<string, string>> = {
  undefined: '<nil>',
  boolean: 'bool',
  number: 'float64',
  bigint: 'int',
  string: 'string',
};

/** Go's name for the type of a value. */
export function typeName(value: TemplateValue): string {
  return typeof value === 'object' ? objectTypeName(value) : PRIMITIVE_TYPES[typeof value]!;
}

function objectTypeName(value: TemplateValue): string {
  if (value instanceof SafeText) return SAFE_TYPES[value.kind];
  if (value instanceof GoStruct) return value.pointer ? `*${value.typeName}` : value.typeName;
  if (value instanceof GoMap || value instanceof GoSlice || value instanceof GoNamedInt)
    return value.typeName;
  if (value instanceof GoTime) return 'time.Time';
  if (value instanceof GoDuration) return 'time.Duration';
  return Array.isArray(value) ? '[]interface {}' : 'map[string]interface {}';
}

/** What basic kind a value has for comparing, as Go's basicKind. */
export function basicKind(value: TemplateValue): 'bool' | 'int' | 'float' | 'string' | 'none' {
  if (typeof value === 'string' || value instanceof SafeText) return 'string';
  if (typeof value === 'bigint' || value instanceof GoDuration || value instanceof GoNamedInt) return 'int';
  if (typeof value === 'number') return 'float';
  return typeof value === 'boolean' ? 'bool' : 'none';
}

/** The text of a value of kind string. */
export function stringOf(value: TemplateValue): string | undefined {
  if (typeof value === 'string') return value;
  return value instanceof SafeText ? value.text : undefined;
}

/** The number of a value of kind int. */
export function intOf(value: TemplateValue): bigint | undefined {
  if (typeof value === 'bigint') return value;
  if (value instanceof GoDuration) return value.ns;
  return value instanceof GoNamedInt ? value.value : undefined;
}

/** Elements of a slice; undefined when the value is none. */
export function itemsOf(value: TemplateValue): readonly TemplateValue[] | undefined {
  if (value instanceof GoSlice) return value.items;
  return Array.isArray(value) ? (value as readonly TemplateValue[]) : undefined;
}

/** A map's entries by name; undefined when the value is none. */
export function mapOf(value: TemplateValue): MapView | undefined {
  if (value instanceof GoMap) {
    const { entries, element } = value;
    return {
      size: entries.size,
      element,
      get: (key) => entries.get(key),
      keys: () => sortedKeys(entries.keys()),
    };
  }
  if (!isPlainObject(value)) return undefined;
  return {
    size: Object.keys(value).length,
    element: 'any',
    get: (key) => (Object.hasOwn(value, key) ? value[key] : undefined),
    keys: () => sortedKeys(Object.keys(value)),
  };
}

/** Either kind of map, seen alike. */
export interface MapView {
  readonly size: number;
  readonly element: 'string' | 'any';
  get(key: string): TemplateValue;
  /** In the order of their bytes. */
  keys(): string[];
}

function sortedKeys(keys: Iterable<string>): string[] {
  return [...keys].sort(compareText);
}

/** Whether a value is a map[string]interface {}. */
export function isPlainObject(value: TemplateValue): value is { readonly [key: string]: TemplateValue } {
  if (typeof value !== 'object' || Array.isArray(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** Go's truth: not the zero of its type; structs are always true. */
export function isTrue(value: TemplateValue): boolean {
  if (value === undefined || value === false || value === 0 || value === 0n || value === '') return false;
  if (typeof value !== 'object') return true;
  const number = intOf(value);
  if (number !== undefined) return number !== 0n;
  if (value instanceof SafeText) return value.text !== '';
  const items = itemsOf(value);
  if (items !== undefined) return items.length > 0;
  const map = mapOf(value);
  return map === undefined || map.size > 0;
}

const encoder = new TextEncoder();

/** Length of a text in UTF-8 bytes, which is Go's length. */
export function byteLength(text: string): number {
  for (let i = 0; i < text.length; i++) {
    if (text.charCodeAt(i) > 127) return encoder.encode(text).length;
  }
  return text.length;
}
