import {
  BRACE_CLOSE,
  BRACE_OPEN,
  CLASSES,
  HASH,
  NAME_START,
  NEWLINE,
  QUOTE,
  SPACE,
  TAB,
  ZERO,
} from './bytes.ts';
import { METRIC_TYPES } from '../../core/metric-types.ts';
import { Entry, MetaKind } from './entry.ts';
import { ExpositionParser, NUMBER_BYTES_MAX, PAUSE_BYTES } from './exposition-parser.ts';

const TYPE_CODES: Readonly<Record<string, number>> = {
  counter: METRIC_TYPES.indexOf('counter'),
  gauge: METRIC_TYPES.indexOf('gauge'),
  histogram: METRIC_TYPES.indexOf('histogram'),
  summary: METRIC_TYPES.indexOf('summary'),
  untyped: METRIC_TYPES.indexOf('unknown'),
};

const HELP_BYTES = Buffer.from('HELP');
const TYPE_BYTES = Buffer.from('TYPE');

/**
 * Prometheus' text format, versions 0.0.4 and 1.0.0 (which adds quoted names).
 *
 * Differs from Prometheus 3 in one thing: blanks before a metric name are skipped, not made part of the name.
 *
 * @see prometheus model/textparse/promlex.l, promparse.go
 */
export class TextParser extends ExpositionParser {
  next(): Entry {
    const bytes = this.bytes;
    const length = this.length;
    const first = this.position;
    let at = first;
    this.hinted = false;
    for (;;) {
      this.entryStart = at;
      const known = this.matchHint(at);
      if (known > 0) {
        const entry = this.#known(at, at + known);
        if (entry !== Entry.end) return entry;
      }
      at = this.blanks(at, true);
      if (at >= length || bytes[at] === 0) {
        this.position = length;
        return Entry.end;
      }
      const byte = bytes[at]!;
      if (byte === NEWLINE) {
        at++;
      } else if (byte === HASH) {
        if (this.#comment(at)) return Entry.meta;
        at = this.position;
      } else if (byte === BRACE_OPEN) {
        return this.#sample(at, at, false);
      } else if ((CLASSES[byte]! & NAME_START) !== 0) {
        return this.#sample(at, this.skipName(at), true);
      } else {
        throw this.unexpected('expected a valid start token', 'INVALID', at, at);
      }
      if (at - first > PAUSE_BYTES) {
        this.position = at;
        return Entry.pause;
      }
    }
  }

  /** The hinted bytes are there: takes them when what follows makes them the same token; Entry.end when not. */
  #known(start: number, end: number): Entry {
    const bytes = this.bytes;
    if (bytes[start] === HASH) {
      if (bytes[end] !== NEWLINE) return Entry.end;
      this.lineStart = start;
      this.lineEnd = end;
      this.position = end + 1;
      this.hinted = true;
      return Entry.meta;
    }
    const after = this.blanks(end, true);
    if (bytes[end - 1] !== BRACE_CLOSE && (after === end || bytes[after] === BRACE_OPEN)) return Entry.end;
    this.seriesStart = start;
    this.seriesEnd = end;
    this.hinted = true;
    this.#suffix(end);
    return Entry.series;
  }

