import { CounterResetHint } from '../../core/histogram/float-histogram.ts';
import { HASH } from './bytes.ts';
import { ClassicHistogram } from './classic-histogram.ts';
import { ClassicSeries, ClassicPart } from './classic-series.ts';
import { Entry, MetaKind, TYPE_HISTOGRAM } from './entry.ts';
import { ExpositionParser } from './exposition-parser.ts';
import type { ParsedExemplar, StartSource } from './exposition-parser.ts';
import { SeriesText } from './series-text.ts';

/** Others get a turn after so many lines that became parts of histograms. */
const LINES_PER_TURN = 128;

/**
 * Puts native histograms with custom buckets in the place of the classic ones that another parser finds, or behind them.
 * Series of a classic histogram follow each other and are about the family that the last TYPE line named; what
 * contradicts itself is left out without a word, as Prometheus does.
 *
 * @see prometheus model/textparse/nhcbparse.go
 */
export class NhcbParser extends ExpositionParser {
  readonly #inner: ExpositionParser;
  /** Whether the classic series are given too. */
  readonly #keepsClassic: boolean;
  #innerStarts: StartSource | undefined;
  /** Name of the family that the last TYPE line was for. */
  #family: Uint8Array = new Uint8Array(0);
  readonly #series = new ClassicSeries();

  readonly #classic = new ClassicHistogram();
  #isCollecting = false;
  /** Of the histogram that is being collected. */
  #collectedKey = 0;
  #collectedUnit = '';
  #collectedMs = NaN;
  #collectedStartMs = 0;
  #collectedExemplars: ParsedExemplar[] = [];
  readonly #collectedText = new SeriesText();

  /** An entry of the inner parser that is given after the histogram. */
  #held: Entry | undefined;
  /** Whether the present entry is a histogram made here. */
  #isMade = false;

  constructor(inner: ExpositionParser, keepsClassic: boolean) {
    super(new Uint8Array(1), 0);
    this.#inner = inner;
    this.#keepsClassic = keepsClassic;
  }

  override get body(): Uint8Array {
    return this.#isMade ? this.#collectedText.bytes : this.#inner.body;
  }

  override hint(bytes: Uint8Array, start: number, length: number): void {
    super.hint(bytes, start, length);
    // Lines about families are read anew each time: their types count here.
    if (this.#held === undefined && bytes[start] !== HASH) this.#inner.hint(bytes, start, length);
  }

  override metaFamily(): string {
    return this.#inner.metaFamily();
  }

  override metaText(): string {
    return this.#inner.metaText();
  }

  override exemplars(): readonly ParsedExemplar[] {
    if (!this.#isMade) return this.#inner.exemplars();
    return this.#collectedExemplars.filter(({ timestampMs }) => !Number.isNaN(timestampMs));
  }

  override startSource(): StartSource | undefined {
    const starts = this.#inner.startSource();
    this.#innerStarts = starts;
    if (starts === undefined) return undefined;
    return {
      isStart: () => false,
      startMs: () => (this.#isMade ? this.#collectedStartMs : starts.startMs()),
      keepUp: () => {
        starts.keepUp();
      },
    };
  }

  next(): Entry {
    this.#isMade = false;
    const held = this.#held;
    this.#held = undefined;
    let entry = held ?? this.#inner.next();
    for (let left = LINES_PER_TURN; left > 0; left--) {
      const given = this.#pass(entry);
      if (given !== undefined) return given;
      entry = this.#inner.next();
    }
    this.#held = entry;
    return Entry.pause;
  }

  protected override unescapeHelp(text: string): string {
    return text;
  }

  protected override typeCode(): undefined {
    return undefined;
  }

  /** What becomes of an entry of the inner parser; undefined when nothing is given for it. */
  #pass(entry: Entry): Entry | undefined {
    const inner = this.#inner;
    if (entry === Entry.pause) return entry;
    if (entry !== Entry.series) {
      if (this.#isCollecting && this.#make()) return this.#hold(entry);
      if (entry === Entry.meta && inner.metaKind === MetaKind.type)
        this.#family = Buffer.from(inner.metaFamily());
      this.#show(entry);
      return entry;
    }
    if (this.#innerStarts?.isStart() === true) return undefined;
    if (inner.metricType !== TYPE_HISTOGRAM) {
      if (this.#isCollecting && this.#make()) return this.#hold(entry);
      this.#show(entry);
      return entry;
    }
    const series = this.#series;
    series.read(inner.body, inner.seriesStart, inner.seriesEnd, this.#family);
    if (this.#isCollecting && series.key !== this.#collectedKey && this.#make()) return this.#hold(entry);
    const isTaken = series.part !== ClassicPart.none;
    if (isTaken) this.#collect();
    if (isTaken && !this.#keepsClassic) return undefined;
    this.#show(entry);
    return entry;
  }

  #hold(entry: Entry): Entry {
    this.#held = entry;
    return Entry.histogram;
  }

  #collect(): void {
    const inner = this.#inner;
    const series = this.#series;
    if (!this.#isCollecting) {
      this.#isCollecting = true;
      this.#classic.clear();
      this.#collectedKey = series.key;
      this.#collectedUnit = inner.unit;
      this.#collectedExemplars = [];
      this.#collectedStartMs = this.#innerStarts?.startMs() ?? 0;
      series.writeBase(this.#collectedText);
    }
    this.#collectedMs = inner.timestampMs;
    const exemplars = inner.exemplars();
    if (exemplars.length > 0) this.#collectedExemplars.push(...exemplars);
    if (series.part === ClassicPart.bucket) this.#classic.addBucket(series.bound, inner.value);
    else if (series.part === ClassicPart.count) this.#classic.setCount(inner.value);
    else this.#classic.setSum(inner.value);
  }

  /** Makes the histogram that was collected the present entry; false when it contradicts itself. */
  #make(): boolean {
    this.#isCollecting = false;
    const converted = this.#classic.convert(CounterResetHint.unknown);
    if (typeof converted === 'string') return false;
    this.#isMade = true;
    this.histogram = converted.histogram;
    this.isWhole = converted.isWhole;
    this.seriesStart = 0;
    this.seriesEnd = this.#collectedText.length;
    this.timestampMs = this.#collectedMs;
    this.metricType = TYPE_HISTOGRAM;
    this.unit = this.#collectedUnit;
    this.hinted = this.isHint(this.#collectedText.bytes, 0, this.#collectedText.length);
    return true;
  }

  /** Makes the inner parser's entry the present one. */
  #show(entry: Entry): void {
    const inner = this.#inner;
    this.metricType = inner.metricType;
    this.unit = inner.unit;
    if (entry === Entry.meta) {
      this.hinted = this.isHint(inner.body, inner.lineStart, inner.lineEnd);
      this.metaKind = inner.metaKind;
      this.lineStart = inner.lineStart;
      this.lineEnd = inner.lineEnd;
    } else if (entry === Entry.series || entry === Entry.histogram) {
      this.seriesStart = inner.seriesStart;
      this.seriesEnd = inner.seriesEnd;
      this.value = inner.value;
      this.histogram = inner.histogram;
      this.isWhole = inner.isWhole;
      this.timestampMs = inner.timestampMs;
      this.hinted = this.isHint(inner.body, inner.seriesStart, inner.seriesEnd);
    }
  }
}
