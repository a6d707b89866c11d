import { BRACE_OPEN, CLASSES, HASH, NAME_START, NEWLINE, QUOTE, SPACE } from './bytes.ts';
import { METRIC_TYPES } from '../../core/metric-types.ts';
import { Entry, ExpositionError, MetaKind, TYPE_UNKNOWN } from './entry.ts';
import { ExpositionParser, NUMBER_BYTES_MAX } from './exposition-parser.ts';
import type { ParsedExemplar, StartSource } from './exposition-parser.ts';
import { readSeriesLabels } from './series-labels.ts';
import { StartTimes } from './start-times.ts';
import { unescapeLabelText } from './series-text.ts';

const KEYWORDS: readonly { readonly bytes: Uint8Array; readonly kind: MetaKind }[] = [
  { bytes: Buffer.from('HELP '), kind: MetaKind.help },
  { bytes: Buffer.from('TYPE '), kind: MetaKind.type },
  { bytes: Buffer.from('UNIT '), kind: MetaKind.unit },
];
const META_NAMES = ['HELP', 'TYPE', 'UNIT'] as const;
const EOF_BYTES = Buffer.from('EOF');
const UNTERMINATED = 'data does not end with # EOF';

/**
 * OpenMetrics text, versions 0.0.1 and 1.0.0: single spaces, seconds in timestamps, no free comments, `# EOF` at the
 * end.
 *
 * @see prometheus model/textparse/openmetricslex.l, openmetricsparse.go
 */
export class OpenMetricsParser extends ExpositionParser {
  /** Another parser of the same bytes, which begins at their beginning. */
  again(): OpenMetricsParser {
    return new OpenMetricsParser(this.bytes, this.length);
  }

  /** How far it has read. */
  get readTo(): number {
    return this.position;
  }

  /** Where the labels of the present sample's exemplar begin, braces included; -1 when it has none. */
  #exemplarStart = -1;
  #exemplarEnd = 0;
  #exemplarValue = 0;
  /** Its own time; NaN when it has none. */
  #exemplarMs = NaN;

  /** Set when the present sample is followed by a space too many: it counts, and the next entry is the error. */
  #spaceLeft = false;

