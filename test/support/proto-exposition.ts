/** A plain encoder of Prometheus' protobuf exposition format, for tests: one message after the other, nothing clever. */

/** Numbers and texts of a message; what is absent is not written. */
export interface ProtoExemplar {
  readonly labels?: Readonly<Record<string, string>>;
  readonly value?: number;
  readonly timestampMs?: number;
}

export interface ProtoBucket {
  readonly bound: number;
  readonly count?: number;
  readonly countFloat?: number;
  readonly exemplar?: ProtoExemplar;
}

export interface ProtoHistogramMessage {
  readonly count?: number;
  readonly countFloat?: number;
  readonly sum?: number;
  readonly buckets?: readonly ProtoBucket[];
  readonly startMs?: number;
  readonly schema?: number;
  readonly zeroThreshold?: number;
  readonly zeroCount?: number;
  readonly zeroCountFloat?: number;
  /** Offset and length in turn. */
  readonly positiveSpans?: readonly number[];
  readonly positiveDeltas?: readonly number[];
  readonly positiveCounts?: readonly number[];
  readonly negativeSpans?: readonly number[];
  readonly negativeDeltas?: readonly number[];
  readonly negativeCounts?: readonly number[];
  readonly exemplars?: readonly ProtoExemplar[];
}

export interface ProtoMetric {
  readonly labels?: Readonly<Record<string, string>>;
  readonly timestampMs?: number;
  readonly gauge?: number;
  readonly counter?: { readonly value: number; readonly exemplar?: ProtoExemplar; readonly startMs?: number };
  readonly untyped?: number;
  readonly summary?: {
    readonly count: number;
    readonly sum: number;
    /** Quantile and value in turn. */
    readonly quantiles: readonly number[];
    readonly startMs?: number;
  };
  readonly histogram?: ProtoHistogramMessage;
}

const TYPES = ['counter', 'gauge', 'summary', 'untyped', 'histogram', 'gaugehistogram'] as const;

export interface ProtoFamily {
  readonly name: string;
  readonly help?: string;
  readonly unit?: string;
  readonly type: (typeof TYPES)[number];
  readonly metrics: readonly ProtoMetric[];
}

/** Media type of the format. */
export const PROTO_CONTENT_TYPE =
  'application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited';

/** The body that a target answers with. */
export function protoBody(...families: readonly ProtoFamily[]): Buffer<ArrayBuffer> {
  return Buffer.concat(
    families.flatMap((family) => {
      const message = familyMessage(family);
      return [varint(BigInt(message.length)), message];
    }),
  );
}

function familyMessage({ name, help, unit, type, metrics }: ProtoFamily): Buffer {
  return Buffer.concat([
    text(1, name),
    help === undefined ? EMPTY : text(2, help),
    number(3, TYPES.indexOf(type)),
    ...metrics.map((metric) => message(4, metricMessage(metric))),
    unit === undefined ? EMPTY : text(5, unit),
  ]);
}

function metricMessage({
  labels = {},
  timestampMs,
  gauge,
  counter,
  untyped,
  summary,
  histogram,
}: ProtoMetric): Buffer {
  return Buffer.concat([
    pairs(1, labels),
    gauge === undefined ? EMPTY : message(2, double(1, gauge)),
    counter === undefined
      ? EMPTY
      : message(
          3,
          Buffer.concat([
            double(1, counter.value),
            exemplars(2, counter.exemplar),
            timestamp(3, counter.startMs),
          ]),
        ),
    summary === undefined
      ? EMPTY
      : message(
          4,
          Buffer.concat([
            number(1, summary.count),
            double(2, summary.sum),
            ...inPairs(summary.quantiles).map(([q, value]) =>
              message(3, Buffer.concat([double(1, q), double(2, value)])),
            ),
            timestamp(4, summary.startMs),
          ]),
        ),
    untyped === undefined ? EMPTY : message(5, double(1, untyped)),
    timestampMs === undefined ? EMPTY : number(6, timestampMs),
    histogram === undefined ? EMPTY : message(7, histogramMessage(histogram)),
  ]);
}

