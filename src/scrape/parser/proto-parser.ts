import { isUtf8 } from 'node:buffer';
import { TocsinError } from '../../core/errors.ts';
import { isValidMetricName } from '../../core/labels.ts';
import { METRIC_TYPES } from '../../core/metric-types.ts';
import { ProtoReader } from '../../core/protobuf/proto-reader.ts';
import { quoteText } from './bytes.ts';
import {
  Entry,
  ExpositionError,
  MetaKind,
  TYPE_COUNTER,
  TYPE_GAUGE,
  TYPE_GAUGE_HISTOGRAM,
  TYPE_HISTOGRAM,
  TYPE_SUMMARY,
  TYPE_UNKNOWN,
} from './entry.ts';
import { ExpositionParser } from './exposition-parser.ts';
import type { ParsedExemplar, StartSource } from './exposition-parser.ts';
import { MetricEntries } from './metric-entries.ts';
import type { HistogramChoice, Metric } from './metric-entries.ts';
import { ProtoHistogram, readExemplar, readTimestampMs } from './proto-histogram.ts';
import { FamilyText, writeLabel } from './series-text.ts';

/** Type codes by the numbers of the enum `MetricType`. */
const TYPES: readonly number[] = [
  TYPE_COUNTER,
  TYPE_GAUGE,
  TYPE_SUMMARY,
  TYPE_UNKNOWN,
  TYPE_HISTOGRAM,
  TYPE_GAUGE_HISTOGRAM,
];
/** Bytes of one metric above which a scrape fails: nobody has such, and it bounds the work of a step. */
const METRIC_BYTES_MAX = 1 << 20;
/** Others get a turn after so many bytes of metrics. */
const BYTES_PER_TURN = 1 << 16;
/** Bytes of a help text that are kept. */
const HELP_BYTES_MAX = 1 << 16;
/** Fields of a family that are looked at before others get a turn. */
const FIELDS_PER_TURN = 1 << 16;
const NO_BYTES = new Uint8Array(0);
const META_WORDS = ['# HELP ', '# TYPE ', '# UNIT '] as const;

/** What the parser does next. */
const State = { family: 0, head: 1, help: 2, unit: 3, type: 4, metric: 5, entries: 6 } as const;
type State = (typeof State)[keyof typeof State];

/**
 * Prometheus' protobuf format: messages `io.prometheus.client.MetricFamily`, each behind its length. Gives the entries
 * that a text of the same metrics would, and native histograms besides. Series come spelt as text.
 *
 * @see prometheus model/textparse/protobufparse.go, prompb/io/prometheus/client/metrics.proto
 */
export class ProtoParser extends ExpositionParser {
  readonly #entries: MetricEntries;
  readonly #metric: Metric;
  readonly #body: Uint8Array;
  readonly #bodyLength: number;
  /** Over the fields of the present family. */
  readonly #family: ProtoReader;
  /** Over those of a metric. */
  readonly #reader: ProtoReader;
  readonly #histogram = new ProtoHistogram();
  #state: State = State.family;
  #familyFrom = 0;
  #familyTo = 0;
  #name: Uint8Array = NO_BYTES;
  #help: Uint8Array = NO_BYTES;
  #unit: Uint8Array = NO_BYTES;
  #type = 0;
  #hasMetrics = false;
  /** Bytes of metrics until others get a turn. */
  #bytesLeft = BYTES_PER_TURN;
  #text = '';

  constructor(body: Uint8Array, length: number, choice: HistogramChoice) {
    super(new Uint8Array(1), 0);
    this.#entries = new MetricEntries(choice);
    this.#metric = this.#entries.metric;
    this.#body = body;
    this.#bodyLength = length;
    this.#family = new ProtoReader(body);
    this.#reader = new ProtoReader(body);
  }

  override get body(): Uint8Array {
    return this.#entries.spelt.bytes;
  }

  override exemplars(): readonly ParsedExemplar[] {
    return this.#entries.exemplars();
  }

