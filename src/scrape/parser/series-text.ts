import {
  BACKSLASH,
  CLASSES,
  COMMA,
  EQUAL,
  LABEL_PART,
  LABEL_START,
  NAME_PART,
  NAME_START,
  NEWLINE,
  QUOTE,
} from './bytes.ts';

const LOWER_N = 110;
const BRACE_QUOTE = Buffer.from('{"');

/** Undoes `\\`, `\"` and `\n`; other backslashes stay. */
export function unescapeLabelText(text: string): string {
  if (!text.includes('\\')) return text;
  return text.replaceAll(/\\[\\n"]/g, (escape) => (escape === '\\n' ? '\n' : escape[1]!));
}

/**
 * Where series are written as the text formats spell them, `name{label="value"}`, by parsers of formats that have other
 * spellings: so one cache of lines and one reader of labels serve all. Memory is used again.
 */
export class SeriesText {
  bytes: Uint8Array = new Uint8Array(1024);
  length = 0;

  clear(): void {
    this.length = 0;
  }

  byte(byte: number): void {
    if (this.length === this.bytes.length) this.#reserve(1);
    this.bytes[this.length++] = byte;
  }

  /** Bytes as they are. */
  raw(bytes: Uint8Array, from = 0, to: number = bytes.length): void {
    const count = to - from;
    this.#reserve(count);
    const target = this.bytes;
    if (count > 64) target.set(bytes.subarray(from, to), this.length);
    else for (let i = 0; i < count; i++) target[this.length + i] = bytes[from + i]!;
    this.length += count;
  }

  /** Bytes as they must be between quotes. */
  escaped(bytes: Uint8Array, from: number, to: number): void {
    this.#reserve(2 * (to - from));
    const target = this.bytes;
    let length = this.length;
    for (let i = from; i < to; i++) {
      const byte = bytes[i]!;
      if (byte === BACKSLASH || byte === QUOTE || byte === NEWLINE) {
        target[length++] = BACKSLASH;
        target[length++] = byte === NEWLINE ? LOWER_N : byte;
      } else target[length++] = byte;
    }
    this.length = length;
  }

  /** Bytes between quotes. */
  quoted(bytes: Uint8Array, from: number, to: number): void {
    this.byte(QUOTE);
    this.escaped(bytes, from, to);
    this.byte(QUOTE);
  }

  /** `text`, all of whose characters are ASCII. */
  ascii(text: string): void {
    this.#reserve(text.length);
    for (let i = 0; i < text.length; i++) this.bytes[this.length++] = text.charCodeAt(i);
  }

  #reserve(count: number): void {
    const needed = this.length + count;
    if (needed <= this.bytes.length) return;
    const bytes = new Uint8Array(Math.max(needed, this.bytes.length * 2));
    bytes.set(this.bytes.subarray(0, this.length));
    this.bytes = bytes;
  }
}

/** Whether the bytes may stand as the name of a metric without quotes. */
export function isPlainName(bytes: Uint8Array, from: number, to: number): boolean {
  return isOfClasses(bytes, from, to, NAME_START, NAME_PART);
}

/** Whether the bytes may stand as the name of a label without quotes. */
export function isPlainLabelName(bytes: Uint8Array, from: number, to: number): boolean {
  return isOfClasses(bytes, from, to, LABEL_START, LABEL_PART);
}

function isOfClasses(bytes: Uint8Array, from: number, to: number, first: number, part: number): boolean {
  if (from >= to || (CLASSES[bytes[from]!]! & first) === 0) return false;
  for (let i = from + 1; i < to; i++) if ((CLASSES[bytes[i]!]! & part) === 0) return false;
  return true;
}

/** The name of a metric family, ready to be written with endings. */
export class FamilyText {
  readonly name: string;
  readonly #bytes: Uint8Array;
  readonly #isPlain: boolean;

  /** `name` must be well-formed. */
  constructor(name: string) {
    this.name = name;
    this.#bytes = Buffer.from(name);
    this.#isPlain = isPlainName(this.#bytes, 0, this.#bytes.length);
  }

  /**
   * Writes one series of the family. `labels` are those that all series of a metric have, written as
   * `a="b",c="d"`; `bound` is one label more, all ASCII, '' when there is none.
   */
  write(into: SeriesText, ending: string, labels: SeriesText, bound: string): void {
    into.clear();
    const hasLabels = labels.length > 0 || bound !== '';
    if (this.#isPlain) {
      into.raw(this.#bytes);
      into.ascii(ending);
      if (!hasLabels) return;
      into.ascii('{');
    } else {
      into.raw(BRACE_QUOTE);
      into.escaped(this.#bytes, 0, this.#bytes.length);
      into.ascii(ending);
      into.ascii(hasLabels ? '",' : '"');
    }
    into.raw(labels.bytes, 0, labels.length);
    if (labels.length > 0 && bound !== '') into.ascii(',');
    into.ascii(bound);
    into.ascii('}');
  }
}

/** Adds a label to such a list as {@link FamilyText.write} takes. */
export function writeLabel(
  into: SeriesText,
  bytes: Uint8Array,
  nameFrom: number,
  nameTo: number,
  valueFrom: number,
  valueTo: number,
): void {
  const isPlain = isPlainLabelName(bytes, nameFrom, nameTo);
  if (into.length > 0) into.byte(COMMA);
  if (isPlain) into.raw(bytes, nameFrom, nameTo);
  else into.quoted(bytes, nameFrom, nameTo);
  into.byte(EQUAL);
  into.quoted(bytes, valueFrom, valueTo);
}