  override exemplars(): readonly ParsedExemplar[] {
    if (this.#exemplarStart < 0) return [];
    const labels = readSeriesLabels(this.bytes, this.#exemplarStart, this.#exemplarEnd, TYPE_UNKNOWN);
    return [{ labels, value: this.#exemplarValue, timestampMs: this.#exemplarMs }];
  }

  override startSource(): StartSource {
    return new StartTimes(this);
  }

  next(): Entry {
    const bytes = this.bytes;
    const at = this.position;
    this.hinted = false;
    this.entryStart = at;
    if (this.#spaceLeft) throw this.#afterSpace(at);
    const known = this.matchHint(at);
    if (known > 0) {
      const entry = this.#known(at, at + known);
      if (entry !== Entry.end) return entry;
    }
    if (at >= this.length) throw new ExpositionError(UNTERMINATED);
    const byte = bytes[at]!;
    if (byte === HASH) return this.#meta(at);
    if (byte === BRACE_OPEN) return this.#sample(at, at, false);
    if ((CLASSES[byte]! & NAME_START) !== 0) return this.#sample(at, this.skipName(at), true);
    throw this.unexpected('expected a valid start token', 'INVALID', at, at);
  }

  /** The hinted bytes are there: takes them when what follows makes them the same token; Entry.end when not. */
  #known(start: number, end: number): Entry {
    const bytes = this.bytes;
    if (bytes[start] === HASH) {
      if (bytes[end] !== NEWLINE || end >= this.length) return Entry.end;
      this.lineStart = start;
      this.lineEnd = end;
      this.position = end + 1;
      this.hinted = true;
      return Entry.meta;
    }
    if (bytes[end] !== SPACE) return Entry.end;
    this.seriesStart = start;
    this.seriesEnd = end;
    this.hinted = true;
    return this.suffix(end);
  }

  #sample(start: number, nameEnd: number, named: boolean): Entry {
    this.seriesStart = start;
    this.seriesEnd =
      this.bytes[nameEnd] === BRACE_OPEN ? this.readLabels(nameEnd + 1, named, false) : nameEnd;
    return this.suffix(this.seriesEnd);
  }

  /** Value, timestamp, exemplar and end of the line; the entry that they make. */
  protected suffix(from: number): Entry {
    const valueEnd = this.token(from, 'expected value after metric');
    this.value = this.readFloat(from + 1, valueEnd);
    this.timestampMs = NaN;
    this.#exemplarStart = -1;
    let at = valueEnd;
    if (this.atExemplar(at)) {
      this.position = this.#exemplar(at);
      return Entry.series;
    }
    if (this.bytes[at] === SPACE) {
      if (this.isBare(at)) {
        this.#spaceLeft = true;
        this.position = at + 1;
        return Entry.series;
      }
      const timestampEnd = this.token(at, '');
      this.timestampMs = this.readTimestamp(at + 1, timestampEnd, 'timestamp');
      at = timestampEnd;
      if (this.atExemplar(at)) {
        this.position = this.#exemplar(at);
        return Entry.series;
      }
      if (this.bytes[at] !== NEWLINE) {
        throw this.unexpected('expected next entry after timestamp', 'INVALID', at, at + 1);
      }
    }
    this.endLine(at);
    return Entry.series;
  }

  /** Ends the line at `at`, which must be a newline of the body itself; a NUL byte ends the body, as it does upstream. */
  protected endLine(at: number): void {
    if (at >= this.length || this.bytes[at] !== NEWLINE) throw new ExpositionError(UNTERMINATED);
    this.position = at + 1;
  }

  /** Whether nothing that could be a token follows the space at `at`. */
  protected isBare(at: number): boolean {
    const byte = this.bytes[at + 1];
    return byte === SPACE || byte === NEWLINE || byte === 0;
  }

  #afterSpace(at: number): ExpositionError {
    if (at >= this.length) return new ExpositionError(UNTERMINATED);
    const isLine = this.bytes[at] === NEWLINE;
    return this.unexpected(
      'expected a valid start token',
      isLine ? 'LINEBREAK' : 'INVALID',
      at,
      at + (isLine ? 1 : 0),
    );
  }

  /** End of the token made of a space and at least one other byte at `from`. */
  protected token(from: number, expected: string): number {
    const bytes = this.bytes;
    let at = from + 1;
    if (bytes[from] !== SPACE || this.isBare(from)) {
      const token = bytes[from] === BRACE_OPEN ? 'BOPEN' : 'INVALID';
      throw this.unexpected(
        expected,
        token,
        from,
        bytes[from] === SPACE || token === 'BOPEN' ? from + 1 : from,
      );
    }
    while (bytes[at] !== SPACE && bytes[at] !== NEWLINE && bytes[at] !== 0) {
      if (at++ - from > NUMBER_BYTES_MAX) break;
    }
    return at;
  }

  /** Milliseconds of a timestamp in seconds; one that floats do not have exactly is long ago, as on Prometheus' machines. */
  protected readTimestamp(start: number, end: number, what: string): number {
    const seconds = this.readFloat(start, end);
    if (!Number.isFinite(seconds)) {
      const shown = Number.isNaN(seconds) ? 'NaN' : seconds > 0 ? '+Inf' : '-Inf';
      throw new ExpositionError(`invalid ${what} ${shown}`);
    }
    const ms = Math.trunc(seconds * 1000);
    return Number.isSafeInteger(ms) ? ms : Number.MIN_SAFE_INTEGER;
  }

  protected atExemplar(at: number): boolean {
    const bytes = this.bytes;
    return (
      bytes[at] === SPACE && bytes[at + 1] === HASH && bytes[at + 2] === SPACE && bytes[at + 3] === BRACE_OPEN
    );
  }

  /** Reads the exemplar ` # {labels} value [timestamp]` at `from`; returns the position after its line. */
  #exemplar(from: number): number {
    const labelsEnd = this.readLabels(from + 4, undefined, false);
    const valueEnd = this.token(labelsEnd, 'expected value after exemplar labels');
    this.#exemplarStart = from + 3;
    this.#exemplarEnd = labelsEnd;
    this.#exemplarValue = this.readFloat(labelsEnd + 1, valueEnd);
    this.#exemplarMs = NaN;
    let at = valueEnd;
    if (this.bytes[at] === SPACE) {
      const timestampEnd = this.token(at, 'expected timestamp or comment');
      this.#exemplarMs = this.readTimestamp(at + 1, timestampEnd, 'exemplar timestamp');
      at = timestampEnd;
    }
    if (this.bytes[at] !== NEWLINE) {
      throw this.unexpected('expected next entry after exemplar timestamp', 'INVALID', at, at + 1);
    }
    this.endLine(at);
    return at + 1;
  }

  /** Reads the line at `#`: HELP, TYPE, UNIT or EOF. */
  #meta(start: number): Entry {
    const bytes = this.bytes;
    if (bytes[start + 1] !== SPACE) {
      throw this.unexpected('expected a valid start token', 'INVALID', start, start + 1);
    }
    const word = start + 2;
    let stop = word;
    for (const keyword of KEYWORDS) {
      const matched = matchedLength(bytes, word, keyword.bytes);
      if (matched === keyword.bytes.length) return this.#family(start, word + matched, keyword.kind);
      stop = Math.max(stop, word + matched);
    }
    const matched = matchedLength(bytes, word, EOF_BYTES);
    if (matched < EOF_BYTES.length || word + matched > this.length) {
      throw this.unexpected('expected a valid start token', 'INVALID', start, Math.max(stop, word + matched));
    }
    const after = word + matched < this.length && bytes[word + matched] === NEWLINE ? 1 : 0;
    if (word + matched + after < this.length) throw new ExpositionError('unexpected data after # EOF');
    return Entry.end;
  }