  override startSource(): StartSource {
    return { isStart: () => false, startMs: () => this.#metric.startMs, keepUp: () => undefined };
  }

  override metaFamily(): string {
    return this.#metric.family.name;
  }

  override metaText(): string {
    return this.metaKind === MetaKind.type ? METRIC_TYPES[this.metricType]! : this.#text;
  }

  next(): Entry {
    this.hinted = false;
    try {
      return this.#next();
    } catch (error) {
      if (error instanceof ExpositionError || !(error instanceof TocsinError)) throw error;
      throw new ExpositionError(`metric family ${this.#shownName()} in protobuf format: ${error.message}`);
    }
  }

  protected override unescapeHelp(text: string): string {
    return text;
  }

  protected override typeCode(): undefined {
    return undefined;
  }

  #next(): Entry {
    for (;;) {
      switch (this.#state) {
        case State.family:
          if (this.#familyTo >= this.#bodyLength) return Entry.end;
          this.#beginFamily();
          break;
        case State.head:
          if (!this.#readHead()) return Entry.pause;
          break;
        case State.help:
          this.#state = this.#unit.length > 0 ? State.unit : State.type;
          return this.#meta(MetaKind.help, this.#help.subarray(0, HELP_BYTES_MAX));
        case State.unit:
          this.#state = State.type;
          return this.#meta(MetaKind.unit, this.#unit);
        case State.type:
          this.#state = State.metric;
          return this.#meta(MetaKind.type, NO_BYTES);
        case State.metric:
          if (this.#bytesLeft < 0) {
            this.#bytesLeft = BYTES_PER_TURN;
            return Entry.pause;
          }
          this.#readMetric();
          break;
        case State.entries: {
          const entry = this.#entries.next(this);
          if (entry !== Entry.end) return entry;
          this.#state = State.metric;
        }
      }
    }
  }

  #beginFamily(): void {
    const reader = this.#family;
    this.#name = NO_BYTES;
    this.#help = NO_BYTES;
    this.#unit = NO_BYTES;
    this.#type = 0;
    this.#hasMetrics = false;
    reader.reset(this.#body, this.#familyTo, this.#bodyLength);
    const length = reader.packedUint();
    const left = this.#bodyLength - reader.at;
    if (length > left) {
      throw new ExpositionError(
        `a message in protobuf format is cut off: it should have ${length} bytes, there are ${left}`,
      );
    }
    this.#familyFrom = reader.at;
    this.#familyTo = reader.at + length;
    reader.reset(this.#body, this.#familyFrom, this.#familyTo);
    this.#state = State.head;
  }

  /** Reads what a family says of itself, which may stand behind its metrics. False when others are to have a turn first. */
  #readHead(): boolean {
    const reader = this.#family;
    for (let left = FIELDS_PER_TURN; left > 0; left--) {
      if (!reader.next()) {
        this.#endHead();
        return true;
      }
      if (reader.field === 1) this.#name = reader.data();
      else if (reader.field === 2) this.#help = reader.data();
      else if (reader.field === 3) this.#type = reader.int();
      else if (reader.field === 4) {
        this.#hasMetrics = true;
        reader.leave(reader.enter());
      } else if (reader.field === 5) this.#unit = reader.data();
      else reader.skip();
    }
    return false;
  }

  #endHead(): void {
    if (!this.#hasMetrics) {
      this.#state = State.family;
      return;
    }
    const name = Buffer.from(this.#name).toString('utf8');
    if (!isUtf8(this.#name) || !isValidMetricName(name))
      throw new ExpositionError(`invalid metric name: ${name}`);
    for (const [what, bytes] of [
      ['help', this.#help],
      ['unit', this.#unit],
    ] as const) {
      if (!isUtf8(bytes)) throw new ExpositionError(`invalid ${what} for metric ${quoteText(name)}`);
    }
    if (TYPES[this.#type] === undefined)
      throw new ExpositionError(`unknown metric type for metric ${quoteText(name)}: ${this.#type}`);
    this.#metric.clear();
    this.#metric.family = new FamilyText(name);
    this.#metric.kind = kindOf(this.#type);
    this.#metric.isGauge = TYPES[this.#type] === TYPE_GAUGE_HISTOGRAM;
    this.metricType = TYPE_UNKNOWN;
    this.unit = '';
    this.#family.reset(this.#body, this.#familyFrom, this.#familyTo);
    this.#state = State.help;
  }

  #meta(kind: MetaKind, text: Uint8Array): Entry {
    const { spelt } = this.#entries;
    this.metaKind = kind;
    if (kind === MetaKind.type) this.metricType = TYPES[this.#type]!;
    spelt.clear();
    spelt.ascii(META_WORDS[kind]);
    spelt.quoted(this.#name, 0, this.#name.length);
    spelt.ascii(' ');
    if (kind === MetaKind.type) spelt.ascii(METRIC_TYPES[this.metricType]!);
    else spelt.raw(text);
    this.lineStart = 0;
    this.lineEnd = spelt.length;
    this.hinted = this.isHint(spelt.bytes, 0, spelt.length);
    this.#text = this.hinted ? '' : Buffer.from(text).toString('utf8');
    if (kind === MetaKind.unit) this.unit = this.hinted ? this.unit : this.#text;
    return Entry.meta;
  }

  /** Goes to the next metric of the family, or to the next family. */
  #readMetric(): void {
    const from = this.#family.findMessage(4);
    if (from < 0) {
      this.#state = State.family;
      return;
    }
    const to = this.#family.at;
    this.#bytesLeft -= to - from;
    if (to - from > METRIC_BYTES_MAX) {
      throw new ExpositionError(
        `metric ${this.#shownName()}: a message of ${to - from} bytes, more than ${METRIC_BYTES_MAX}`,
      );
    }
    const metric = this.#metric;
    const isHistogram = metric.kind === 'histogram';
    metric.clear();
    if (isHistogram) this.#histogram.clear();
    this.#reader.reset(this.#body, from, to);
    this.#readFields();
    if (isHistogram) this.#histogram.finish(metric, this.#entries.choice);
    this.#entries.begin();
    this.#state = State.entries;
  }

  /** Fields of a metric: only those of the family's type mean anything. */
  #readFields(): void {
    const reader = this.#reader;
    while (reader.next()) {
      const { field } = reader;
      if (field === 1) this.#readLabel();
      else if (field === 6) {
        const timestampMs = reader.int();
        this.#metric.timestampMs = timestampMs === 0 ? NaN : timestampMs;
      } else if (field === 7 && this.#metric.kind === 'histogram') this.#histogram.read(reader, this.#metric);
      else if (field === 2 || field === 3 || field === 5) this.#readNumber(FIELD_TYPES[field]);
      else if (field === 4 && this.#metric.kind === 'summary') this.#readSummary();
      else reader.skip();
    }
  }

  #readLabel(): void {
    const reader = this.#reader;
    const body = this.#body;
    let nameFrom = 0;
    let nameTo = 0;
    let valueFrom = 0;
    let valueTo = 0;
    const outer = reader.enter();
    while (reader.next()) {
      if (reader.field === 1) {
        nameFrom = reader.passData();
        nameTo = reader.at;
      } else if (reader.field === 2) {
        valueFrom = reader.passData();
        valueTo = reader.at;
      } else reader.skip();
    }
    reader.leave(outer);
    if (nameFrom === nameTo || !isText(body, nameFrom, nameTo)) {
      const shown = textOf(body.subarray(nameFrom, nameTo));
      throw new ExpositionError(`metric ${this.#shownName()}: invalid label name: ${shown}`);
    }
    if (!isText(body, valueFrom, valueTo)) {
      const shown = textOf(body.subarray(valueFrom, valueTo));
      throw new ExpositionError(`metric ${this.#shownName()}: invalid label value: ${shown}`);
    }
    writeLabel(this.#metric.labels, body, nameFrom, nameTo, valueFrom, valueTo);
  }

  /** A gauge, a counter, or something untyped. */
  #readNumber(type: number): void {
    const reader = this.#reader;
    const metric = this.#metric;
    if (type !== this.metricType) {
      reader.skip();
      return;
    }
    const outer = reader.enter();
    while (reader.next()) {
      if (reader.field === 1) metric.value = reader.double();
      else if (type === TYPE_COUNTER && reader.field === 2) metric.exemplar = readExemplar(reader);
      else if (type === TYPE_COUNTER && reader.field === 3) metric.startMs = readTimestampMs(reader);
      else reader.skip();
    }
    reader.leave(outer);
  }

  #readSummary(): void {
    const reader = this.#reader;
    const metric = this.#metric;
    const outer = reader.enter();
    while (reader.next()) {
      if (reader.field === 1) metric.count = reader.uint();
      else if (reader.field === 2) metric.sum = reader.double();
      else if (reader.field === 3) this.#readQuantile();
      else if (reader.field === 4) metric.startMs = readTimestampMs(reader);
      else reader.skip();
    }
    reader.leave(outer);
  }

  #readQuantile(): void {
    const reader = this.#reader;
    let quantile = 0;
    let value = 0;
    const outer = reader.enter();
    while (reader.next()) {
      if (reader.field === 1) quantile = reader.double();
      else if (reader.field === 2) value = reader.double();
      else reader.skip();
    }
    reader.leave(outer);
    this.#metric.bounds.push(quantile);
    this.#metric.values.push(value);
  }

  /** The name of the present family for messages. */
  #shownName(): string {
    return textOf(this.#name);
  }
}

/** The type that a family has whose metrics have the field. */
const FIELD_TYPES = { 2: TYPE_GAUGE, 3: TYPE_COUNTER, 5: TYPE_UNKNOWN } as const;

function kindOf(type: number): 'float' | 'summary' | 'histogram' {
  const code = TYPES[type];
  if (code === TYPE_SUMMARY) return 'summary';
  return code === TYPE_HISTOGRAM || code === TYPE_GAUGE_HISTOGRAM ? 'histogram' : 'float';
}

/** Whether bytes are UTF-8; most are ASCII. */
function isText(bytes: Uint8Array, from: number, to: number): boolean {
  for (let i = from; i < to; i++) if (bytes[i]! >= 0x80) return isUtf8(bytes.subarray(from, to));
  return true;
}

/** Bytes in quotes, at most 64 of them. */
function textOf(bytes: Uint8Array): string {
  return quoteText(Buffer.from(bytes.subarray(0, 64)).toString('utf8'));
}
