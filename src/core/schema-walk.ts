import type { z } from 'zod';

/** Any zod schema. */
export type Schema = z.core.$ZodType;

/** The plain schemas behind wrappers (optional, default, transforms …) and union branches. */
export function plainSchemas(schema: Schema, depth = 0): Schema[] {
  if (depth > 30) return [];
  const def = (schema as z.core.$ZodTypes)._zod.def;
  if (def.type === 'lazy') return plainSchemas(def.getter(), depth + 1);
  if (def.type === 'pipe') {
    const input = plainSchemas(def.in, depth + 1);
    return input.some((part) => schemaType(part) !== 'transform') ? input : plainSchemas(def.out, depth + 1);
  }
  if (def.type === 'union') return def.options.flatMap((option) => plainSchemas(option, depth + 1));
  if (def.type === 'intersection')
    return [def.left, def.right].flatMap((side) => plainSchemas(side, depth + 1));
  if ('innerType' in def && def.type !== 'promise' && def.type !== 'success') {
    return plainSchemas(def.innerType, depth + 1);
  }
  return [schema];
}

/** Kind of a schema. */
export function schemaType(schema: Schema): z.core.$ZodTypeDef['type'] {
  return schema._zod.def.type;
}

/** The plain schemas of what is at `key` inside values of `schemas`; for a list any index. */
export function childSchemas(schemas: readonly Schema[], key: PropertyKey): Schema[] {
  return schemas.flatMap((schema) => {
    const def = (schema as z.core.$ZodTypes)._zod.def;
    let child: Schema | null | undefined;
    if (def.type === 'object') child = Object.hasOwn(def.shape, key) ? def.shape[String(key)] : def.catchall;
    else if (def.type === 'record') child = def.valueType;
    else if (def.type === 'array') child = def.element;
    else if (def.type === 'tuple') child = def.items[Number(key)] ?? def.rest;
    return child === undefined || child === null || schemaType(child) === 'never' ? [] : plainSchemas(child);
  });
}

/** A schema and everything it wraps, outermost first; stops at unions. */
export function* wrappedSchemas(schema: Schema): Generator<Schema> {
  let current: Schema | undefined = schema;
  for (let depth = 0; current !== undefined && depth < 30; depth++) {
    yield current;
    const def: z.core.$ZodTypes['_zod']['def'] = (current as z.core.$ZodTypes)._zod.def;
    if (def.type === 'lazy') current = def.getter();
    else if (def.type === 'pipe') current = schemaType(def.in) === 'transform' ? def.out : def.in;
    else if ('innerType' in def) current = def.innerType;
    else current = undefined;
  }
}

/** The value that a schema takes for an absent key, as it would be written; undefined when it has none. */
export function writtenDefault(schema: Schema): unknown {
  for (const part of wrappedSchemas(schema)) {
    const def = (part as z.core.$ZodTypes)._zod.def;
    if (def.type === 'default' || def.type === 'prefault') return def.defaultValue;
  }
  return undefined;
}