  #sample(start: number, nameEnd: number, named: boolean): Entry {
    const brace = this.blanks(nameEnd, true);
    this.seriesStart = start;
    this.seriesEnd = this.bytes[brace] === BRACE_OPEN ? this.readLabels(brace + 1, named, true) : nameEnd;
    this.#suffix(this.seriesEnd);
    return Entry.series;
  }

  /** Value, timestamp and end of the line. */
  #suffix(from: number): void {
    const bytes = this.bytes;
    const start = this.blanks(from, true);
    let at = start;
    for (;;) {
      const byte = bytes[at]!;
      if (byte === SPACE || byte === NEWLINE || byte === TAB || byte === BRACE_OPEN || byte === 0) break;
      if (at++ - start > NUMBER_BYTES_MAX) break;
    }
    if (at === start) {
      const brace = bytes[at] === BRACE_OPEN;
      throw this.unexpected(
        'expected value after metric',
        brace ? 'BOPEN' : 'INVALID',
        at,
        brace ? at + 1 : at,
      );
    }
    this.value = this.readFloat(start, at);
    this.timestampMs = NaN;
    at = this.blanks(at, true);
    if (bytes[at] !== NEWLINE) at = this.#timestamp(at);
    this.position = at + 1;
  }

  /** Reads the timestamp at `at`; returns the position of the newline after it. */
  #timestamp(at: number): number {
    const bytes = this.bytes;
    let i = at;
    let timestampMs = 0;
    for (let digit = 0; (digit = bytes[i]! - ZERO) >= 0 && digit <= 9; i++) {
      if (i - at > NUMBER_BYTES_MAX) break;
      timestampMs = timestampMs * 10 + digit;
    }
    if (i === at) throw this.unexpected('expected timestamp or new record', 'INVALID', at, at);
    if (timestampMs >= 2 ** 63) {
      const shown = this.text(at, Math.min(i, at + 64));
      throw this.whileParsing(`strconv.ParseInt: parsing "${shown}": value out of range`, i);
    }
    this.timestampMs = timestampMs;
    const next = this.blanks(i, true);
    if (bytes[next] === NEWLINE) return next;
    let end = next;
    while (bytes[end]! >= ZERO && bytes[end]! <= ZERO + 9) end++;
    const token = end > next ? 'TIMESTAMP' : 'INVALID';
    throw this.unexpected('expected next entry after timestamp', token, next, end);
  }

  /** Reads the line at `#`; true when it is HELP or TYPE, false when it is a comment (then `position` is after it). */
  #comment(start: number): boolean {
    const bytes = this.bytes;
    let lineEnd = bytes.indexOf(NEWLINE, start);
    if (lineEnd < 0) lineEnd = this.length;
    this.position = lineEnd + 1;
    const word = this.blanks(start + 1, true);
    if (word === start + 1) return false;
    const kind = this.#keyword(word, HELP_BYTES)
      ? MetaKind.help
      : this.#keyword(word, TYPE_BYTES)
        ? MetaKind.type
        : undefined;
    if (kind === undefined) return false;
    const nameStart = this.blanks(word + 4, true);
    const nameEnd = bytes[nameStart] === QUOTE ? this.skipQuoted(nameStart, true) : this.skipName(nameStart);
    if (nameEnd < 0 || nameEnd === nameStart) {
      const after = kind === MetaKind.help ? 'HELP' : 'TYPE';
      const stop = nameEnd < 0 ? -nameEnd : nameEnd;
      throw this.unexpected(`expected metric name after ${after}`, 'INVALID', nameStart, stop);
    }
    if (nameEnd > lineEnd) {
      lineEnd = bytes.indexOf(NEWLINE, nameEnd);
      this.position = lineEnd + 1;
    }
    this.lineStart = start;
    this.takeMeta(kind, nameStart, nameEnd, lineEnd);
    return true;
  }

  /** Whether the four letters stand at `at` with a blank behind. */
  #keyword(at: number, word: Uint8Array): boolean {
    const bytes = this.bytes;
    for (let i = 0; i < 4; i++) if (bytes[at + i] !== word[i]) return false;
    return bytes[at + 4] === SPACE || bytes[at + 4] === TAB;
  }

  protected override typeCode(name: string): number | undefined {
    return Object.hasOwn(TYPE_CODES, name) ? TYPE_CODES[name] : undefined;
  }

  protected override unescapeHelp(text: string): string {
    if (!text.includes('\\')) return text;
    return text.replaceAll(/\\[\\n]/g, (escape) => (escape === '\\n' ? '\n' : '\\'));
  }
}
