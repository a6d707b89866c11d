import { FloatHistogram } from '../../src/core/histogram/float-histogram.ts';
import { Labels } from '../../src/core/labels.ts';
import { Matcher } from '../../src/core/matcher.ts';
import type { Appender } from '../../src/storage/index.ts';
import { SampleBuffer } from '../../src/storage/index.ts';
import type { Tsdb } from '../../src/storage/tsdb/index.ts';

/** How often they are written. */
export const TICK_MS = 15_000;

const NAME = 'own_sample';
const FLOATS = 8;

/** A sample that was handed over: series and time. */
export type SampleKey = string;

/** The value of a series at a time: any bits, the same each time it is asked. */
function valueAt(series: string, tMs: number): number {
  let hash = 2166136261;
  for (const char of `${series} ${tMs}`) hash = Math.imul(hash ^ char.charCodeAt(0), 16777619) >>> 0;
  return hash / 7;
}

function histogramAt(series: string, tMs: number): FloatHistogram {
  const sum = valueAt(series, tMs);
  const few = Math.floor(sum) % 100;
  return new FloatHistogram({
    count: few + 7,
    sum,
    positiveSpans: Int32Array.of(0, 2),
    positiveBuckets: Float64Array.of(few, 7),
  });
}

/** Writes floats, a histogram, a new series, and one that comes late, with one time. Returns what was taken. */
export function appendOwn(appender: Appender, tMs: number): SampleKey[] {
  const taken: SampleKey[] = [];
  const ref = (series: string): number => appender.series(Labels.fromObject({ __name__: NAME, series }));
  const float = (series: string, atMs: number): void => {
    if (appender.append(ref(series), atMs, valueAt(series, atMs)) === 0) taken.push(`${series} ${atMs}`);
  };
  for (let i = 0; i < FLOATS; i++) float(`s${i}`, tMs);
  float(`new-${tMs}`, tMs);
  const rich = { value: 0, histogram: histogramAt('histogram', tMs), startMs: 0 };
  if (appender.appendRich(ref('histogram'), tMs, rich) === 0) taken.push(`histogram ${tMs}`);
  float('late', tMs);
  if ((tMs / TICK_MS) % 3 === 0) float('late', tMs - 2.5 * TICK_MS);
  return taken;
}

/** Reads all of them: which there are, and which have another value than they were given. */
export async function readOwn(tsdb: Tsdb): Promise<{ found: Set<SampleKey>; wrong: SampleKey[] }> {
  const found = new Set<SampleKey>();
  const wrong: SampleKey[] = [];
  const span = { minMs: 0, maxMs: Number.MAX_SAFE_INTEGER };
  const querier = tsdb.querier(span.minMs, span.maxMs);
  try {
    const cursor = await querier.select([new Matcher('__name__', '=', NAME)], { ...span, limit: 0 });
    const into = new SampleBuffer();
    while (cursor.next()) {
      const series = cursor.labels().get('series');
      into.clear();
      cursor.read(span.minMs, span.maxMs, into);
      for (let i = 0; i < into.length; i++) {
        const tMs = into.timestamps[i]!;
        const key = `${series} ${tMs}`;
        const histogram = into.histograms?.[i];
        const isRight =
          series === 'histogram'
            ? histogram?.sum === valueAt(series, tMs) &&
              String(histogram.positiveBuckets) === String(histogramAt(series, tMs).positiveBuckets)
            : Object.is(into.values[i], valueAt(series, tMs));
        if (isRight) found.add(key);
        else wrong.push(key);
      }
    }
  } finally {
    querier.close();
  }
  return { found, wrong };
}
