import type { Matcher } from '../../../core/matcher.ts';
import { SampleBuffer } from '../../seam.ts';
import type { BlockReader } from '../block/index.ts';
import { Slices, selectRefs } from '../block/block-selection.ts';
import { SeriesEntry } from '../block/index-reader.ts';
import { bucketCount } from '../../../core/histogram/layout.ts';
import { ChunkEncoding } from '../chunk/encoding.ts';
import { readChunk, sampleCountOf } from '../chunk/read-chunk.ts';

/** A line of a table of {@link BlockAnalysis}. */
export interface AnalysisRow {
  readonly key: string;
  readonly value: number;
}

/** What `tsdb analyze` tells of a block; each table from the largest down, equal ones by name. */
export interface BlockAnalysis {
  /** Series that were looked at. */
  readonly seriesCount: number;
  readonly labelNames: number;
  readonly labelPairs: number;
  readonly entries: number;
  readonly churningPairs: readonly AnalysisRow[];
  readonly churningNames: readonly AnalysisRow[];
  readonly commonPairs: readonly AnalysisRow[];
  /** In bytes. */
  readonly valueLengths: readonly AnalysisRow[];
  readonly valueCounts: readonly AnalysisRow[];
  readonly metricNames: readonly AnalysisRow[];
}

/** Figures of chunks, one a chunk. */
export interface ChunkAnalysis {
  readonly chunks: number;
  readonly floatSamples: readonly number[];
  readonly floatBytes: readonly number[];
  readonly histogramSamples: readonly number[];
  readonly histogramBytes: readonly number[];
  readonly histogramBuckets: readonly number[];
}

interface PairFigures {
  series: number;
  uncoveredMs: number;
}

interface NameFigures {
  uncoveredMs: number;
  bytes: number;
  readonly values: Map<string, PairFigures>;
}

/**
 * Counts labels of a block, or of what matches in it. `limit` is how many lines the tables have. Rejects with
 * TOCSIN_ERR_STORAGE on damage.
 *
 * @see prometheus cmd/promtool/tsdb.go analyzeBlock
 */
export async function analyzeBlock(
  block: BlockReader,
  matchers: readonly Matcher[],
  limit: number,
  pause: () => Promise<void>,
): Promise<BlockAnalysis> {
  const { index, meta } = block;
  const spanMs = meta.maxTime - meta.minTime;
  const slices = new Slices(pause);
  const refs = await selectRefs(index, matchers, slices);
  const names = new Map<string, NameFigures>();
  const series = new SeriesEntry();
  let entries = 0;
  for (const ref of refs) {
    index.readSeries(ref, series);
    const uncoveredMs = spanMs - ((series.maxMs.at(-1) ?? 0) - (series.minMs[0] ?? 0));
    for (const [name, value] of index.labelsOf(series)) {
      count(names, name, value, uncoveredMs);
      entries++;
    }
    if (slices.step()) await slices.rest();
  }
  return summarize(names, { seriesCount: refs.length, entries, spanMs, limit });
}

function count(names: Map<string, NameFigures>, name: string, value: string, uncoveredMs: number): void {
  let ofName = names.get(name);
  if (ofName === undefined) {
    ofName = { uncoveredMs: 0, bytes: 0, values: new Map() };
    names.set(name, ofName);
  }
  ofName.uncoveredMs += uncoveredMs;
  const pair = ofName.values.get(value);
  if (pair === undefined) {
    ofName.bytes += Buffer.byteLength(value);
    ofName.values.set(value, { series: 1, uncoveredMs });
  } else {
    pair.series++;
    pair.uncoveredMs += uncoveredMs;
  }
}

function summarize(
  names: ReadonlyMap<string, NameFigures>,
  figures: { seriesCount: number; entries: number; spanMs: number; limit: number },
): BlockAnalysis {
  const { seriesCount, entries, spanMs, limit } = figures;
  const share = (uncoveredMs: number): number => Math.trunc(uncoveredMs / spanMs);
  const perName = (value: (figures: NameFigures) => number): AnalysisRow[] =>
    top(
      Array.from(names, ([key, ofName]) => ({ key, value: value(ofName) })),
      limit,
    );
  const perPair = (value: (figures: PairFigures) => number): AnalysisRow[] => {
    const rows: AnalysisRow[] = [];
    for (const [name, { values }] of names) {
      for (const [text, pair] of values) rows.push({ key: `${name}=${text}`, value: value(pair) });
    }
    return top(rows, limit);
  };
  let labelPairs = 0;
  for (const { values } of names.values()) labelPairs += values.size;
  const metricNames = Array.from(names.get('__name__')?.values ?? [], ([key, { series }]) => ({
    key,
    value: series,
  }));
  return {
    seriesCount,
    labelNames: names.size,
    labelPairs,
    entries,
    churningPairs: perPair(({ uncoveredMs }) => share(uncoveredMs)),
    churningNames: perName(({ uncoveredMs }) => share(uncoveredMs)),
    commonPairs: perPair(({ series }) => series),
    valueLengths: perName(({ bytes }) => bytes),
    valueCounts: perName(({ values }) => values.size),
    metricNames: top(metricNames, limit),
  };
}

function top(rows: AnalysisRow[], limit: number): AnalysisRow[] {
  rows.sort((a, b) => b.value - a.value || (a.key < b.key ? -1 : 1));
  return rows.slice(0, Math.max(0, limit));
}

/** Looks into the chunks of what matches. Rejects with TOCSIN_ERR_STORAGE on damage. */
export async function analyzeChunks(
  block: BlockReader,
  matchers: readonly Matcher[],
  pause: () => Promise<void>,
): Promise<ChunkAnalysis> {
  const slices = new Slices(pause);
  const wanted = new Set(await selectRefs(block.index, matchers, slices));
  const found = {
    chunks: 0,
    floatSamples: [] as number[],
    floatBytes: [] as number[],
    histogramSamples: [] as number[],
    histogramBytes: [] as number[],
    histogramBuckets: [] as number[],
  };
  const cursor = block.eachSeries();
  const buffer = new SampleBuffer();
  while (cursor.next()) {
    if (slices.step(10)) await slices.rest();
    if (!wanted.has(cursor.ref())) continue;
    for (const { encoding, data } of cursor.chunks()) {
      found.chunks++;
      const samples = sampleCountOf(encoding, data);
      if (encoding === ChunkEncoding.xor || encoding === ChunkEncoding.xor2) {
        found.floatSamples.push(samples);
        found.floatBytes.push(data.length);
        continue;
      }
      found.histogramSamples.push(samples);
      found.histogramBytes.push(data.length);
      buffer.clear();
      readChunk(encoding, data, -Infinity, Infinity, buffer);
      let buckets = 0;
      for (const histogram of buffer.histograms ?? []) {
        if (histogram !== undefined)
          buckets += bucketCount(histogram.positiveSpans) + bucketCount(histogram.negativeSpans);
      }
      found.histogramBuckets.push(buckets);
    }
  }
  return found;
}
