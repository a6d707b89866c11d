import { TocsinError } from '../../../core/errors.ts';
import { maxSnappyBytes, snappyCompressInto } from '../../../core/compression/snappy.ts';
import { ProtoWriter } from '../../../core/protobuf/proto-writer.ts';
import type { SampleBuffer } from '../../seam.ts';
import { HIGH, LOW } from '../../tsdb/chunk/words.ts';
import { writeHistogram } from '../proto/write-histogram.ts';

/** Plain bytes that are compressed at a time. */
const PIECE_BYTES = 64 * 1024;
/** First byte of the field `results` of a ReadResponse. */
const RESULTS_TAG = 0x0a;
const MAX_PLAIN_BYTES = 0xffff_ffff;

interface QueryPart {
  plainBytes: number;
  readonly pieces: Uint8Array<ArrayBuffer>[];
}

/**
 * Builds a `prometheus.ReadResponse`, snappy over protocol buffers, of which only the compressed form is held: what is
 * compressed comes before its length is known, and is put together at the end.
 *
 * @see prometheus prompb/remote.proto, storage/remote/codec.go EncodeReadResponse
 */
export class SamplesResponseWriter {
  readonly #out = new ProtoWriter();
  readonly #queries: QueryPart[] = [];
  readonly #compressed = new Uint8Array(maxSnappyBytes(4 * PIECE_BYTES));

  /** Begins the result of the next query. */
  beginQuery(): void {
    this.#flush();
    this.#queries.push({ plainBytes: 0, pieces: [] });
  }

  /** Adds a series to it: names and values of its labels in turn, and samples, which may be none. */
  addSeries(flat: readonly string[], samples: SampleBuffer): void {
    const out = this.#out;
    out.message(1, () => {
      for (let i = 0; i < flat.length; i += 2) {
        out.message(1, () => {
          out.text(1, flat[i]!);
          out.text(2, flat[i + 1]!);
        });
      }
      writeSamples(out, samples);
    });
    if (out.length >= PIECE_BYTES) this.#flush();
  }

  /** The whole message in pieces. Throws TOCSIN_ERR_STORAGE when it is too large for the format. */
  end(): Uint8Array<ArrayBuffer>[] {
    this.#flush();
    const heads = this.#queries.map(({ plainBytes }) => [RESULTS_TAG, ...uvarint(plainBytes)]);
    const plainBytes = this.#queries.reduce((sum, query, i) => sum + query.plainBytes + heads[i]!.length, 0);
    if (plainBytes > MAX_PLAIN_BYTES) {
      throw new TocsinError(
        'TOCSIN_ERR_STORAGE',
        `the answer has ${plainBytes} bytes, more than a response of samples can have: ask for less, or for streamed chunks`,
      );
    }
    return [
      Uint8Array.from(uvarint(plainBytes)),
      ...this.#queries.flatMap(({ pieces }, i) => {
        // A literal of its own, for nothing later refers back beyond its piece.
        const head = Uint8Array.from([(heads[i]!.length - 1) << 2, ...heads[i]!]);
        return [head, ...pieces];
      }),
    ];
  }

  #flush(): void {
    const query = this.#queries.at(-1);
    const { bytes } = this.#out;
    if (query === undefined || bytes.length === 0) return;
    query.plainBytes += bytes.length;
    for (let from = 0; from < bytes.length; from += 4 * PIECE_BYTES) {
      const part = bytes.subarray(from, from + 4 * PIECE_BYTES);
      const length = snappyCompressInto(part, this.#compressed);
      query.pieces.push(this.#compressed.slice(uvarint(part.length).length, length));
    }
    this.#out.clear();
  }
}

function writeSamples(out: ProtoWriter, samples: SampleBuffer): void {
  const { timestamps, values, histograms } = samples;
  const words = new Uint32Array(values.buffer, values.byteOffset, 2 * values.length);
  for (let i = 0; i < samples.length; i++) {
    if (histograms?.[i] !== undefined) continue;
    out.message(2, () => {
      out.doubleBits(1, words[2 * i + LOW]!, words[2 * i + HIGH]!);
      out.int(2, timestamps[i]!);
    });
  }
  for (let i = 0; histograms !== undefined && i < samples.length; i++) {
    const histogram = histograms[i];
    if (histogram !== undefined) writeHistogram(out, 4, histogram, timestamps[i]!, samples.starts?.[i] ?? 0);
  }
}

function uvarint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  return [...bytes, rest];
}
