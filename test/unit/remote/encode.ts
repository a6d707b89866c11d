import { ProtoWriter } from '../../../src/core/protobuf/proto-writer.ts';

/**
 * Writes objects as protocol buffers by tables of fields: plain rather than quick, as the reference for readers and as the
 * maker of requests. Names are those of protobuf's JSON.
 */

type Kind =
  | 'text'
  | 'data'
  | 'hex'
  | 'base64'
  | 'uint'
  | 'int'
  | 'sint'
  | 'bool'
  | 'double'
  | 'fixed64'
  | 'sfixed64'
  | 'uints'
  | 'sints'
  | 'doubles'
  | 'fixed64s';

/** Fields of a message by their names: number, and kind or the message's own table; a list for repeated ones. */
export interface Message {
  readonly [name: string]: readonly [field: number, kind: Kind | (() => Message)];
}

/** The bytes of an object. */
export function encode(message: Message, value: unknown): Uint8Array {
  const out = new ProtoWriter();
  writeFields(out, message, value as Record<string, unknown>);
  return out.bytes.slice();
}

function writeFields(out: ProtoWriter, message: Message, value: Readonly<Record<string, unknown>>): void {
  for (const [name, one] of Object.entries(value)) {
    const found = message[name];
    if (found === undefined) throw new Error(`no field ${name}`);
    const [field, kind] = found;
    if (typeof kind === 'string' && kind.endsWith('s'))
      writePacked(out, field, kind, one as readonly unknown[]);
    else for (const item of Array.isArray(one) ? one : [one]) writeOne(out, field, kind, item);
  }
}

function words(value: bigint): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigInt64(0, BigInt.asIntN(64, value), true);
  return bytes;
}

function varint(value: bigint): number[] {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, value);
  for (; rest >= 128n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  return [...bytes, Number(rest)];
}

function tag(field: number, wire: number): number[] {
  return varint(BigInt(field * 8 + wire));
}

function writeOne(out: ProtoWriter, field: number, kind: Kind | (() => Message), value: unknown): void {
  if (typeof kind === 'function') {
    out.message(field, () => writeFields(out, kind(), value as Record<string, unknown>));
    return;
  }
  switch (kind) {
    case 'text':
      out.text(field, String(value));
      return;
    case 'data':
      out.data(field, value as Uint8Array);
      return;
    case 'hex':
      out.data(field, Uint8Array.fromHex(String(value)));
      return;
    case 'base64':
      out.data(field, Uint8Array.fromBase64(String(value)));
      return;
    case 'bool':
      out.bool(field, value === true);
      return;
    case 'double':
      out.double(field, Number(value));
      return;
    case 'fixed64':
    case 'sfixed64':
      out.raw(Uint8Array.from(tag(field, 1)));
      out.raw(words(BigInt(value as bigint | number | string)));
      return;
    case 'sint':
      out.sint(field, Number(value));
      return;
    case 'uint':
    case 'int':
      out.raw(Uint8Array.from([...tag(field, 0), ...varint(BigInt(value as bigint | number | string))]));
      return;
    case 'uints':
    case 'sints':
    case 'doubles':
    case 'fixed64s':
      writePacked(out, field, kind, value as readonly unknown[]);
  }
}

function writePacked(out: ProtoWriter, field: number, kind: Kind, values: readonly unknown[]): void {
  const bytes: number[] = [];
  for (const value of values) {
    if (kind === 'doubles') bytes.push(...new Uint8Array(Float64Array.of(Number(value)).buffer));
    else {
      const whole = BigInt(value as bigint | number | string);
      if (kind === 'fixed64s') bytes.push(...words(whole));
      else bytes.push(...varint(kind === 'sints' ? (whole << 1n) ^ (whole >> 63n) : whole));
    }
  }
  out.data(field, Uint8Array.from(bytes));
}

const HISTOGRAM: Message = {
  countInt: [1, 'uint'],
  countFloat: [2, 'double'],
  sum: [3, 'double'],
  schema: [4, 'sint'],
  zeroThreshold: [5, 'double'],
  zeroCountInt: [6, 'uint'],
  zeroCountFloat: [7, 'double'],
  negativeSpans: [8, () => SPAN],
  negativeDeltas: [9, 'sints'],
  negativeCounts: [10, 'doubles'],
  positiveSpans: [11, () => SPAN],
  positiveDeltas: [12, 'sints'],
  positiveCounts: [13, 'doubles'],
  resetHint: [14, 'uint'],
  timestamp: [15, 'int'],
  customValues: [16, 'doubles'],
  startTimestamp: [17, 'int'],
};
const SPAN: Message = { offset: [1, 'sint'], length: [2, 'uint'] };
const LABEL: Message = { name: [1, 'text'], value: [2, 'text'], nameBytes: [1, 'data'] };

