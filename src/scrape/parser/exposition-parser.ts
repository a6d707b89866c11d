import { isUtf8 } from 'node:buffer';
import {
  BACKSLASH,
  BRACE_CLOSE,
  CLASSES,
  COMMA,
  EQUAL,
  LABEL_PART,
  LABEL_START,
  NAME_PART,
  NAME_START,
  NEWLINE,
  QUOTE,
  quoteBytes,
  quoteText,
} from './bytes.ts';
import { METRIC_TYPES } from '../../core/metric-types.ts';
import { type Entry, ExpositionError, MetaKind, TYPE_UNKNOWN } from './entry.ts';
import type { FloatHistogram } from '../../core/histogram/float-histogram.ts';
import type { Labels } from '../../core/labels.ts';
import { FloatError, floatState, parseFloatBytes } from './float.ts';

/**
 * What both exposition formats share: a cursor over the bytes of one body, which makes no strings while it runs.
 *
 * The caller may hint at what comes next (the raw bytes that followed in the previous scrape): when the body continues
 * with just those bytes they are taken as known and not looked into again. So a body whose series did not change costs
 * one comparison and one float a line.
 *
 * Every method is linear in the bytes it consumes; `next` returns {@link Entry}.pause after {@link PAUSE_BYTES} without
 * an entry. Errors are {@link ExpositionError}s in Prometheus' words.
 */

/** Bytes of one series (name and labels) above which a scrape fails: nobody has such, and it bounds the work of a step. */
const SERIES_BYTES_MAX = 1 << 20;
/** Bytes of a value or timestamp above which it is refused. */
export const NUMBER_BYTES_MAX = 4096;
/** Bytes of a help text that are kept. */
const HELP_BYTES_MAX = 1 << 16;
/** After so many bytes without an entry `next` returns. */
export const PAUSE_BYTES = 1 << 20;

const EMPTY = new Uint8Array(0);

/** An exemplar as a body has it. */
export interface ParsedExemplar {
  readonly labels: Labels;
  readonly value: number;
  /** Its own time; NaN when it has none. */
  readonly timestampMs: number;
}

const NO_EXEMPLARS: readonly ParsedExemplar[] = [];

/** Tells when the counters of a body began. */
export interface StartSource {
  /** Whether the sample that the parser stands at is none but a start timestamp. */
  isStart(): boolean;
  /** When the sample that the parser stands at began, in milliseconds; 0 when that isn't told. To be asked in order. */
  startMs(): number;
  /** Reads what has been passed without asking, so that this is not left for one long turn. */
  keepUp(): void;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Four bytes at a time: nearly all lines of nearly all scrapes are compared here. The last four may overlap those before. */
function sameBytes(a: DataView, aStart: number, b: DataView, bStart: number, count: number): boolean {
  const last = count - 4;
  if (last < 0) {
    for (let i = 0; i < count; i++) if (a.getUint8(aStart + i) !== b.getUint8(bStart + i)) return false;
    return true;
  }
  for (let i = 0; i < last; i += 4) if (a.getInt32(aStart + i) !== b.getInt32(bStart + i)) return false;
  return a.getInt32(aStart + last) === b.getInt32(bStart + last);
}

export abstract class ExpositionParser {
  /** The body; the byte at `length` is a newline that does not belong to it. */
  protected readonly bytes: Uint8Array;
  protected readonly length: number;
  /** Where the next call of `next` begins. */
  protected position = 0;
  /** Where the present entry began; error messages show the text from here. */
  protected entryStart = 0;

  /** The present series' raw bytes: bytes[seriesStart, seriesEnd). */
  seriesStart = 0;
  seriesEnd = 0;
  value = 0;
  /** The present native histogram; means nothing where the entry is none. */
  histogram: FloatHistogram | undefined = undefined;
  /** Whether the present native histogram counts whole observations, rather than floats. */
  isWhole = false;
  /** The sample's own time; NaN when it has none. */
  timestampMs = NaN;
  /** Whether the present entry is the hinted one. */
  hinted = false;
  /** Code (see METRIC_TYPES) of the last TYPE line; callers set it when they recognise a hinted TYPE line. */
  metricType: number = TYPE_UNKNOWN;
  /** Unit of the last UNIT line, whichever family it was for; callers set it when they recognise a hinted one. */
  unit = '';