  #family(start: number, nameStart: number, kind: MetaKind): Entry {
    const bytes = this.bytes;
    const quoted = bytes[nameStart] === QUOTE;
    const nameEnd = quoted ? this.skipQuoted(nameStart, true) : this.skipName(nameStart);
    if (nameEnd < 0 || nameEnd === nameStart) {
      const stop = Math.abs(nameEnd);
      throw this.unexpected(`expected metric name after ${META_NAMES[kind]}`, 'INVALID', nameStart, stop);
    }
    const lineEnd = bytes.indexOf(NEWLINE, nameEnd);
    if (bytes[nameEnd] !== SPACE || lineEnd >= this.length) {
      throw new ExpositionError(`expected text in ${META_NAMES[kind]}`);
    }
    this.lineStart = start;
    this.takeMeta(kind, nameStart, nameEnd, lineEnd);
    if (kind === MetaKind.unit) this.takeUnit();
    this.position = lineEnd + 1;
    return Entry.meta;
  }

  protected takeUnit(): void {
    const unit = this.metaText();
    const family = this.metaFamily();
    if (unit !== '' && !family.endsWith(`_${unit}`)) {
      const [shownUnit, shownFamily] = [JSON.stringify(unit), JSON.stringify(family)];
      throw new ExpositionError(`unit ${shownUnit} not a suffix of metric ${shownFamily}`);
    }
    this.unit = unit;
  }

  protected override typeCode(name: string): number | undefined {
    const code = (METRIC_TYPES as readonly string[]).indexOf(name);
    return code < 0 ? undefined : code;
  }

  protected override unescapeHelp(text: string): string {
    return unescapeLabelText(text);
  }
}

function matchedLength(bytes: Uint8Array, at: number, word: Uint8Array): number {
  let i = 0;
  while (i < word.length && bytes[at + i] === word[i]) i++;
  return i;
}
