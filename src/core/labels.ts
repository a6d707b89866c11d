import { assert } from './errors.ts';
import { fnv1a64Flat } from './fnv.ts';
import { goQuote } from './go-quote.ts';

/** Label that holds a series' metric name. */
export const METRIC_NAME = '__name__';

/** Separates names and values in keys: half a surrogate pair, which well-formed text cannot contain. */
const SEPARATOR = '\udfff';

/** Compares two strings by their UTF-8 bytes, as Go does; differs from JS order only where surrogate pairs occur. */
export function compareText(a: string, b: string): number {
  if (a === b) return 0;
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x === y) continue;
    const xHigh = x >= 0xd800 && x <= 0xdfff;
    const yHigh = y >= 0xd800 && y <= 0xdfff;
    if (xHigh !== yHigh) return xHigh ? 1 : -1;
    return x < y ? -1 : 1;
  }
  return a.length < b.length ? -1 : 1;
}

const SURROGATE = /[\ud800-\udfff]/;

/** Sorts texts in place as {@link compareText} orders them; quicker for many. */
export function sortTexts(texts: string[]): string[] {
  // The engine's own order is by UTF-16 units, which is the same where there are no pairs of them.
  return texts.some((text) => SURROGATE.test(text)) ? texts.sort(compareText) : texts.sort();
}

/**
 * An immutable set of labels, sorted by name (byte order), without empty values: an absent label and an empty one are
 * the same thing (Prometheus model/labels).
 */
export class Labels implements Iterable<readonly [name: string, value: string]> {
  static readonly EMPTY: Labels = new Labels([]);

  /** name, value, name, value …; sorted by name. */
  readonly flat: readonly string[];
  #key: string | undefined;
  #json: string | undefined;

  private constructor(flat: readonly string[]) {
    this.flat = flat;
  }

  /** From an already sorted flat list without empty values or repeated names; the caller gives the array away. */
  static fromSortedFlat(flat: readonly string[]): Labels {
    return flat.length === 0 ? Labels.EMPTY : new Labels(flat);
  }

  /** From pairs in any order; the last of equal names wins; empty values are left out. */
  static fromEntries(entries: Iterable<readonly [string, string]>): Labels {
    const map = new Map<string, string>();
    for (const [name, value] of entries) map.set(name, value);
    const names: string[] = [];
    for (const [name, value] of map) if (value !== '') names.push(name);
    names.sort(compareText);
    const flat: string[] = [];
    for (const name of names) flat.push(name, map.get(name)!);
    return Labels.fromSortedFlat(flat);
  }

  /** From a plain object. */
  static fromObject(object: Readonly<Record<string, string>>): Labels {
    return Labels.fromEntries(Object.entries(object));
  }

  /** Number of labels. */
  get size(): number {
    return this.flat.length / 2;
  }

  /** The value of a label, '' when it is absent. */
  get(name: string): string {
    const flat = this.flat;
    for (let i = 0; i < flat.length; i += 2) if (flat[i] === name) return flat[i + 1]!;
    return '';
  }

  /** Whether the label is there. */
  has(name: string): boolean {
    return this.get(name) !== '';
  }

  /** The metric name, '' when there is none. */
  get metricName(): string {
    return this.get(METRIC_NAME);
  }

  *[Symbol.iterator](): Iterator<readonly [string, string]> {
    for (let i = 0; i < this.flat.length; i += 2) yield [this.flat[i]!, this.flat[i + 1]!];
  }

  /** Names in order. */
  names(): string[] {
    return this.flat.filter((_, i) => i % 2 === 0);
  }

  toObject(): Record<string, string> {
    const object: Record<string, string> = {};
    for (const [name, value] of this) object[name] = value;
    return object;
  }

  /** For JSON.stringify: a plain object in label order. */
  toJSON(): Record<string, string> {
    return this.toObject();
  }