  /** The present meta line's raw bytes, without the newline. */
  lineStart = 0;
  lineEnd = 0;
  metaKind: MetaKind = MetaKind.help;
  /** The family that the present meta line describes; its text is read by {@link metaText}. */
  protected metaNameStart = 0;
  protected metaNameEnd = 0;
  protected metaTextStart = 0;
  protected metaTextEnd = 0;

  readonly #view: DataView;
  #hintBytes: Uint8Array = EMPTY;
  #hintView = viewOf(EMPTY);
  #hintStart = 0;
  #hintLength = 0;

  /** `body` holds the exposition in its first `length` bytes; it is copied unless there is room for one byte more. */
  constructor(body: Uint8Array, length: number = body.length) {
    let bytes = body;
    if (bytes.length <= length) {
      bytes = new Uint8Array(length + 1);
      bytes.set(body);
    }
    bytes[length] = NEWLINE;
    this.bytes = bytes;
    this.length = length;
    this.#view = viewOf(bytes);
  }

  /** Moves to the next entry. */
  abstract next(): Entry;

  /** The text of the present help line, unescaped as the format wants it. */
  protected abstract unescapeHelp(text: string): string;

  /** The bytes that `seriesStart` and the like point into, until the next entry. */
  get body(): Uint8Array {
    return this.bytes;
  }

  /** Exemplars of the present sample, in the order of the body. */
  exemplars(): readonly ParsedExemplar[] {
    return NO_EXEMPLARS;
  }

  /** Where start timestamps are read, to be asked for before the first entry; undefined when the format has none. */
  startSource(): StartSource | undefined {
    return undefined;
  }

  /** What the next entry is expected to be: a series' raw bytes or a whole meta line. Holds for one `next`. */
  hint(bytes: Uint8Array, start: number, length: number): void {
    if (bytes !== this.#hintBytes) {
      this.#hintBytes = bytes;
      this.#hintView = viewOf(bytes);
    }
    this.#hintStart = start;
    this.#hintLength = length;
  }

  /** Name of the family that the present meta line describes. */
  metaFamily(): string {
    return this.text(this.metaNameStart, this.metaNameEnd);
  }

  /** Bytes of the name of the family that the last meta line described; a hinted one doesn't count. */
  get familyLength(): number {
    return this.metaNameEnd - this.metaNameStart;
  }

  /** Help text, type name or unit of the present meta line. */
  metaText(): string {
    switch (this.metaKind) {
      case MetaKind.type:
        return METRIC_TYPES[this.metricType]!;
      case MetaKind.unit:
        return this.text(this.metaTextStart, this.metaTextEnd);
      case MetaKind.help: {
        const end = Math.min(this.metaTextEnd, this.metaTextStart + HELP_BYTES_MAX);
        return this.unescapeHelp(this.text(this.metaTextStart, end));
      }
    }
  }

