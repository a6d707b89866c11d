import {
  CounterResetHint,
  FloatHistogram,
  MAX_EXPONENTIAL_SCHEMA,
} from '../../../core/histogram/float-histogram.ts';
import { bucketCount } from '../../../core/histogram/layout.ts';
import { reduceResolution } from '../../../core/histogram/resolution.ts';
import type { SampleBuffer } from '../../seam.ts';
import { staleHigh } from '../../stale.ts';
import { BitReader } from './bit-reader.ts';
import { COUNT, FIRST_BUCKET, SUM, ZERO_COUNT, readLayout } from './bucket-layout.ts';
import type { ChunkLayout } from './bucket-layout.ts';
import { damagedChunk } from './damaged-chunk.ts';
import { endsStale, FractionCountReader, WholeCountReader } from './histogram-counts.ts';
import type { HistogramNumbers } from './histogram-counts.ts';
import { ResetHeader } from './histogram-writer.ts';
import { StartReader } from './start-times.ts';
import { HIGH, LOW } from './words.ts';

const HEADER_BYTES = 3;
const RESET_BITS = 0xc0;

/** How a histogram chunk is written. */
export interface HistogramChunkKind {
  /** Counts are whole numbers (encodings 2 and 5). */
  readonly isWhole: boolean;
  /** There are start timestamps (encodings 5 and 6). */
  readonly hasStarts: boolean;
}

/**
 * Appends the histograms of a chunk with minMs <= t <= maxMs to `into`; stale markers are the float. Hints are those that
 * Prometheus' reader gives: of counters, that nothing was reset since the histogram before in the chunk, and of the first
 * nothing; gauges are gauges. Throws TOCSIN_ERR_STORAGE when the bytes are not such a chunk's.
 *
 * @see prometheus tsdb/chunkenc/histogram.go, float_histogram.go, histogram_meta.go counterResetHint
 */
export function readHistogramChunk(
  kind: HistogramChunkKind,
  data: Uint8Array,
  count: number,
  minMs: number,
  maxMs: number,
  into: SampleBuffer,
): void {
  if (count === 0) return;
  if (data.length < HEADER_BYTES) throw damagedChunk('it is shorter than its header');
  const reader = new BitReader(data, HEADER_BYTES);
  const isGauge = (data[kind.hasStarts ? 0 : 2]! & RESET_BITS) === ResetHeader.gauge;
  const starts = kind.hasStarts ? new StartReader(data[2]!) : undefined;
  const layout = readLayout(reader);
  const positives = bucketCount(layout.positiveSpans);
  const negatives = bucketCount(layout.negativeSpans);
  if (positives + negatives > reader.left) throw damagedChunk('it ends within its first histogram');
  const counts = kind.isWhole
    ? new WholeCountReader(positives, negatives)
    : new FractionCountReader(positives + negatives);
  let t = 0;
  let delta = 0;
  for (let i = 0; i < count; i++) {
    const previousMs = t;
    if (i === 0) {
      t = reader.varbitInt();
      counts.first(reader);
    } else {
      delta += reader.varbitInt();
      t += delta;
      counts.next(reader);
    }
    const startMs = starts?.read(reader, i, t, previousMs) ?? 0;
    if (reader.isBeyond) throw damagedChunk(`it ends within sample ${i + 1} of ${count}`);
    if (t > maxMs) return;
    if (t < minMs) continue;
    const at = into.length;
    into.reserve(at + 1);
    into.timestamps[at] = t;
    if (endsStale(counts.numbers)) setStale(into, at);
    else into.setHistogram(at, histogramOf(counts.numbers, layout, positives, hintOf(isGauge, i)));
    if (startMs !== 0) into.setStart(at, startMs);
    into.length = at + 1;
  }
}

function hintOf(isGauge: boolean, index: number): CounterResetHint {
  if (isGauge) return CounterResetHint.gauge;
  return index === 0 ? CounterResetHint.unknown : CounterResetHint.notReset;
}

/** As bits: on its way as a number the marker may be quieted. */
function setStale(into: SampleBuffer, at: number): void {
  const words = new Uint32Array(into.values.buffer, at * 8, 2);
  words[LOW] = 2;
  words[HIGH] = staleHigh;
}

function histogramOf(
  { floats }: HistogramNumbers,
  layout: ChunkLayout,
  positives: number,
  counterResetHint: CounterResetHint,
): FloatHistogram {
  const middle = FIRST_BUCKET + positives;
  let histogram = new FloatHistogram({
    ...layout,
    count: floats[COUNT]!,
    sum: floats[SUM]!,
    zeroCount: floats[ZERO_COUNT]!,
    positiveBuckets: floats.slice(FIRST_BUCKET, middle),
    negativeBuckets: floats.slice(middle),
    counterResetHint,
  });
  // Written by a newer Prometheus; a step is one shift of an index.
  while (histogram.schema > MAX_EXPONENTIAL_SCHEMA)
    histogram = reduceResolution(histogram, Math.max(MAX_EXPONENTIAL_SCHEMA, histogram.schema - 31));
  return histogram;
}
