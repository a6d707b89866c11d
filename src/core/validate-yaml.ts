import type { z } from 'zod';
import { isAbsolute, join } from 'node:path';
import { assert } from './errors.ts';
import { didYouMean } from './nearest.ts';
import { childSchemas, plainSchemas, schemaType } from './schema-walk.ts';
import type { Schema } from './schema-walk.ts';
import { filePathSchema } from './schema.ts';
import { ConfigError } from './yaml.ts';
import type { ConfigIssue, ExpectedShape, YamlDocument, YamlPath } from './yaml.ts';

/** Outcome of {@link validateYaml}. */
export type YamlValidation<T> =
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly issues: readonly ConfigIssue[] };

type Issue = z.core.$ZodIssue;

/**
 * Keys of the contract that are known and not built yet, by the `catchall` of the object schema that refuses them: the
 * only part of it that refined copies keep as it is.
 */
const notBuilt = new WeakMap<object, ReadonlyMap<string, string>>();

/**
 * Says of an object schema which further keys belong to the contract although this version does not have them: they
 * are then refused as "not in this version" instead of "unknown". `noun` goes before the key in the message
 * (`receiver kind`). Returns the schema itself; call it on the `z.strictObject(…)` before refining it.
 */
export function notInVersion<T extends z.ZodObject>(schema: T, keys: readonly string[], noun = 'key'): T {
  const { catchall } = schema.def;
  assert(catchall !== undefined, 'only a strict object refuses keys');
  const known = new Map(notBuilt.get(catchall));
  for (const key of keys) known.set(key, noun);
  notBuilt.set(catchall, known);
  return schema;
}

/**
 * Checks a document against a schema and gives the typed value, or every issue with its place in the file.
 *
 * What the schema wants decides how scalars are read (`yes` is text where text is wanted, as in Go), and a key without
 * a value is an absent key wherever the schema has an object. Paths (`filePathSchema`) that are relative become absolute
 * against `baseFolder` when one is given.
 */
export function validateYaml<T>(
  document: YamlDocument,
  schema: z.ZodType<T>,
  baseFolder?: string,
): YamlValidation<T> {
  let raw: unknown;
  try {
    raw = document.decode(SchemaShape.of([schema], baseFolder));
  } catch (error) {
    if (error instanceof ConfigError) return { ok: false, issues: error.issues };
    throw error;
  }
  const result = schema.safeParse(raw);
  if (result.success) return { ok: true, value: result.data };
  const reporter = new Reporter(document, schema, raw);
  for (const issue of result.error.issues) reporter.add(issue, []);
  const issues = reporter.issues.toSorted((a, b) => a.line - b.line || a.column - b.column);
  return { ok: false, issues };
}

/** {@link validateYaml} that throws {@link ConfigError}. */
export function requireYaml<T>(document: YamlDocument, schema: z.ZodType<T>, baseFolder?: string): T {
  const result = validateYaml(document, schema, baseFolder);
  if (!result.ok) throw new ConfigError(result.issues);
  return result.value;
}

/** An issue at a place in a document, for checks that a schema cannot make. */
export function issueAt(
  document: YamlDocument,
  path: YamlPath,
  message: string,
  of: 'key' | 'value' = 'value',
): ConfigIssue {
  return { file: document.fileName, ...document.position(path, of), path, message };
}