  /** A text that is equal exactly for equal sets; for use as Map key. Computed once. */
  get key(): string {
    this.#key ??= this.flat.join(SEPARATOR);
    return this.#key;
  }

  /** The labels in their order as a JSON object. Computed once. */
  get json(): string {
    this.#json ??= jsonOf(this.flat);
    return this.#json;
  }

  equals(other: Labels): boolean {
    return this === other || (this.flat.length === other.flat.length && this.key === other.key);
  }

  /** Order of labels.Compare: pairwise by name, then value; the shorter first. */
  compare(other: Labels): number {
    const length = Math.min(this.flat.length, other.flat.length);
    for (let i = 0; i < length; i++) {
      const order = compareText(this.flat[i]!, other.flat[i]!);
      if (order !== 0) return order;
    }
    return this.flat.length - other.flat.length;
  }

  /** Without the named labels. */
  without(...names: readonly string[]): Labels {
    return this.#filter((name) => !names.includes(name));
  }

  /** Only the named labels. */
  only(names: readonly string[]): Labels {
    return this.#filter((name) => names.includes(name));
  }

  /** With one label set; an empty value removes it. */
  with(name: string, value: string): Labels {
    return this.merge([[name, value]]);
  }

  /** With the given labels set over these; empty values remove. */
  merge(entries: Iterable<readonly [string, string]>): Labels {
    return Labels.fromEntries([...this, ...entries]);
  }

  #filter(keep: (name: string) => boolean): Labels {
    const flat: string[] = [];
    for (let i = 0; i < this.flat.length; i += 2) {
      if (keep(this.flat[i]!)) flat.push(this.flat[i]!, this.flat[i + 1]!);
    }
    return flat.length === this.flat.length ? this : Labels.fromSortedFlat(flat);
  }

  /**
   * FNV-1a 64 over name 0xff value 0xff …, 16 hex digits: Alertmanager's fingerprint.
   *
   * @see prometheus/common model/signature.go labelSetToFingerprint
   */
  fingerprint(): string {
    return fnv1a64Flat(this.flat);
  }

  /** `{a="b", c="d"}` with the name in front when there is one: how Prometheus prints a series. */
  toString(): string {
    const name = this.metricName;
    const parts: string[] = [];
    for (const [label, value] of this) {
      if (label !== METRIC_NAME || !LEGACY_METRIC_NAME.test(name)) {
        const printed = LEGACY_LABEL_NAME.test(label) ? label : goQuote(label);
        parts.push(`${printed}=${goQuote(value)}`);
      }
    }
    const shown = LEGACY_METRIC_NAME.test(name) ? name : '';
    return parts.length === 0 && shown !== '' ? shown : `${shown}{${parts.join(', ')}}`;
  }
}

function jsonOf(flat: readonly string[]): string {
  let out = '';
  for (let i = 0; i < flat.length; i += 2) {
    out += `${out === '' ? '{' : ','}${JSON.stringify(flat[i])}:${JSON.stringify(flat[i + 1])}`;
  }
  return out === '' ? '{}' : `${out}}`;
}

/** Metric names as before UTF-8 names were allowed. */
export const LEGACY_METRIC_NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
/** Label names as before UTF-8 names were allowed. */
export const LEGACY_LABEL_NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

/** Whether a label name may be used: any non-empty well-formed text (utf8), or the old pattern (legacy). */
export function isValidLabelName(name: string, scheme: 'utf8' | 'legacy' = 'utf8'): boolean {
  assert(typeof name === 'string', 'a label name must be text');
  return scheme === 'legacy' ? LEGACY_LABEL_NAME.test(name) : name !== '' && name.isWellFormed();
}

/** Whether a metric name may be used; see {@link isValidLabelName}. */
export function isValidMetricName(name: string, scheme: 'utf8' | 'legacy' = 'utf8'): boolean {
  return scheme === 'legacy' ? LEGACY_METRIC_NAME.test(name) : name !== '' && name.isWellFormed();
}
