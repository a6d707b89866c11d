import { snappyDecompress } from '../../../core/compression/snappy.ts';
import { TocsinError, assert } from '../../../core/errors.ts';
import type { FloatHistogram } from '../../../core/histogram/float-histogram.ts';
import type { Labels } from '../../../core/labels.ts';
import { ProtoReader } from '../../../core/protobuf/proto-reader.ts';
import { SampleBuffer } from '../../seam.ts';
import { histogramFault } from '../../tsdb/histogram-fault.ts';
import { mergeSamples } from '../../tsdb/merge/merge-samples.ts';
import type { SeriesData } from '../proto/series-data.ts';
import { WriteRequestCursor } from '../proto/write-request.ts';
import { receivedLabels } from '../receive/received-labels.ts';
import { readChunkedResponse } from './chunked-response.ts';
import { FrameReader } from './frames.ts';
import type { ReadForm, ReadSink } from './read-transport.ts';
import { RemoteSeries } from './remote-series.ts';

/** Most bytes of an answer of samples in plain form. */
const MAX_PLAIN_BYTES = 2 ** 30;

/**
 * Understands the answer to a request with one query. What does not fit throws TOCSIN_ERR_PARSE.
 *
 * @see prometheus storage/remote/client.go, codec.go FromQueryResult and NewChunkedSeriesSet
 */
export class AnswerCollector implements ReadSink {
  readonly #removed: readonly string[];
  readonly #frames: FrameReader;
  readonly #parts: Uint8Array[] = [];
  readonly #series = new Map<string, RemoteSeries>();
  #form: ReadForm | undefined;

  /** `removed` are names of labels that series lose. */
  constructor(removed: readonly string[], maxFrameBytes: number) {
    this.#removed = removed;
    this.#frames = new FrameReader(maxFrameBytes);
  }

  begin(form: ReadForm): void {
    this.#form = form;
  }

  push(bytes: Uint8Array): void {
    if (this.#form !== 'chunks') {
      this.#parts.push(bytes.slice());
      return;
    }
    this.#frames.push(bytes);
    for (let frame = this.#frames.next(); frame !== undefined; frame = this.#frames.next()) {
      for (const { flat, chunks } of readChunkedResponse(frame)) {
        const series = this.#named(flat);
        for (const chunk of chunks) series.chunks.push(chunk);
      }
    }
  }

  /** The series in order of labels, when all has come. `pause` is awaited between them. */
  async finish(pause: () => Promise<void>): Promise<RemoteSeries[]> {
    assert(this.#form !== undefined, 'an answer must have begun before it is over');
    if (this.#form === 'chunks') this.#frames.end();
    else await this.#readSamples(pause);
    const all = [...this.#series.values()];
    for (const { chunks } of all) chunks.sort((a, b) => a.minMs - b.minMs);
    return all.sort((a, b) => a.labels.compare(b.labels));
  }

  async #readSamples(pause: () => Promise<void>): Promise<void> {
    const reader = new ProtoReader(snappyDecompress(Buffer.concat(this.#parts), MAX_PLAIN_BYTES));
    this.#parts.length = 0;
    let results = 0;
    // A QueryResult is laid out as a WriteRequest is: series in field 1.
    const cursor = new WriteRequestCursor();
    while (reader.next()) {
      if (reader.field !== 1) {
        reader.skip();
        continue;
      }
      results++;
      cursor.reset(reader.data());
      while (cursor.next()) {
        await pause();
        this.#named(cursor.labels()).add(samplesOf(cursor.data));
      }
    }
    if (results !== 1) throw bad(`it has ${results} results, one was asked for`);
  }

  #named(flat: readonly string[]): RemoteSeries {
    const labels = receivedLabels(flat, false);
    if (typeof labels === 'string') throw bad(labels);
    const own: Labels = this.#removed.length === 0 ? labels : labels.without(...this.#removed);
    const known = this.#series.get(own.key);
    if (known !== undefined) return known;
    const series = new RemoteSeries(own);
    this.#series.set(own.key, series);
    return series;
  }
}

/** Floats and histograms of a series as one column, in order of time. */
function samplesOf({ samples, times, values, histograms }: SeriesData): SampleBuffer {
  const floats = ordered(times.subarray(0, samples), (into, i, from) => {
    into.values.set(values.subarray(from, from + 1), i);
  });
  if (histograms.length === 0) return floats;
  const rich = ordered(
    Float64Array.from(histograms, ({ tMs }) => tMs),
    (into, i, from) => {
      into.setHistogram(i, checked(histograms[from]!.histogram));
      const { startMs } = histograms[from]!;
      if (startMs !== 0) into.setStart(i, startMs);
    },
  );
  const all = new SampleBuffer(Math.max(1, floats.length + rich.length));
  mergeSamples(floats, rich, all);
  return all;
}

/** A buffer with rising times; of equal ones the first. `put` puts what was at `from` to `i`. */
function ordered(
  times: Float64Array,
  put: (into: SampleBuffer, i: number, from: number) => void,
): SampleBuffer {
  const into = new SampleBuffer(Math.max(1, times.length));
  let places: Uint32Array | undefined;
  for (let i = 1; i < times.length; i++) {
    if (times[i]! > times[i - 1]!) continue;
    places = Uint32Array.from({ length: times.length }, (_, k) => k);
    places.sort((a, b) => times[a]! - times[b]! || a - b);
    break;
  }
  for (let k = 0; k < times.length; k++) {
    const from = places?.[k] ?? k;
    const i = into.length;
    if (i > 0 && into.timestamps[i - 1] === times[from]) continue;
    into.timestamps[i] = times[from]!;
    put(into, i, from);
    into.length++;
  }
  return into;
}

function checked(histogram: FloatHistogram): FloatHistogram {
  const fault = histogramFault(histogram);
  if (fault !== undefined) throw bad(`a histogram is malformed: ${String(fault)}`);
  return histogram;
}

function bad(what: string): TocsinError {
  return new TocsinError('TOCSIN_ERR_PARSE', `the answer of a remote read cannot be read: ${what}`);
}