/** `a.b[0].c`. */
export function pathText(path: readonly PropertyKey[]): string {
  let text = '';
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`;
    else text += text === '' ? String(step) : `.${String(step)}`;
  }
  return text;
}

class SchemaShape implements ExpectedShape {
  readonly text: boolean;
  readonly dropsNulls: boolean;
  readonly mapText: ((text: string) => string) | undefined;
  readonly #schemas: readonly Schema[];
  readonly #baseFolder: string | undefined;
  readonly #known = new Map<PropertyKey, SchemaShape | undefined>();

  private constructor(schemas: readonly Schema[], baseFolder: string | undefined) {
    this.#schemas = schemas;
    this.#baseFolder = baseFolder;
    this.text = schemas.some(wantsText);
    this.dropsNulls = schemas.some((schema) => schemaType(schema) === 'object');
    if (baseFolder !== undefined && schemas.includes(filePathSchema)) {
      this.mapText = (path) => (path === '' || isAbsolute(path) ? path : join(baseFolder, path));
    }
  }

  static of(schemas: readonly Schema[], baseFolder: string | undefined): SchemaShape | undefined {
    const plain = schemas.flatMap((schema) => plainSchemas(schema));
    return plain.length === 0 ? undefined : new SchemaShape(plain, baseFolder);
  }

  child(key: string | number): SchemaShape | undefined {
    const slot = typeof key === 'number' && !this.#schemas.some((s) => schemaType(s) === 'tuple') ? 0 : key;
    if (!this.#known.has(slot)) {
      this.#known.set(slot, SchemaShape.of(childSchemas(this.#schemas, slot), this.#baseFolder));
    }
    return this.#known.get(slot);
  }
}

function wantsText(schema: Schema): boolean {
  const def = (schema as z.core.$ZodTypes)._zod.def;
  if (def.type === 'enum') return Object.values(def.entries).every((value) => typeof value === 'string');
  if (def.type === 'literal') return def.values.every((value) => typeof value === 'string');
  return def.type === 'string' || def.type === 'template_literal';
}

class Reporter {
  readonly issues: ConfigIssue[] = [];
  readonly #document: YamlDocument;
  readonly #schema: Schema;
  readonly #raw: unknown;

  constructor(document: YamlDocument, schema: Schema, raw: unknown) {
    this.#document = document;
    this.#schema = schema;
    this.#raw = raw;
  }

  add(issue: Issue, base: readonly PropertyKey[]): void {
    const path = [...base, ...issue.path];
    if (issue.code === 'unrecognized_keys') {
      for (const key of issue.keys) this.#put([...path, key], 'key', this.#unknownKey(path, key));
    } else if (issue.code === 'invalid_union') {
      this.#addUnion(issue, path);
    } else if (issue.code === 'invalid_key' || issue.code === 'invalid_element') {
      for (const inner of issue.issues) {
        this.#put(path, 'key', this.#withPlace(path, lowerFirst(inner.message)));
      }
    } else if (issue.code === 'invalid_type') {
      this.#addType(issue.expected, path);
    } else if (issue.code === 'invalid_value') {
      this.#addValue(issue.values.map(String), path);
    } else {
      this.#put(path, 'value', this.#withPlace(path, lowerFirst(issue.message)));
    }
  }

  #addValue(wanted: readonly string[], path: readonly PropertyKey[]): void {
    const value = this.#valueAt(path);
    if (value === undefined && path.length > 0) {
      this.#addMissing(path);
      return;
    }
    const hint = typeof value === 'string' ? didYouMean(value, wanted) : '';
    const list = wanted.length === 1 ? wanted[0]! : `one of ${wanted.join(', ')}`;
    this.#put(path, 'value', this.#withPlace(path, `must be ${list}, not ${describe(value)}${hint}`));
  }

  #addMissing(path: readonly PropertyKey[]): void {
    const parent = path.slice(0, -1);
    const where = parent.length === 0 ? '' : ` in ${pathText(parent)}`;
    this.#put(parent, 'value', `key "${String(path.at(-1))}" is missing${where}`);
  }

  /** Reports the branch that came nearest: the one that failed deepest, with the fewest issues. */
  #addUnion(issue: z.core.$ZodIssueInvalidUnion, path: readonly PropertyKey[]): void {
    let best: readonly Issue[] | undefined;
    let bestScore = -Infinity;
    for (const branch of issue.errors) {
      const wrongType = branch.some((inner) => inner.path.length === 0 && isTypeIssue(inner));
      const score = (wrongType ? -1000 : 0) - branch.length;
      if (score > bestScore) {
        best = branch;
        bestScore = score;
      }
    }
    if (best === undefined) {
      this.#put(path, 'value', this.#withPlace(path, lowerFirst(issue.message)));
      return;
    }
    if (bestScore >= -500) {
      for (const inner of best) this.add(inner, path);
      return;
    }
    const wanted = new Set(
      unwrapAll(issue.errors).flatMap((inner) =>
        inner.code === 'invalid_type' ? [nounOf(inner.expected)] : valuesOf(inner),
      ),
    );
    const value = this.#valueAt(path);
    this.#put(
      path,
      'value',
      this.#withPlace(path, `must be ${[...wanted].join(' or ')}, not ${describe(value)}`),
    );
  }

  #addType(expected: string, path: readonly PropertyKey[]): void {
    const value = this.#valueAt(path);
    if (value === undefined && path.length > 0) {
      this.#addMissing(path);
      return;
    }
    if (value === null || value === undefined) {
      const what = path.length === 0 ? 'the file is empty' : 'has no value';
      this.#put(path, 'value', this.#withPlace(path, `${what}; it must be ${nounOf(expected)}`));
      return;
    }
    this.#put(path, 'value', this.#withPlace(path, `must be ${nounOf(expected)}, not ${describe(value)}`));
  }

  #unknownKey(path: readonly PropertyKey[], key: string): string {
    const where = path.length === 0 ? '' : ` in ${pathText(path)}`;
    let schemas = plainSchemas(this.#schema);
    for (const step of path) schemas = childSchemas(schemas, step);
    const known = new Set<string>();
    for (const schema of schemas) {
      const def = (schema as z.core.$ZodTypes)._zod.def;
      if (def.type !== 'object') continue;
      const later = def.catchall === undefined ? undefined : notBuilt.get(def.catchall);
      const noun = later?.get(key);
      if (noun !== undefined) return `${noun} "${key}"${where} is not in this version`;
      for (const name of Object.keys(def.shape)) known.add(name);
      for (const name of later?.keys() ?? []) known.add(name);
    }
    return `unknown key "${key}"${where}${didYouMean(key, known)}`;
  }

  #valueAt(path: readonly PropertyKey[]): unknown {
    let value = this.#raw;
    for (const step of path) {
      if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined;
      value = (value as Record<PropertyKey, unknown>)[step];
    }
    return value;
  }

  #withPlace(path: readonly PropertyKey[], message: string): string {
    return path.length === 0 ? message : `${pathText(path)}: ${message}`;
  }

  #put(path: readonly PropertyKey[], of: 'key' | 'value', message: string): void {
    const steps = path.map((step) => (typeof step === 'number' ? step : String(step)));
    const issue = issueAt(this.#document, steps, message, of);
    const same = (other: ConfigIssue): boolean =>
      other.message === message && other.line === issue.line && other.column === issue.column;
    if (!this.issues.some(same)) this.issues.push(issue);
  }
}

function unwrapAll(branches: readonly (readonly Issue[])[]): Issue[] {
  return branches.flatMap((branch) =>
    branch.flatMap((issue) => (issue.code === 'invalid_union' ? unwrapAll(issue.errors) : [issue])),
  );
}

function isTypeIssue(issue: Issue): boolean {
  if (issue.code === 'invalid_union') {
    return issue.errors.every((branch) =>
      branch.some((inner) => inner.path.length === 0 && isTypeIssue(inner)),
    );
  }
  return issue.code === 'invalid_type' || issue.code === 'invalid_value';
}

function valuesOf(issue: Issue): string[] {
  return issue.code === 'invalid_value' ? issue.values.map(String) : [];
}

const NOUNS: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a map',
  record: 'a map',
  null: 'empty',
};

function nounOf(expected: string): string {
  return NOUNS[expected] ?? expected;
}

/** What a value is, for messages; long text is not repeated. */
function describe(value: unknown): string {
  if (value === null || value === undefined) return 'empty';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a map';
  return typeof value === 'string' && value.length > 60 ? 'this text' : JSON.stringify(value);
}

function lowerFirst(text: string): string {
  return /^[A-Z][a-z]/.test(text) ? text.charAt(0).toLowerCase() + text.slice(1) : text;
}
