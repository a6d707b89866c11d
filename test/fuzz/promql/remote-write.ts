import type { FloatHistogram } from '../../../src/core/histogram/float-histogram.ts';
import type { FuzzSample, FuzzSeries } from './data.ts';

/**
 * Requests of Prometheus' remote write 1.0, which is the one door through which any sample gets into any Prometheus:
 * stale markers and native histograms too.
 *
 * @see prometheus prompb/remote.proto, prompb/types.proto
 */

/** Samples per request are those of this much time, as the receiver takes no sample older than an hour. */
const SLICE_MS = 10 * 60_000;

/** Writes the data to the receiver of a Prometheus at `address`, oldest first. */
export async function remoteWrite(address: string, data: readonly FuzzSeries[]): Promise<void> {
  const last = data.reduce((most, { samples }) => Math.max(most, samples.at(-1)?.tMs ?? 0), 0);
  const first = data.reduce((least, { samples }) => Math.min(least, samples[0]?.tMs ?? Infinity), Infinity);
  for (let fromMs = Math.floor(first / SLICE_MS) * SLICE_MS; fromMs <= last; fromMs += SLICE_MS) {
    for (const part of ofOneKind(data, fromMs, fromMs + SLICE_MS)) await post(address, encodeRequest(part));
  }
}

async function post(address: string, request: Uint8Array): Promise<void> {
  const response = await fetch(`${address}/api/v1/write`, {
    method: 'POST',
    headers: {
      'Content-Type': 'application/x-protobuf',
      'Content-Encoding': 'snappy',
      'X-Prometheus-Remote-Write-Version': '0.1.0',
    },
    body: snappyLiteral(request),
  });
  if (!response.ok) throw new Error(`remote write: ${response.status} ${await response.text()}`);
}

/**
 * The samples of a stretch of time in as many parts as are needed for each to have either floats or histograms of a
 * series: within a request the receiver takes all floats first, and loses what is older than the last of them.
 */
function* ofOneKind(data: readonly FuzzSeries[], fromMs: number, toMs: number): Generator<FuzzSeries[]> {
  const runs = data.map(({ labels, samples }) => {
    const inside = samples.filter(({ tMs }) => tMs >= fromMs && tMs < toMs);
    const kinds: FuzzSample[][] = [];
    inside.forEach((sample, i) => {
      const before = inside[i - 1];
      const same =
        before !== undefined && (before.histogram === undefined) === (sample.histogram === undefined);
      if (same) kinds.at(-1)!.push(sample);
      else kinds.push([sample]);
    });
    return { labels, kinds };
  });
  for (let i = 0; ; i++) {
    const part = runs.flatMap(({ labels, kinds }) =>
      i < kinds.length ? [{ labels, samples: kinds[i]! }] : [],
    );
    if (part.length === 0) return;
    yield part;
  }
}

/** Wire format of protocol buffers, as much as is needed. */
class Message {
  readonly #bytes: number[] = [];

  varint(value: bigint): this {
    let rest = BigInt.asUintN(64, value);
    while (rest >= 0x80n) {
      this.#bytes.push(Number(rest & 0x7fn) | 0x80);
      rest >>= 7n;
    }
    this.#bytes.push(Number(rest));
    return this;
  }

  integer(field: number, value: number): this {
    return this.varint(BigInt(field << 3)).varint(BigInt(value));
  }

  zigzag(field: number, value: number): this {
    const wide = BigInt(value);
    return this.varint(BigInt(field << 3)).varint((wide << 1n) ^ (wide >> 63n));
  }

  double(field: number, bits: bigint): this {
    this.varint(BigInt((field << 3) | 1));
    for (let shift = 0n; shift < 64n; shift += 8n) this.#bytes.push(Number((bits >> shift) & 0xffn));
    return this;
  }

  bytes(field: number, value: Uint8Array | readonly number[]): this {
    this.varint(BigInt((field << 3) | 2)).varint(BigInt(value.length));
    for (const byte of value) this.#bytes.push(byte);
    return this;
  }

  message(field: number, value: Message): this {
    return this.bytes(field, value.#bytes);
  }

  finish(): Uint8Array {
    return Uint8Array.from(this.#bytes);
  }
}

const STALE_BITS = 0x7ff0000000000002n;
const encoder = new TextEncoder();

function bitsOf(value: number): bigint {
  return new BigUint64Array(new Float64Array([value]).buffer)[0]!;
}

function encodeRequest(data: readonly FuzzSeries[]): Uint8Array {
  const request = new Message();
  for (const { labels, samples } of data) {
    const series = new Message();
    for (const [name, value] of labels) {
      series.message(1, new Message().bytes(1, encoder.encode(name)).bytes(2, encoder.encode(value)));
    }
    for (const { tMs, value, stale, histogram } of samples) {
      if (histogram !== undefined) series.message(4, encodeHistogram(histogram, tMs));
      else series.message(2, new Message().double(1, stale ? STALE_BITS : bitsOf(value)).integer(2, tMs));
    }
    request.message(1, series);
  }
  return request.finish();
}

function encodeHistogram(histogram: FloatHistogram, tMs: number): Message {
  const message = new Message()
    .double(2, bitsOf(histogram.count))
    .double(3, bitsOf(histogram.sum))
    .zigzag(4, histogram.schema)
    .double(5, bitsOf(histogram.zeroThreshold))
    .double(7, bitsOf(histogram.zeroCount));
  spans(message, 8, histogram.negativeSpans);
  doubles(message, 10, histogram.negativeBuckets);
  spans(message, 11, histogram.positiveSpans);
  doubles(message, 13, histogram.positiveBuckets);
  message.integer(14, histogram.counterResetHint).integer(15, tMs);
  doubles(message, 16, histogram.customValues);
  return message;
}

function spans(message: Message, field: number, runs: Int32Array): void {
  for (let i = 0; i < runs.length; i += 2) {
    message.message(field, new Message().zigzag(1, runs[i]!).integer(2, runs[i + 1]!));
  }
}

function doubles(message: Message, field: number, values: Float64Array): void {
  if (values.length === 0) return;
  message.bytes(field, new Uint8Array(Float64Array.from(values).buffer));
}

/** Snappy's block format without compressing: the length, then literals. */
function snappyLiteral(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const head = new Message().varint(BigInt(bytes.length)).finish();
  const parts: Uint8Array[] = [head];
  for (let at = 0; at < bytes.length; at += 65_536) {
    const piece = bytes.subarray(at, at + 65_536);
    const length = piece.length - 1;
    parts.push(Uint8Array.of(61 << 2, length & 0xff, length >> 8), piece);
  }
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
