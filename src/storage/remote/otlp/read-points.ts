import type { ProtoReader } from '../../../core/protobuf/proto-reader.ts';
import { eachField, idText, readAttribute } from './read-attribute.ts';
import type {
  DenseBuckets,
  ExponentialPoint,
  HistogramPoint,
  NumberPoint,
  OtlpExemplar,
  SummaryPoint,
} from './model.ts';

const NO_BUCKETS: DenseBuckets = { offset: 0, counts: [] };

/** Reads the point of a gauge or sum that the reader has come to. */
export function readNumberPoint(reader: ProtoReader): NumberPoint {
  const point = { ...common(), value: 0 };
  eachField(reader, () => {
    if (reader.field === 7) point.attributes.push(readAttribute(reader));
    else if (reader.field === 2) point.startMs = reader.fixedNanos();
    else if (reader.field === 3) point.tMs = reader.fixedNanos();
    else if (reader.field === 4) point.value = reader.double();
    else if (reader.field === 6) point.value = reader.sfixed64();
    else if (reader.field === 5) point.exemplars.push(readExemplar(reader));
    else if (reader.field === 8) point.flags = reader.uint();
    else reader.skip();
  });
  return point;
}

/** Reads the point of a histogram that the reader has come to. */
export function readHistogramPoint(reader: ProtoReader): HistogramPoint {
  const bucketCounts: number[] = [];
  const bounds: number[] = [];
  const point = { ...common(), count: 0, sum: none(), bucketCounts, bounds };
  eachField(reader, () => {
    if (reader.field === 9) point.attributes.push(readAttribute(reader));
    else if (reader.field === 2) point.startMs = reader.fixedNanos();
    else if (reader.field === 3) point.tMs = reader.fixedNanos();
    else if (reader.field === 4) point.count = reader.fixed64();
    else if (reader.field === 5) point.sum = reader.double();
    else if (reader.field === 6) reader.eachFixed64((count) => bucketCounts.push(count));
    else if (reader.field === 7) reader.eachDouble((bound) => bounds.push(bound));
    else if (reader.field === 8) point.exemplars.push(readExemplar(reader));
    else if (reader.field === 10) point.flags = reader.uint();
    else reader.skip();
  });
  return point;
}

/** Reads the point of a exponential histogram that the reader has come to. */
export function readExponentialPoint(reader: ProtoReader): ExponentialPoint {
  const point = {
    ...common(),
    count: 0,
    sum: none(),
    scale: 0,
    zeroCount: 0,
    positive: NO_BUCKETS,
    negative: NO_BUCKETS,
  };
  eachField(reader, () => {
    if (reader.field === 1) point.attributes.push(readAttribute(reader));
    else if (reader.field === 2) point.startMs = reader.fixedNanos();
    else if (reader.field === 3) point.tMs = reader.fixedNanos();
    else if (reader.field === 4) point.count = reader.fixed64();
    else if (reader.field === 5) point.sum = reader.double();
    else if (reader.field === 6) point.scale = reader.sint();
    else if (reader.field === 7) point.zeroCount = reader.fixed64();
    else if (reader.field === 8) point.positive = readBuckets(reader);
    else if (reader.field === 9) point.negative = readBuckets(reader);
    else if (reader.field === 10) point.flags = reader.uint();
    else if (reader.field === 11) point.exemplars.push(readExemplar(reader));
    else reader.skip();
  });
  return point;
}

/** Reads the point of a summary that the reader has come to. */
export function readSummaryPoint(reader: ProtoReader): SummaryPoint {
  const quantiles: { quantile: number; value: number }[] = [];
  const point = { ...common(), count: 0, sum: 0, quantiles };
  eachField(reader, () => {
    if (reader.field === 7) point.attributes.push(readAttribute(reader));
    else if (reader.field === 2) point.startMs = reader.fixedNanos();
    else if (reader.field === 3) point.tMs = reader.fixedNanos();
    else if (reader.field === 4) point.count = reader.fixed64();
    else if (reader.field === 5) point.sum = reader.double();
    else if (reader.field === 6) quantiles.push(readQuantile(reader));
    else if (reader.field === 8) point.flags = reader.uint();
    else reader.skip();
  });
  return point;
}

/** What all points have, before anything is read. */
function common(): {
  attributes: [string, string][];
  startMs: number;
  tMs: number;
  flags: number;
  exemplars: OtlpExemplar[];
} {
  return { attributes: [], startMs: 0, tMs: 0, flags: 0, exemplars: [] };
}

function none(): number | undefined {
  return undefined;
}

function readBuckets(reader: ProtoReader): DenseBuckets {
  const buckets = { offset: 0, counts: new Array<number>() };
  eachField(reader, () => {
    if (reader.field === 1) buckets.offset = reader.sint();
    else if (reader.field === 2) reader.eachUint((count) => buckets.counts.push(count));
    else reader.skip();
  });
  return buckets;
}

function readQuantile(reader: ProtoReader): { quantile: number; value: number } {
  const read = { quantile: 0, value: 0 };
  eachField(reader, () => {
    if (reader.field === 1) read.quantile = reader.double();
    else if (reader.field === 2) read.value = reader.double();
    else reader.skip();
  });
  return read;
}

function readExemplar(reader: ProtoReader): OtlpExemplar {
  const attributes: [string, string][] = [];
  const exemplar = { attributes, tMs: 0, value: none(), traceId: '', spanId: '' };
  eachField(reader, () => {
    if (reader.field === 7) attributes.push(readAttribute(reader));
    else if (reader.field === 2) exemplar.tMs = reader.fixedNanos();
    else if (reader.field === 3) exemplar.value = reader.double();
    else if (reader.field === 6) exemplar.value = reader.sfixed64();
    else if (reader.field === 4) exemplar.spanId = idText(reader.data(), 8);
    else if (reader.field === 5) exemplar.traceId = idText(reader.data(), 16);
    else reader.skip();
  });
  return exemplar;
}