function histogramMessage(h: ProtoHistogramMessage): Buffer {
  const bucket = ({ bound, count, countFloat, exemplar }: ProtoBucket): Buffer =>
    message(
      3,
      Buffer.concat([number(1, count), double(2, bound), exemplars(3, exemplar), double(4, countFloat)]),
    );
  const spans = (field: number, list: readonly number[] = []): Buffer[] =>
    inPairs(list).map(([offset, length]) =>
      message(field, Buffer.concat([signed(1, offset), number(2, length)])),
    );
  const packed = (field: number, values: readonly Buffer[] | undefined): Buffer =>
    values === undefined ? EMPTY : message(field, Buffer.concat(values));
  return Buffer.concat([
    number(1, h.count),
    double(2, h.sum),
    ...(h.buckets ?? []).map(bucket),
    double(4, h.countFloat),
    h.schema === undefined ? EMPTY : signed(5, h.schema),
    double(6, h.zeroThreshold),
    number(7, h.zeroCount),
    double(8, h.zeroCountFloat),
    ...spans(9, h.negativeSpans),
    packed(10, h.negativeDeltas?.map(zigzag)),
    packed(11, h.negativeCounts?.map(float)),
    ...spans(12, h.positiveSpans),
    packed(13, h.positiveDeltas?.map(zigzag)),
    packed(14, h.positiveCounts?.map(float)),
    timestamp(15, h.startMs),
    ...(h.exemplars ?? []).map((exemplar) => exemplars(16, exemplar)),
  ]);
}

function exemplars(field: number, exemplar: ProtoExemplar | undefined): Buffer {
  if (exemplar === undefined) return EMPTY;
  const { labels = {}, value, timestampMs } = exemplar;
  return message(field, Buffer.concat([pairs(1, labels), double(2, value), timestamp(3, timestampMs)]));
}

function timestamp(field: number, ms: number | undefined): Buffer {
  if (ms === undefined) return EMPTY;
  const seconds = Math.floor(ms / 1000);
  return message(field, Buffer.concat([number(1, seconds), number(2, (ms - seconds * 1000) * 1e6)]));
}

function pairs(field: number, labels: Readonly<Record<string, string>>): Buffer {
  return Buffer.concat(
    Object.entries(labels).map(([name, value]) =>
      message(field, Buffer.concat([text(1, name), text(2, value)])),
    ),
  );
}

function inPairs(list: readonly number[]): [number, number][] {
  return Array.from({ length: list.length / 2 }, (_, i) => [list[2 * i]!, list[2 * i + 1]!]);
}

const EMPTY = Buffer.alloc(0);

function varint(value: bigint): Buffer {
  const bytes: number[] = [];
  let left = BigInt.asUintN(64, value);
  for (; left >= 128n; left >>= 7n) bytes.push(Number(left & 127n) | 128);
  return Buffer.from([...bytes, Number(left)]);
}

function zigzag(value: number): Buffer {
  const big = BigInt(value);
  return varint(big >= 0n ? big * 2n : -big * 2n - 1n);
}

function float(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(value);
  return bytes;
}

function tag(field: number, wire: number): Buffer {
  return varint(BigInt(field * 8 + wire));
}

function number(field: number, value: number | undefined): Buffer {
  return value === undefined ? EMPTY : Buffer.concat([tag(field, 0), varint(BigInt(value))]);
}

function signed(field: number, value: number): Buffer {
  return Buffer.concat([tag(field, 0), zigzag(value)]);
}

function double(field: number, value: number | undefined): Buffer {
  return value === undefined ? EMPTY : Buffer.concat([tag(field, 1), float(value)]);
}

/** A message, text or packed list as a field. */
export function message(field: number, bytes: Buffer): Buffer {
  return Buffer.concat([tag(field, 2), varint(BigInt(bytes.length)), bytes]);
}

function text(field: number, value: string): Buffer {
  return message(field, Buffer.from(value));
}
