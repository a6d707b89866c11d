import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument } from 'yaml';
import type { Document, Node, Pair, YAMLMap } from 'yaml';
import { TocsinError } from './errors.ts';

/** Place in a file; both count from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** Way from the root of a document to a value: keys and list indexes. */
export type YamlPath = readonly (string | number)[];

/** The line that an issue is in, with what is marked in it. */
export interface IssueExcerpt {
  readonly text: string;
  /** Counts from 1; one more than the line has characters is its end. */
  readonly column: number;
  /** Characters to mark; at least one is. */
  readonly length: number;
}

/** One thing that is wrong with a file. */
export interface ConfigIssue extends Position {
  readonly file: string;
  /** Present where seeing the line helps: in expressions. */
  readonly excerpt?: IssueExcerpt;
  /** Where in the structure; empty when the text itself is broken. */
  readonly path: YamlPath;
  readonly message: string;
}

/** `file:line:col: message`. */
export function formatIssue(issue: ConfigIssue): string {
  return `${issue.file}:${issue.line}:${issue.column}: ${issue.message}`;
}

const EXCERPT_INDENT = '    ';
const MAX_EXCERPT = 120;

/**
 * {@link formatIssue} and, when the issue has an excerpt, the line and carets below what is meant. Of a long line only
 * the part around it is shown.
 */
export function explainIssue(issue: ConfigIssue): string {
  const { excerpt } = issue;
  if (excerpt === undefined) return formatIssue(issue);
  const at = Math.min(excerpt.column - 1, excerpt.text.length);
  const from = at < MAX_EXCERPT - 20 ? 0 : at - MAX_EXCERPT / 2;
  const shown = excerpt.text.slice(from, from + MAX_EXCERPT);
  // Tabs stay tabs, so that the carets stand below in every terminal.
  const gap = shown.slice(0, at - from).replaceAll(/[^\t]/gu, ' ');
  const length = Math.max(1, Math.min(excerpt.length, shown.length - (at - from)));
  const lines = [formatIssue(issue), EXCERPT_INDENT + shown, EXCERPT_INDENT + gap + '^'.repeat(length)];
  return lines.join('\n');
}

/** A file that is not acceptable, with everything that is wrong with it; the message has one line an issue. */
export class ConfigError extends TocsinError {
  readonly issues: readonly ConfigIssue[];

  constructor(issues: readonly ConfigIssue[], options?: ErrorOptions) {
    super('TOCSIN_ERR_CONFIG', issues.map(formatIssue).join('\n'), options);
    this.name = 'ConfigError';
    this.issues = issues;
  }
}

/**
 * Tells the conversion what is expected at a place, so that `yes` becomes true where a boolean is wanted and stays
 * `yes` where text is. Absent: YAML 1.1's own types.
 */
export interface ExpectedShape {
  /** The scalar is wanted as its source text, whatever it looks like. */
  readonly text: boolean;
  /** Keys without a value count as absent (Go leaves the field as it is). */
  readonly dropsNulls: boolean;
  /** What is done to text before it is used (paths are made absolute). */
  readonly mapText: ((text: string) => string) | undefined;
  child(key: string | number): ExpectedShape | undefined;
}

/** Decoded values (aliases counted each time) a document may have: bounds what a chain of aliases can blow up to. */
const MAX_VALUES = 1_000_000;

/** A parsed YAML document (the first of its file) that knows where each of its values stands. */
export class YamlDocument {
  readonly fileName: string;
  readonly #document: Document;
  readonly #lines: LineCounter;
  #value: unknown;
  #hasValue = false;

  constructor(fileName: string, document: Document, lines: LineCounter) {
    this.fileName = fileName;
    this.#document = document;
    this.#lines = lines;
  }

  /** Plain objects, arrays, strings, numbers, booleans and null. */
  get value(): unknown {
    if (!this.#hasValue) {
      this.#value = this.decode(undefined);
      this.#hasValue = true;
    }
    return this.#value;
  }

