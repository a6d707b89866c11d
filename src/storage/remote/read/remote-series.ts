import { TocsinError, errorText } from '../../../core/errors.ts';
import type { Labels } from '../../../core/labels.ts';
import { SampleBuffer } from '../../seam.ts';
import type { SeriesCursor, SeriesRef } from '../../seam.ts';
import type { EncodedChunk } from '../../tsdb/chunk/encoding.ts';
import { readChunk } from '../../tsdb/chunk/read-chunk.ts';
import { mergeSamples } from '../../tsdb/merge/merge-samples.ts';

/** Refs of series from elsewhere begin here, far beyond those of blocks; none is given twice. */
const FIRST_REF = 2 ** 51;
let nextRef = FIRST_REF;

const NONE = new SampleBuffer(1);

/** A series as an endpoint gave it: as chunks, or as samples in order of time. */
export class RemoteSeries {
  readonly labels: Labels;
  readonly ref: SeriesRef = nextRef++;
  readonly chunks: EncodedChunk[] = [];
  #samples: SampleBuffer | undefined;

  constructor(labels: Labels) {
    this.labels = labels;
  }

  /** Adds samples, which it keeps; those it has already count where times are equal. */
  add(samples: SampleBuffer): void {
    const present = this.#samples;
    if (present === undefined) {
      this.#samples = samples;
      return;
    }
    this.#samples = new SampleBuffer(present.length + samples.length);
    mergeSamples(present, samples, this.#samples);
  }

  /** As {@link SeriesCursor.read}. Throws TOCSIN_ERR_STORAGE when a chunk is damaged. */
  read(minMs: number, maxMs: number, into: SampleBuffer): number {
    into.clear();
    if (this.#samples !== undefined) copyWithin(this.#samples, minMs, maxMs, into);
    for (const chunk of this.chunks) {
      if (chunk.maxMs < minMs || chunk.minMs > maxMs) continue;
      if (into.length === 0 || into.timestamps[into.length - 1]! < chunk.minMs) {
        readInto(chunk, minMs, maxMs, into);
        continue;
      }
      const [one, sum] = [new SampleBuffer(), new SampleBuffer()];
      readInto(chunk, minMs, maxMs, one);
      mergeSamples(into, one, sum);
      mergeSamples(sum, NONE, into);
    }
    return into.length;
  }
}

function readInto({ encoding, data }: EncodedChunk, minMs: number, maxMs: number, into: SampleBuffer): void {
  try {
    readChunk(encoding, data, minMs, maxMs, into);
  } catch (error) {
    if (!(error instanceof TocsinError)) throw error;
    const message = `a chunk that remote_read got cannot be read: ${errorText(error)}`;
    throw new TocsinError('TOCSIN_ERR_STORAGE', message, { cause: error });
  }
}

function copyWithin(source: SampleBuffer, minMs: number, maxMs: number, into: SampleBuffer): void {
  const from = firstAtOrAfter(source, minMs);
  let to = from;
  while (to < source.length && source.timestamps[to]! <= maxMs) to++;
  into.reserve(to - from);
  into.length = to - from;
  into.timestamps.set(source.timestamps.subarray(from, to));
  into.values.set(source.values.subarray(from, to));
  for (let i = from; i < to; i++) {
    const histogram = source.histograms?.[i];
    if (histogram !== undefined) into.setHistogram(i - from, histogram);
    const startMs = source.starts?.[i] ?? 0;
    if (startMs !== 0) into.setStart(i - from, startMs);
  }
}

function firstAtOrAfter({ timestamps, length }: SampleBuffer, minMs: number): number {
  let [low, high] = [0, length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (timestamps[middle]! < minMs) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Walks series in order of labels. */
export class RemoteCursor implements SeriesCursor {
  readonly count: number;
  readonly #series: readonly RemoteSeries[];
  #at = -1;

  /** `series` are in order of labels. */
  constructor(series: readonly RemoteSeries[]) {
    this.#series = series;
    this.count = series.length;
  }

  next(): boolean {
    return ++this.#at < this.count;
  }

  labels(): Labels {
    return this.#series[this.#at]!.labels;
  }

  ref(): SeriesRef {
    return this.#series[this.#at]!.ref;
  }

  read(minMs: number, maxMs: number, into: SampleBuffer): number {
    return this.#series[this.#at]!.read(minMs, maxMs, into);
  }
}
