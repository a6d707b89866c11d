import type { Labels } from '../core/labels.ts';
import type { GoDuration, GoNamedInt, GoTime } from './go-time.ts';

/**
 * What templates work with: JS values that each stand for one Go type, so that printing, comparing and the errors come
 * out as Go's. `number` is float64, `bigint` is int, `undefined` is nil, an array is []interface {} and a plain object
 * is map[string]interface {}.
 */
export type TemplateValue =
  | undefined
  | boolean
  | number
  | bigint
  | string
  | readonly TemplateValue[]
  | SafeText
  | GoMap
  | GoSlice
  | GoStruct
  | GoTime
  | GoDuration
  | GoNamedInt
  | { readonly [key: string]: TemplateValue };

/** A method of a value: checked and called as a {@link TemplateFunction} that gets its receiver bound. */
export interface TemplateFunction {
  /** Types of the arguments, in order. */
  readonly params: readonly ParamType[];
  /** Type of any further arguments; no further ones when absent. */
  readonly variadic?: ParamType;
  /** Arguments are as many and of such types as `params` says. What it throws becomes an error of the template.
   * `data` is what the template was executed with. */
  readonly call: (args: readonly TemplateValue[], data: TemplateValue) => TemplateValue;
  /** Given instead of a useful `call` where the answer takes time: only the `…Async` methods can execute it. */
  readonly callAsync?: (args: readonly TemplateValue[]) => Promise<TemplateValue>;
}

/** Functions by the name that templates call them by. */
export type FunctionMap = Readonly<Record<string, TemplateFunction>>;

/** What a parameter takes and what the function then gets. */
export interface ParamTypes {
  /** Also takes {@link SafeText}, which arrives as its text. */
  string: string;
  int: bigint;
  float: number;
  bool: boolean;
  any: TemplateValue;
  time: GoTime;
  duration: GoDuration;
  /** A []string. */
  strings: readonly string[];
  /** A []interface {}. */
  list: readonly TemplateValue[];
  /** A map[string]interface {}. */
  map: { readonly [key: string]: TemplateValue };
  /** A *template.sample: a struct with Labels and Value. */
  sample: GoStruct;
  /** A template.queryResult: samples. */
  vector: readonly TemplateValue[];
}

/** Names of {@link ParamTypes}. */
export type ParamType = keyof ParamTypes;

/** Makes a function whose arguments are checked and typed: `fn(['string', 'int'], (text, n) => …)`. */
export function fn<const P extends readonly ParamType[]>(
  params: P,
  call: (...args: { [K in keyof P]: ParamTypes[P[K]] }) => TemplateValue,
): TemplateFunction {
  const bound = call as (...args: readonly unknown[]) => TemplateValue;
  return { params, call: (args) => bound(...args) };
}

/** {@link fn} with any number of further arguments of one type at the end, which arrive as one array. */
export function variadicFn<const P extends readonly ParamType[], V extends ParamType>(
  params: P,
  variadic: V,
  call: (...args: [...{ [K in keyof P]: ParamTypes[P[K]] }, readonly ParamTypes[V][]]) => TemplateValue,
): TemplateFunction {
  const bound = call as (...args: readonly unknown[]) => TemplateValue;
  const fixed = params.length;
  return { params, variadic, call: (args) => bound(...args.slice(0, fixed), args.slice(fixed)) };
}

/** {@link fn} for a function whose answer takes time. */
export function asyncFn<const P extends readonly ParamType[]>(
  params: P,
  call: (...args: { [K in keyof P]: ParamTypes[P[K]] }) => Promise<TemplateValue>,
): TemplateFunction {
  const bound = call as (...args: readonly unknown[]) => Promise<TemplateValue>;
  return {
    params,
    call() {
      throw new Error('this function cannot be used here: its answer takes time');
    },
    callAsync: (args) => bound(...args),
  };
}

/** What a {@link SafeText} is safe as; Go's html/template types. */
export type SafeKind = 'html' | 'attr' | 'url' | 'js' | 'jsstr' | 'css' | 'srcset';

/** Text that auto-escaping leaves as it is where its kind belongs. In text templates it is plain text. */
export class SafeText {
  readonly kind: SafeKind;
  readonly text: string;

  constructor(kind: SafeKind, text: string) {
    this.kind = kind;
    this.text = text;
  }
}

/** Methods by name, made when they are looked up. A method `String` is how the value prints. */
export type MethodMap = Readonly<Record<string, () => TemplateFunction>>;

const NO_METHODS: MethodMap = {};

/** A Go map with string keys. */
export class GoMap {
  /** As Go names it, for messages: `template.KV`. */
  readonly typeName: string;
  /** What a missing key yields: '' for `string`, no value for `any`. */
  readonly element: 'string' | 'any';
  readonly entries: ReadonlyMap<string, TemplateValue>;
  readonly methods: MethodMap;

  constructor(
    typeName: string,
    element: 'string' | 'any',
    entries: ReadonlyMap<string, TemplateValue>,
    methods: MethodMap = NO_METHODS,
  ) {
    this.typeName = typeName;
    this.element = element;
    this.entries = entries;
    this.methods = methods;
  }
}

/** Makes the methods of a slice from its items. */
export type SliceMethods = (items: readonly TemplateValue[]) => MethodMap;

/** A Go slice; `element` is the type of what is in it. */
export class GoSlice {
  readonly typeName: string;
  readonly element: 'string' | 'any' | 'struct';
  readonly items: readonly TemplateValue[];
  readonly methods: MethodMap;
  readonly #makeMethods: SliceMethods | undefined;

  constructor(
    typeName: string,
    element: 'string' | 'any' | 'struct',
    items: readonly TemplateValue[],
    makeMethods?: SliceMethods,
  ) {
    this.typeName = typeName;
    this.element = element;
    this.items = items;
    this.methods = makeMethods?.(items) ?? NO_METHODS;
    this.#makeMethods = makeMethods;
  }

  /** A slice of the same type with other items. */
  withItems(items: readonly TemplateValue[]): GoSlice {
    return new GoSlice(this.typeName, this.element, items, this.#makeMethods);
  }
}

/** A field of a {@link GoStruct}; `json` is its name in `toJson`, the field's own name when absent. */
export interface GoField {
  readonly name: string;
  readonly value: TemplateValue;
  readonly json?: string;
}

/** A Go struct, or (`pointer`) a pointer to one. */
export class GoStruct {
  readonly typeName: string;
  readonly fields: readonly GoField[];
  readonly methods: MethodMap;
  readonly pointer: boolean;

  constructor(
    typeName: string,
    fields: readonly GoField[],
    methods: MethodMap = NO_METHODS,
    pointer = false,
  ) {
    this.typeName = typeName;
    this.fields = fields;
    this.methods = methods;
    this.pointer = pointer;
  }

  /** The field's value, or undefined both for nil and where there is no such field. */
  get(name: string): TemplateValue {
    return this.fields.find((field) => field.name === name)?.value;
  }
}

/** A []string. */
export function stringSlice(items: readonly string[]): GoSlice {
  return new GoSlice('[]string', 'string', items);
}

/** A map[string]string. */
export function stringMap(labels: Iterable<readonly [string, string]>): GoMap {
  return new GoMap('map[string]string', 'string', new Map(labels));
}

/** Labels as a map[string]string. */
export function labelsMap(labels: Labels): GoMap {
  return stringMap(labels);
}
