import { stringify } from 'yaml';
import type { z } from 'zod';
import { formatDuration } from './duration.ts';
import { plainSchemas, schemaType, wrappedSchemas, writtenDefault } from './schema-walk.ts';
import type { Schema } from './schema-walk.ts';
import { durationSchema, positiveDurationSchema } from './schema.ts';
import { Secret } from './secret.ts';

/** A value as YAML in the style Prometheus prints (lists not indented, no line folding). */
export function printYaml(value: unknown): string {
  return stringify(value, { indentSeq: false, lineWidth: 0, version: '1.1', aliasDuplicateObjects: false });
}

/**
 * What was written, for showing: secrets replaced by `<secret>`, passwords in URLs by `xxxxx`, keys in the schema's
 * order, and absent keys filled with those defaults that are plain values. `written` is a decoded document that the
 * schema has accepted.
 */
export function shownConfig(written: unknown, schema: Schema): unknown {
  if (written === null || written === undefined) return written;
  if (Array.isArray(written)) {
    const element = plainOf(schema, 'array')?.element;
    return written.map((item) => (element === undefined ? redactText(item) : shownConfig(item, element)));
  }
  if (typeof written === 'object') return shownMap(written as Record<string, unknown>, schema);
  return isSecret(written, schema) ? (written === '' ? '' : String(new Secret(''))) : redactText(written);
}

function shownMap(written: Record<string, unknown>, schema: Schema): Record<string, unknown> {
  const shown: Record<string, unknown> = {};
  const object = plainOf(schema, 'object');
  if (object === undefined) {
    const value = plainOf(schema, 'record')?.valueType;
    for (const [key, item] of Object.entries(written)) {
      shown[key] = value === undefined ? redactText(item) : shownConfig(item, value);
    }
    return shown;
  }
  for (const [key, child] of Object.entries(object.shape)) {
    const item = Object.hasOwn(written, key) ? shownConfig(written[key], child) : shownDefault(child);
    if (item !== undefined) shown[key] = item;
  }
  return shown;
}

type PlainDef<T extends string> = Extract<z.core.$ZodTypes['_zod']['def'], { type: T }>;

function plainOf<T extends 'array' | 'object' | 'record'>(schema: Schema, type: T): PlainDef<T> | undefined {
  const found = plainSchemas(schema).find((plain) => schemaType(plain) === type);
  return found === undefined ? undefined : ((found as z.core.$ZodTypes)._zod.def as PlainDef<T>);
}

function shownDefault(schema: Schema): unknown {
  const value = writtenDefault(schema);
  if (value === 0 || value === false) return undefined;
  if (typeof value === 'number') return isDuration(schema) ? formatDuration(value) : value;
  if (typeof value === 'boolean') return value;
  if (typeof value === 'string') return value === '' ? undefined : value;
  const isPlainMap =
    typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
  if (!isPlainMap || plainOf(schema, 'object') === undefined) return undefined;
  const filled = shownMap(value as Record<string, unknown>, schema);
  return Object.keys(filled).length === 0 ? undefined : filled;
}

function isDuration(schema: Schema): boolean {
  for (const part of wrappedSchemas(schema)) {
    if (part === durationSchema || part === positiveDurationSchema) return true;
  }
  return false;
}

/** Whether what the schema makes of a written text is a {@link Secret}. */
function isSecret(written: unknown, schema: Schema): boolean {
  if (typeof written !== 'string') return false;
  const result = (schema as z.ZodType).safeParse(written);
  return result.success && result.data instanceof Secret;
}

function redactText(value: unknown): unknown {
  return typeof value === 'string' ? value.replaceAll(/(:\/\/[^/?#\s:@]*):[^/?#\s@]+@/g, '$1:xxxxx@') : value;
}
