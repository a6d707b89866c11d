import { isUtf8 } from 'node:buffer';
import { BRACE_OPEN, COMMA, HASH, QUOTE, SPACE, quoteBytes } from './bytes.ts';
import { CompositeReader } from './composite-reader.ts';
import {
  Entry,
  ExpositionError,
  MetaKind,
  TYPE_GAUGE_HISTOGRAM,
  TYPE_HISTOGRAM,
  TYPE_SUMMARY,
  TYPE_UNKNOWN,
} from './entry.ts';
import type { ParsedExemplar, StartSource } from './exposition-parser.ts';
import { MetricEntries } from './metric-entries.ts';
import type { HistogramChoice } from './metric-entries.ts';
import { OpenMetricsParser } from './openmetrics-parser.ts';
import { readSeriesLabels } from './series-labels.ts';
import { FamilyText, unescapeLabelText } from './series-text.ts';
import { walkSeries } from './series-walk.ts';

/** Others get a turn after so many bytes. */
const BYTES_PER_TURN = 1 << 16;
const LOWER_S = 115;
const LOWER_T = 116;
const AT = 64;
/** How the series of counts and sums of gauge histograms are called, as in OpenMetrics 1.0. */
const GAUGE_ENDINGS = { count: '_gcount', sum: '_gsum' };
const SUM_ENDINGS = { count: '_count', sum: '_sum' };
const TYPES_OF_COMPOSITES: ReadonlySet<number> = new Set([
  TYPE_HISTOGRAM,
  TYPE_GAUGE_HISTOGRAM,
  TYPE_SUMMARY,
]);

/**
 * OpenMetrics text 2.0: as 1.0, but a histogram or summary is one sample with a composite value, start timestamps stand
 * behind values (`st@…`), a sample may have several exemplars, which have times, units need not be in names, and a
 * metric has the very name of its family. Composite values become the series of 1.0, and native histograms.
 *
 * @see prometheus/docs docs/specs/om/open_metrics_spec_2_0.md
 */
export class OpenMetrics2Parser extends OpenMetricsParser {
  readonly #entries: MetricEntries;
  readonly #composite: CompositeReader;
  /** Whether the entries of a composite value are being given. */
  #isSpelt = false;
  #startMs = 0;
  /** Position in the body from which on others get a turn. */
  #turnAt = BYTES_PER_TURN;
  /** The present family: where its name lies in the body. */
  #familyStart = 0;
  #familyEnd = 0;
  /** Where labels of exemplars begin and end, value, and time, in turn. */
  readonly #exemplars: number[] = [];

  constructor(body: Uint8Array, length: number, choice: HistogramChoice) {
    super(body, length);
    this.#entries = new MetricEntries(choice);
    this.#composite = new CompositeReader(this.bytes, (start, end) => this.readFloat(start, end));
  }

  override get body(): Uint8Array {
    return this.#isSpelt ? this.#entries.spelt.bytes : this.bytes;
  }

  override hint(bytes: Uint8Array, start: number, length: number): void {
    // Lines about families are read anew each time: the family counts here.
    super.hint(bytes, start, bytes[start] === HASH ? 0 : length);
  }

  override exemplars(): readonly ParsedExemplar[] {
    return this.#isSpelt ? this.#entries.exemplars() : this.#readExemplars();
  }

  override startSource(): StartSource {
    return { isStart: () => false, startMs: () => this.#startMs, keepUp: () => undefined };
  }

  override next(): Entry {
    if (this.#isSpelt) {
      const entry = this.#entries.next(this);
      if (entry !== Entry.end) return entry;
      this.#isSpelt = false;
    }
    if (this.position > this.#turnAt) {
      this.#turnAt = this.position + BYTES_PER_TURN;
      return Entry.pause;
    }
    const entry = super.next();
    if (entry === Entry.meta) this.#noteFamily();
    return entry;
  }

  protected override takeUnit(): void {
    this.unit = this.metaText();
  }

  protected override suffix(from: number): Entry {
    const bytes = this.bytes;
    this.#leaveFamily();
    this.#startMs = 0;
    this.#exemplars.length = 0;
    const isComposite = bytes[from] === SPACE && bytes[from + 1] === BRACE_OPEN;
    let at: number;
    if (isComposite) at = this.#readComposite(from + 1);
    else {
      if (TYPES_OF_COMPOSITES.has(this.metricType)) throw this.#wrong('needs a composite value');
      at = this.token(from, 'expected value after metric');
      this.value = this.readFloat(from + 1, at);
    }
    at = this.#readTimes(at);
    while (this.atExemplar(at)) at = this.#readExemplar(at);
    if (bytes[at] === SPACE) throw this.unexpected('expected next entry', 'INVALID', at, at + 1);
    this.endLine(at);
    return isComposite ? this.#beginComposite() : Entry.series;
  }

  /** Timestamp and start timestamp, as far as they are there; returns the position behind. */
  #readTimes(from: number): number {
    const bytes = this.bytes;
    let at = from;
    this.timestampMs = NaN;
    if (bytes[at] === SPACE && !this.atExemplar(at) && !this.#atStart(at)) {
      const end = this.token(at, 'expected timestamp');
      this.timestampMs = this.readTimestamp(at + 1, end, 'timestamp');
      at = end;
    }
    if (!this.#atStart(at)) return at;
    const end = this.token(at, 'expected start timestamp');
    const startMs = this.readTimestamp(at + 4, end, 'start timestamp');
    this.#startMs = startMs === Number.MIN_SAFE_INTEGER ? 0 : startMs;
    return end;
  }

  #atStart(at: number): boolean {
    const bytes = this.bytes;
    return (
      bytes[at] === SPACE && bytes[at + 1] === LOWER_S && bytes[at + 2] === LOWER_T && bytes[at + 3] === AT
    );
  }