/** `prometheus.WriteRequest`. */
export const WRITE_REQUEST: Message = {
  timeseries: [
    1,
    () => ({
      labels: [1, () => LABEL],
      samples: [2, () => ({ value: [1, 'double'], timestamp: [2, 'int'] })],
      exemplars: [3, () => ({ labels: [1, () => LABEL], value: [2, 'double'], timestamp: [3, 'int'] })],
      histograms: [4, () => HISTOGRAM],
      moreLabels: [1, () => LABEL],
      unknown: [99, 'text'],
    }),
  ],
  metadata: [
    3,
    () => ({ type: [1, 'uint'], metricFamilyName: [2, 'text'], help: [4, 'text'], unit: [5, 'text'] }),
  ],
};

/** `io.prometheus.write.v2.Request`. */
export const WRITE_REQUEST_V2: Message = {
  symbols: [4, 'text'],
  timeseries: [
    5,
    () => ({
      labelsRefs: [1, 'uints'],
      samples: [2, () => ({ value: [1, 'double'], timestamp: [2, 'int'], startTimestamp: [3, 'int'] })],
      histograms: [3, () => HISTOGRAM],
      exemplars: [4, () => ({ labelsRefs: [1, 'uints'], value: [2, 'double'], timestamp: [3, 'int'] })],
      metadata: [5, () => ({ type: [1, 'uint'], helpRef: [3, 'uint'], unitRef: [4, 'uint'] })],
    }),
  ],
};

const ANY: Message = {
  stringValue: [1, 'text'],
  boolValue: [2, 'bool'],
  intValue: [3, 'int'],
  doubleValue: [4, 'double'],
  arrayValue: [5, () => ({ values: [1, () => ANY] })],
  kvlistValue: [6, () => ({ values: [1, () => PAIR] })],
  bytesValue: [7, 'base64'],
};
const PAIR: Message = { key: [1, 'text'], value: [2, () => ANY] };
const EXEMPLAR: Message = {
  filteredAttributes: [7, () => PAIR],
  timeUnixNano: [2, 'fixed64'],
  asDouble: [3, 'double'],
  asInt: [6, 'sfixed64'],
  spanId: [4, 'hex'],
  traceId: [5, 'hex'],
};
const TIMES: Message = { startTimeUnixNano: [2, 'fixed64'], timeUnixNano: [3, 'fixed64'] };
const NUMBER: Message = {
  ...TIMES,
  attributes: [7, () => PAIR],
  asDouble: [4, 'double'],
  asInt: [6, 'sfixed64'],
  exemplars: [5, () => EXEMPLAR],
  flags: [8, 'uint'],
};
const EXPLICIT: Message = {
  ...TIMES,
  attributes: [9, () => PAIR],
  count: [4, 'fixed64'],
  sum: [5, 'double'],
  bucketCounts: [6, 'fixed64s'],
  explicitBounds: [7, 'doubles'],
  exemplars: [8, () => EXEMPLAR],
  flags: [10, 'uint'],
  min: [11, 'double'],
  max: [12, 'double'],
};
const BUCKETS: Message = { offset: [1, 'sint'], bucketCounts: [2, 'uints'] };
const EXPONENTIAL: Message = {
  ...TIMES,
  attributes: [1, () => PAIR],
  count: [4, 'fixed64'],
  sum: [5, 'double'],
  scale: [6, 'sint'],
  zeroCount: [7, 'fixed64'],
  positive: [8, () => BUCKETS],
  negative: [9, () => BUCKETS],
  flags: [10, 'uint'],
  exemplars: [11, () => EXEMPLAR],
};
const SUMMARY: Message = {
  ...TIMES,
  attributes: [7, () => PAIR],
  count: [4, 'fixed64'],
  sum: [5, 'double'],
  quantileValues: [6, () => ({ quantile: [1, 'double'], value: [2, 'double'] })],
  flags: [8, 'uint'],
};

function data(point: Message): Message {
  return { dataPoints: [1, () => point], aggregationTemporality: [2, 'uint'], isMonotonic: [3, 'bool'] };
}

/** `ExportMetricsServiceRequest`. */
export const OTLP_REQUEST: Message = {
  resourceMetrics: [
    1,
    () => ({
      resource: [1, () => ({ attributes: [1, () => PAIR] })],
      scopeMetrics: [
        2,
        () => ({
          scope: [1, () => ({ name: [1, 'text'], version: [2, 'text'], attributes: [3, () => PAIR] })],
          metrics: [
            2,
            () => ({
              name: [1, 'text'],
              description: [2, 'text'],
              unit: [3, 'text'],
              gauge: [5, () => data(NUMBER)],
              sum: [7, () => data(NUMBER)],
              histogram: [9, () => data(EXPLICIT)],
              exponentialHistogram: [10, () => data(EXPONENTIAL)],
              summary: [11, () => data(SUMMARY)],
            }),
          ],
          schemaUrl: [3, 'text'],
        }),
      ],
    }),
  ],
};