  /** Length of the hint when the body continues with it at `at`, else 0. */
  protected matchHint(at: number): number {
    const count = this.#hintLength;
    this.#hintLength = 0;
    if (count === 0 || at + count > this.length) return 0;
    return sameBytes(this.#view, at, this.#hintView, this.#hintStart, count) ? count : 0;
  }

  /** Whether bytes[start, end) are what the hint says; the hint is spent. */
  isHint(bytes: Uint8Array, start: number, end: number): boolean {
    const count = this.#hintLength;
    this.#hintLength = 0;
    if (count === 0 || end - start !== count) return false;
    const hint = this.#hintBytes;
    const from = this.#hintStart;
    for (let i = 0; i < count; i++) if (bytes[start + i] !== hint[from + i]) return false;
    return true;
  }

  protected text(start: number, end: number): string {
    return Buffer.from(this.bytes.buffer, this.bytes.byteOffset + start, end - start).toString('utf8');
  }

  /** End of the metric name that begins at `at`; `at` itself when none does. */
  protected skipName(at: number): number {
    const bytes = this.bytes;
    if ((CLASSES[bytes[at]!]! & NAME_START) === 0) return at;
    let i = at + 1;
    const end = this.entryStart + SERIES_BYTES_MAX;
    while ((CLASSES[bytes[i]!]! & NAME_PART) !== 0) if (i++ > end) throw this.tooLong();
    return i;
  }

  /** End of the label name that begins at `at`; `at` itself when none does. */
  protected skipLabelName(at: number): number {
    const bytes = this.bytes;
    if ((CLASSES[bytes[at]!]! & LABEL_START) === 0) return at;
    let i = at + 1;
    const end = this.entryStart + SERIES_BYTES_MAX;
    while ((CLASSES[bytes[i]!]! & LABEL_PART) !== 0) if (i++ > end) throw this.tooLong();
    return i;
  }

  /**
   * Position after the quoted text whose opening quote is at `at`. When it does not end, minus the position of the
   * byte that cannot be. `lines` allows newlines inside.
   */
  protected skipQuoted(at: number, lines: boolean): number {
    const bytes = this.bytes;
    const end = Math.min(this.length + 1, this.entryStart + SERIES_BYTES_MAX + 1);
    let i = at + 1;
    for (; i < end; i++) {
      const byte = bytes[i]!;
      if (byte === QUOTE) return i + 1;
      if (byte === NEWLINE && !lines) return -i;
      if (byte === BACKSLASH) {
        i++;
        if (i >= end || bytes[i] === NEWLINE) break;
      }
    }
    if (i > this.entryStart + SERIES_BYTES_MAX) throw this.tooLong();
    return -Math.min(i, this.length + 1);
  }

  protected tooLong(): ExpositionError {
    const shown = quoteBytes(this.bytes, this.entryStart, Math.min(this.length, this.entryStart + 64));
    return new ExpositionError(`series longer than ${SERIES_BYTES_MAX} bytes, beginning with ${shown}`);
  }

  /**
   * Reads labels from behind `{` (or after a former pair) up to and with `}`; returns the position after it. Formats
   * differ in whether blanks may stand between tokens, in newlines inside quotes, and in whether commas may be missing.
   *
   * @param nameKnown whether the metric name stood before the brace; undefined for exemplars, which have none
   */
  protected readLabels(from: number, nameKnown: boolean | undefined, loose: boolean): number {
    const bytes = this.bytes;
    let hasName = nameKnown;
    let at = this.blanks(from, loose);
    for (;;) {
      if (at - this.entryStart > SERIES_BYTES_MAX) throw this.tooLong();
      if (bytes[at] === BRACE_CLOSE) break;
      const nameStart = at;
      const quoted = bytes[at] === QUOTE;
      at = quoted ? this.skipQuoted(at, loose) : this.skipLabelName(at);
      if (at < 0) throw this.unexpected('expected label name', 'INVALID', nameStart, -at);
      if (at === nameStart) throw this.unexpectedLabelToken('expected label name', at);
      at = this.blanks(at, loose);
      const after = bytes[at];
      if (quoted && (after === COMMA || after === BRACE_CLOSE)) {
        if (hasName === undefined) throw this.unexpectedLabelToken('expected label name', at);
        if (hasName) throw this.whileParsing('metric name already set', at + 1);
        hasName = true;
        if (after === BRACE_CLOSE) break;
        at = this.blanks(at + 1, loose);
        continue;
      }
      if (after !== EQUAL) throw this.unexpectedLabelToken('expected equal', at);
      at = this.#readLabelValue(this.blanks(at + 1, loose), loose);
      at = this.blanks(at, loose);
      if (bytes[at] === COMMA) at = this.blanks(at + 1, loose);
      else if (!loose && bytes[at] !== BRACE_CLOSE) {
        throw this.unexpectedLabelToken('expected comma or brace close', at);
      }
    }
    if (hasName === false) throw this.whileParsing('metric name not set', at + 1);
    return at + 1;
  }

  #readLabelValue(at: number, loose: boolean): number {
    if (this.bytes[at] !== QUOTE) throw this.unexpected('expected label value', 'INVALID', at, at);
    const end = this.skipQuoted(at, loose);
    if (end < 0) throw this.unexpected('expected label value', 'INVALID', at, -end);
    if (!isUtf8(this.bytes.subarray(at, end))) {
      throw new ExpositionError(`invalid UTF-8 label value: ${quoteBytes(this.bytes, at, end)}`);
    }
    return end;
  }