  /** The value with scalars read as `shape` wants them; throws {@link ConfigError} on repeated keys and the like. */
  decode(shape: ExpectedShape | undefined): unknown {
    const decoder = new Decoder(this.fileName, this.#document, this.#lines);
    const value = decoder.decode(this.#document.contents, [], shape);
    if (decoder.issues.length > 0) throw new ConfigError(decoder.issues);
    return value;
  }

  /**
   * Where the value at `path` begins; `of: 'key'` gives the place of its key. The nearest enclosing value's place when
   * there is nothing at `path`.
   */
  position(path: YamlPath, of: 'key' | 'value' = 'value'): Position {
    let node: Node | null = this.#document.contents;
    let found = offsetOf(node);
    for (const [i, step] of path.entries()) {
      node = resolveAlias(node, this.#document);
      const isLast = i === path.length - 1;
      if (isSeq(node) && typeof step === 'number') {
        node = (node.items[step] as Node | undefined) ?? null;
      } else if (isMap(node)) {
        const pair = findPair(node, String(step), this.#document, 0);
        if (pair === undefined) break;
        const keyOffset = offsetOf(pair.key as Node | null);
        if (isLast && of === 'key') return this.#at(keyOffset ?? found);
        node = pair.value as Node | null;
        if (node === null || offsetOf(node) === undefined) found = keyOffset ?? found;
      } else break;
      found = offsetOf(node) ?? found;
      if (node === null) break;
    }
    return this.#at(found);
  }

  #at(offset: number | undefined): Position {
    const { line, col } = this.#lines.linePos(offset ?? 0);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  }
}

/**
 * Reads the first YAML document of a text, with Go yaml.v2's reading of scalars. Throws {@link ConfigError} with every
 * syntax error.
 */
export function parseYaml(text: string, fileName: string): YamlDocument {
  const lines = new LineCounter();
  const document = parseDocument(text, {
    schema: 'failsafe',
    uniqueKeys: false,
    lineCounter: lines,
    prettyErrors: false,
    strict: true,
    stringKeys: false,
    logLevel: 'error',
  });
  const errors = document.errors.filter((error) => error.code !== 'MULTIPLE_DOCS');
  if (errors.length > 0) {
    throw new ConfigError(
      errors.map((error) => {
        const { line, col } = lines.linePos(error.pos[0]);
        const message = `not valid YAML: ${lowerFirst(error.message.replaceAll(/\s*\n\s*/g, ' '))}`;
        return { file: fileName, line: Math.max(1, line), column: Math.max(1, col), path: [], message };
      }),
    );
  }
  return new YamlDocument(fileName, document, lines);
}

class Decoder {
  readonly issues: ConfigIssue[] = [];
  readonly #fileName: string;
  readonly #document: Document;
  readonly #lines: LineCounter;
  readonly #open = new Set<Node>();
  #values = 0;

  constructor(fileName: string, document: Document, lines: LineCounter) {
    this.#fileName = fileName;
    this.#document = document;
    this.#lines = lines;
  }

  decode(given: Node | null, path: YamlPath, shape: ExpectedShape | undefined): unknown {
    if (given === null) return null;
    const node = resolveAlias(given, this.#document);
    if (node === null) return this.#fail(given, path, 'unknown anchor');
    if (++this.#values > MAX_VALUES) {
      if (this.#values === MAX_VALUES + 1) this.#fail(given, path, 'document contains excessive aliasing');
      return null;
    }
    if (isScalar(node)) {
      const scalar = decodeScalar(node, shape);
      return typeof scalar === 'string' && shape?.mapText !== undefined ? shape.mapText(scalar) : scalar;
    }
    if (this.#open.has(node)) return this.#fail(given, path, 'anchor contains itself');
    this.#open.add(node);
    let value: unknown = null;
    if (isSeq(node)) {
      value = node.items.map((item, i) => this.decode(item as Node | null, [...path, i], shape?.child(i)));
    } else if (isMap(node)) {
      value = Object.fromEntries(this.#entries(node, path, shape));
    }
    this.#open.delete(node);
    return value;
  }

  /** Entries of a map; what `<<` brings in gives way to the map's own keys. */
  #entries(map: YAMLMap, path: YamlPath, shape: ExpectedShape | undefined): Map<string, unknown> {
    const merged = new Map<string, unknown>();
    const own = new Map<string, unknown>();
    for (const pair of map.items) {
      const keyNode = resolveAlias(pair.key as Node | null, this.#document);
      if (keyNode !== null && !isScalar(keyNode)) {
        this.#fail(keyNode, path, 'a key must be text, not a map or list');
        continue;
      }
      const key = scalarText(keyNode);
      if (key === '<<' && keyNode?.type === 'PLAIN') {
        this.#merge(pair.value as Node | null, path, shape, merged);
        continue;
      }
      if (own.has(key)) {
        this.#fail(keyNode ?? map, [...path, key], `key "${key}" is already set in this map`);
        continue;
      }
      const value = this.decode(pair.value as Node | null, [...path, key], shape?.child(key));
      own.set(key, value);
    }
    for (const [key, value] of own) merged.set(key, value);
    if (shape?.dropsNulls === true) {
      for (const [key, value] of merged) if (value === null) merged.delete(key);
    }
    return merged;
  }

  #merge(
    given: Node | null,
    path: YamlPath,
    shape: ExpectedShape | undefined,
    into: Map<string, unknown>,
  ): void {
    const node = resolveAlias(given, this.#document);
    if (node !== null && this.#open.has(node)) {
      this.#fail(given, path, 'anchor contains itself');
    } else if (isMap(node)) {
      this.#open.add(node);
      for (const [key, value] of this.#entries(node, path, shape)) if (!into.has(key)) into.set(key, value);
      this.#open.delete(node);
    } else if (isSeq(node) && node.items.every((item) => isMap(resolveAlias(item as Node, this.#document)))) {
      for (const item of node.items) this.#merge(item as Node, path, shape, into);
    } else {
      this.#fail(given, path, 'map merge ("<<") requires a map or a list of maps as its value');
    }
  }

  #fail(node: Node | null, path: YamlPath, message: string): null {
    const { line, col } = this.#lines.linePos(offsetOf(node) ?? 0);
    this.issues.push({
      file: this.#fileName,
      line: Math.max(1, line),
      column: Math.max(1, col),
      path,
      message,
    });
    return null;
  }
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

function offsetOf(node: Node | null | undefined): number | undefined {
  return node?.range?.[0];
}

function resolveAlias(node: Node | null, document: Document): Node | null {
  return isAlias(node) ? (node.resolve(document) ?? null) : node;
}

function findPair(map: YAMLMap, key: string, document: Document, depth: number): Pair | undefined {
  const merges: (Node | null)[] = [];
  for (const pair of map.items) {
    const keyNode = resolveAlias(pair.key as Node | null, document);
    const text = isScalar(keyNode) ? scalarText(keyNode) : '';
    if (text === key) return pair as Pair;
    if (text === '<<') merges.push(resolveAlias(pair.value as Node | null, document));
  }
  if (depth > 20) return undefined;
  for (const merge of merges) {
    const maps = isSeq(merge) ? merge.items.map((item) => resolveAlias(item as Node, document)) : [merge];
    for (const candidate of maps) {
      const found = isMap(candidate) ? findPair(candidate, key, document, depth + 1) : undefined;
      if (found !== undefined) return found;
    }
  }
  return undefined;
}

/** Text of a scalar; the failsafe schema leaves every scalar as its text, save those that are tagged as something else. */
function scalarText(node: ScalarLike | null): string {
  return typeof node?.value === 'string' ? node.value : (node?.source ?? '');
}

interface ScalarLike {
  readonly value: unknown;
  readonly source?: string;
  readonly type?: string;
  readonly tag?: string;
}

const TAG_PREFIX = 'tag:yaml.org,2002:';

function decodeScalar(node: ScalarLike, shape: ExpectedShape | undefined): unknown {
  const text = scalarText(node);
  const tag = node.tag?.startsWith(TAG_PREFIX) === true ? node.tag.slice(TAG_PREFIX.length) : '';
  if (tag === 'str') return text;
  if (tag === 'binary') return Buffer.from(text, 'base64').toString('utf8');
  const isPlain = node.type === undefined || node.type === 'PLAIN';
  if (!isPlain && tag === '') return text;
  const resolved = resolveScalar(text);
  return resolved !== null && shape?.text === true ? text : resolved;
}

const WORDS: ReadonlyMap<string, unknown> = new Map<string, unknown>([
  ...['', '~', 'null', 'Null', 'NULL'].map((word) => [word, null] as const),
  ...['y', 'Y', 'yes', 'Yes', 'YES', 'true', 'True', 'TRUE', 'on', 'On', 'ON'].map((w) => [w, true] as const),
  ...['n', 'N', 'no', 'No', 'NO', 'false', 'False', 'FALSE', 'off', 'Off', 'OFF'].map(
    (word) => [word, false] as const,
  ),
  ...['.nan', '.NaN', '.NAN'].map((word) => [word, NaN] as const),
  ...['.inf', '.Inf', '.INF', '+.inf', '+.Inf', '+.INF'].map((word) => [word, Infinity] as const),
  ...['-.inf', '-.Inf', '-.INF'].map((word) => [word, -Infinity] as const),
]);

const FLOAT = /^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$/;

/**
 * What a plain scalar means: YAML 1.1 without base-60 numbers and dates, which Go leaves as text.
 *
 * @see go-yaml v2 resolve.go
 */
export function resolveScalar(text: string): string | number | boolean | null {
  if (WORDS.has(text)) return WORDS.get(text) as number | boolean | null;
  if (!/^[-+.0-9]/.test(text)) return text;
  const plain = text.replaceAll('_', '');
  const integer = /^([-+]?)0(?:[xX]([0-9a-fA-F]+)|[bB]([01]+)|[oO]?([0-7]+))$/.exec(plain);
  if (integer !== null) {
    const [, sign, hex, binary, octal] = integer;
    const digits = hex ?? binary ?? octal ?? '0';
    const magnitude = Number.parseInt(digits, hex !== undefined ? 16 : binary !== undefined ? 2 : 8);
    return sign === '-' ? -magnitude : magnitude;
  }
  return FLOAT.test(plain) ? Number(plain) : text;
}