  /** Reads the exemplar ` # {labels} value timestamp` at `from`; returns the position after it. */
  #readExemplar(from: number): number {
    const labelsEnd = this.readLabels(from + 4, undefined, false);
    const valueEnd = this.token(labelsEnd, 'expected value after exemplar labels');
    const value = this.readFloat(labelsEnd + 1, valueEnd);
    const end = this.token(valueEnd, 'expected timestamp of exemplar');
    const timestampMs = this.readTimestamp(valueEnd + 1, end, 'exemplar timestamp');
    this.#exemplars.push(from + 3, labelsEnd, value, timestampMs);
    return end;
  }

  #readExemplars(): ParsedExemplar[] {
    const found: ParsedExemplar[] = [];
    for (let i = 0; i < this.#exemplars.length; i += 4) {
      const [start, end, value, timestampMs] = this.#exemplars.slice(i, i + 4) as [
        number,
        number,
        number,
        number,
      ];
      const labels = readSeriesLabels(this.bytes, start, end, TYPE_UNKNOWN);
      found.push({ labels, value, timestampMs });
    }
    return found;
  }

  /** Takes on the family of the present meta line; what is not said of it is unknown. */
  #noteFamily(): void {
    const { metaNameStart: start, metaNameEnd: end } = this;
    const isSame = end - start === this.#familyEnd - this.#familyStart && this.#isFamilyAt(start);
    if (isSame) return;
    this.#familyStart = start;
    this.#familyEnd = end;
    if (this.metaKind !== MetaKind.type) this.metricType = TYPE_UNKNOWN;
    if (this.metaKind !== MetaKind.unit) this.unit = '';
  }

  /** A sample of another name has no family that anything is known of. */
  #leaveFamily(): void {
    const bytes = this.bytes;
    const isQuoted = bytes[this.seriesStart] === BRACE_OPEN;
    const start = this.seriesStart + (isQuoted ? 2 : 0);
    const after = bytes[start + this.#familyEnd - this.#familyStart];
    const isEnd = isQuoted ? after === QUOTE : after === SPACE || after === BRACE_OPEN;
    if (isEnd && this.#isFamilyAt(start)) return;
    this.metricType = TYPE_UNKNOWN;
    this.unit = '';
  }

  #isFamilyAt(at: number): boolean {
    const bytes = this.bytes;
    const length = this.#familyEnd - this.#familyStart;
    for (let i = 0; i < length; i++) if (bytes[at + i] !== bytes[this.#familyStart + i]) return false;
    return true;
  }

  #readComposite(from: number): number {
    const { metric, choice } = this.#entries;
    metric.clear();
    const end = this.#composite.read(from, metric, choice.native);
    if (typeof end === 'string') throw this.#wrong(end);
    const isSummary = metric.kind === 'summary';
    const wanted = isSummary ? TYPE_SUMMARY : metric.isGauge ? TYPE_GAUGE_HISTOGRAM : TYPE_HISTOGRAM;
    if (this.metricType !== TYPE_UNKNOWN && this.metricType !== wanted)
      throw this.#wrong('has a composite value of another type');
    return end;
  }

  #beginComposite(): Entry {
    const { metric } = this.#entries;
    this.#readSeries();
    metric.timestampMs = this.timestampMs;
    metric.startMs = this.#startMs;
    metric.sumEndings = metric.isGauge ? GAUGE_ENDINGS : SUM_ENDINGS;
    for (const { labels, value, timestampMs } of this.#readExemplars()) {
      const exemplar = { flat: labels.flat, value, timestampMs };
      metric.nativeExemplars.push(exemplar);
      if (metric.kind === 'histogram') metric.bucketExemplars[placeAmong(metric.bounds, value)] = exemplar;
    }
    this.#entries.begin();
    this.#isSpelt = true;
    return this.#entries.next(this);
  }

  /** Name and labels of the present sample. */
  #readSeries(): void {
    const { metric } = this.#entries;
    const source = Buffer.from(
      this.bytes.buffer,
      this.bytes.byteOffset + this.seriesStart,
      this.seriesEnd - this.seriesStart,
    );
    if (!isUtf8(source)) throw this.#wrong('is not UTF-8');
    walkSeries(source, {
      name: (start, end, quoted) => {
        const text = source.toString('utf8', start, end);
        const name = quoted ? unescapeLabelText(text) : text;
        if (metric.family.name !== name) metric.family = new FamilyText(name);
      },
      label: (nameStart, _nameEnd, quoted, _valueStart, valueEnd) => {
        if (metric.labels.length > 0) metric.labels.byte(COMMA);
        metric.labels.raw(source, nameStart - (quoted ? 1 : 0), valueEnd + 1);
      },
    });
  }

  #wrong(what: string): ExpositionError {
    return new ExpositionError(`metric ${quoteBytes(this.bytes, this.seriesStart, this.seriesEnd)} ${what}`);
  }
}

/** Index of the first of rising bounds that is not below a value. */
function placeAmong(bounds: readonly number[], value: number): number {
  let low = 0;
  let high = bounds.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (bounds[middle]! < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