  /** First position from `at` on that is no blank, where the format allows blanks. */
  protected blanks(at: number, loose: boolean): number {
    if (!loose) return at;
    const bytes = this.bytes;
    const end = at + SERIES_BYTES_MAX;
    let i = at;
    while ((bytes[i] === 32 || bytes[i] === 9) && i < end) i++;
    return i;
  }

  /** The float in [start, end), made canonical when it is NaN. */
  protected readFloat(start: number, end: number): number {
    if (end - start > NUMBER_BYTES_MAX) throw this.badFloat('value out of range', start, end);
    const value = parseFloatBytes(this.bytes, start, end);
    switch (floatState.error) {
      case FloatError.none:
        return value;
      case FloatError.unsupported:
        throw this.whileParsing('unsupported character in float', end);
      case FloatError.range:
        throw this.badFloat('value out of range', start, end);
      case FloatError.syntax:
        throw this.badFloat('invalid syntax', start, end);
    }
  }

  protected badFloat(reason: string, start: number, end: number): ExpositionError {
    const shown = quoteBytes(this.bytes, start, end);
    return this.whileParsing(`strconv.ParseFloat: parsing ${shown}: ${reason}`, end);
  }

  protected whileParsing(message: string, end: number): ExpositionError {
    return new ExpositionError(`${message} while parsing: ${quoteBytes(this.bytes, this.entryStart, end)}`);
  }

  /** `stop` is the first byte that was not taken; it is shown too, as Prometheus' lexer does. */
  protected unexpected(expected: string, token: string, start: number, stop: number): ExpositionError {
    const end = Math.min(this.length + 1, stop + 1);
    const got = quoteBytes(this.bytes, start, end);
    const from = quoteBytes(this.bytes, this.entryStart, end);
    return new ExpositionError(`${expected}, got ${got} ("${token}") while parsing: ${from}`);
  }

  /** {@link unexpected} for a token between braces. */
  protected unexpectedLabelToken(expected: string, at: number): ExpositionError {
    const byte = this.bytes[at];
    const nameEnd = this.skipLabelName(at);
    if (nameEnd > at) return this.unexpected(expected, 'LNAME', at, nameEnd);
    if (byte === QUOTE) {
      const end = this.skipQuoted(at, false);
      return this.unexpected(expected, end < 0 ? 'INVALID' : 'QSTRING', at, Math.abs(end));
    }
    const token = byte === COMMA ? 'COMMA' : byte === EQUAL ? 'EQUAL' : byte === BRACE_CLOSE ? 'BCLOSE' : '';
    return token === ''
      ? this.unexpected(expected, 'INVALID', at, at)
      : this.unexpected(expected, token, at, at + 1);
  }

  /** Sets name and text of the present meta line and, for TYPE lines, the type. */
  protected takeMeta(kind: MetaKind, nameStart: number, nameEnd: number, lineEnd: number): void {
    const quoted = this.bytes[nameStart] === QUOTE;
    this.metaKind = kind;
    this.metaNameStart = quoted ? nameStart + 1 : nameStart;
    this.metaNameEnd = quoted ? nameEnd - 1 : nameEnd;
    this.metaTextStart = Math.min(nameEnd + 1, lineEnd);
    this.metaTextEnd = lineEnd;
    this.lineEnd = lineEnd;
    if (kind === MetaKind.type) this.metricType = this.readType(this.metaTextStart, lineEnd);
    else if (kind === MetaKind.help && !isUtf8(this.bytes.subarray(this.metaTextStart, lineEnd))) {
      const shown = quoteBytes(this.bytes, this.metaTextStart, lineEnd);
      throw new ExpositionError(`help text ${shown} is not a valid utf8 string`);
    }
  }

  /** Code of the type named in [start, end). */
  protected readType(start: number, end: number): number {
    const name = this.text(start, Math.min(end, start + 64));
    const code = this.typeCode(name);
    if (code === undefined) throw new ExpositionError(`invalid metric type ${quoteText(name)}`);
    return code;
  }

  protected abstract typeCode(name: string): number | undefined;
}
