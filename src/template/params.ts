import { GoDuration, GoTime } from './go-time.ts';
import { intOf, isPlainObject, stringOf } from './kinds.ts';
import { GoSlice, GoStruct, type ParamType, type TemplateFunction, type TemplateValue } from './value.ts';

/** Go's names of the types that parameters have. */
export const PARAM_TYPE_NAMES: Readonly<Record<ParamType, string>> = {
  string: 'string',
  int: 'int',
  float: 'float64',
  bool: 'bool',
  any: 'interface {}',
  time: 'time.Time',
  duration: 'time.Duration',
  strings: '[]string',
  list: '[]interface {}',
  map: 'map[string]interface {}',
  sample: '*template.sample',
  vector: 'template.queryResult',
};

const NILLABLE: ReadonlySet<ParamType> = new Set<ParamType>(['any', 'strings', 'list', 'map', 'vector']);

/** Whether nil may be handed to a parameter of the type. */
export function acceptsNil(type: ParamType): boolean {
  return NILLABLE.has(type);
}

/** A value as a parameter of the type gets it. */
export type Converted = { readonly ok: true; readonly value: TemplateValue } | { readonly ok: false };

const REFUSED: Converted = { ok: false };

/** Go's assignability, for the types there are; nil becomes the empty list or map. */
export function convertParam(value: TemplateValue, type: ParamType): Converted {
  switch (type) {
    case 'any':
      return { ok: true, value };
    case 'string':
      return accept(stringOf(value));
    case 'int':
      return typeof value === 'bigint' ? accept(intOf(value)) : REFUSED;
    case 'float':
      return typeof value === 'number' ? accept(value) : REFUSED;
    case 'bool':
      return typeof value === 'boolean' ? accept(value) : REFUSED;
    case 'time':
      return value instanceof GoTime ? accept(value) : REFUSED;
    case 'duration':
      return value instanceof GoDuration ? accept(value) : REFUSED;
    case 'strings':
      if (value === undefined) return accept([]);
      return value instanceof GoSlice && value.element === 'string' ? accept(value.items) : REFUSED;
    case 'list':
      if (value === undefined) return accept([]);
      return Array.isArray(value) ? accept(value) : REFUSED;
    case 'map':
      if (value === undefined) return accept({});
      return isPlainObject(value) ? accept(value) : REFUSED;
    case 'sample':
      return value instanceof GoStruct && value.typeName === 'template.sample' ? accept(value) : REFUSED;
    case 'vector':
      if (value === undefined) return accept([]);
      return value instanceof GoSlice && value.typeName === 'template.queryResult'
        ? accept(value.items)
        : REFUSED;
  }
}

function accept(value: TemplateValue): Converted {
  return value === undefined ? REFUSED : { ok: true, value };
}

/** Type of a function's argument by its place. */
export function paramAt(callee: TemplateFunction, index: number): ParamType {
  return callee.params[index] ?? callee.variadic ?? 'any';
}
