import { CUSTOM_BUCKETS_SCHEMA, FloatHistogram } from '../../src/core/histogram/float-histogram.ts';
import { parseFloatText } from '../../src/core/float-text.ts';
import { METRIC_NAME, type Labels } from '../../src/core/labels.ts';

/** A classic histogram's series and its float samples. */
export interface ClassicSeries {
  readonly labels: Labels;
  readonly points: readonly { readonly tMs: number; readonly value: number }[];
}

/** A native histogram with custom buckets made of classic ones. */
interface NativeSeries {
  readonly labels: Labels;
  readonly points: readonly { readonly tMs: number; readonly histogram: FloatHistogram }[];
}

/** What the classic series say of one time. */
interface Collected {
  readonly cumulative: Map<number, number>;
  count: number | undefined;
  sum: number;
}

/**
 * Native histograms (custom buckets) with the content of the classic ones among the series. Throws Error where buckets
 * contradict each other.
 *
 * @see prometheus util/convertnhcb/convertnhcb.go
 */
export function classicToNative(series: readonly ClassicSeries[]): NativeSeries[] {
  const found = new Map<string, { labels: Labels; times: Map<number, Collected> }>();
  for (const { labels, points } of series) {
    const match = /^(.*)_(bucket|sum|count)$/.exec(labels.metricName);
    if (match === null) continue;
    const [, base, part] = match;
    const le = part === 'bucket' ? parseFloatText(labels.get('le')) : 0;
    if (le === undefined || Number.isNaN(le)) continue;
    const target = labels.with(METRIC_NAME, base!).without('le');
    const entry = found.get(target.key) ?? { labels: target, times: new Map<number, Collected>() };
    found.set(target.key, entry);
    for (const { tMs, value } of points) {
      const at = entry.times.get(tMs) ?? { cumulative: new Map<number, number>(), count: undefined, sum: 0 };
      entry.times.set(tMs, at);
      if (part === 'sum') at.sum = value;
      else if (part === 'count') at.count = value;
      else if (!at.cumulative.has(le)) at.cumulative.set(le, value);
    }
  }
  return [...found.values()].map(({ labels, times }) => ({
    labels,
    points: [...times]
      .sort(([a], [b]) => a - b)
      .map(([tMs, collected]) => ({ tMs, histogram: convert(labels, collected) })),
  }));
}

function convert(labels: Labels, { cumulative, count, sum }: Collected): FloatHistogram {
  const rows = [...cumulative].sort(([a], [b]) => a - b);
  const total = count ?? rows.at(-1)?.[1] ?? 0;
  if (rows.at(-1)?.[0] !== Infinity) rows.push([Infinity, total]);
  if (rows.at(-1)![1] !== total) throw new Error(`${labels.toString()}: count mismatch`);
  const buckets = rows.map(([, value], i) => value - (i === 0 ? 0 : rows[i - 1]![1]));
  if (buckets.some((bucket) => bucket < 0)) throw new Error(`${labels.toString()}: count is not cumulative`);
  return new FloatHistogram({
    schema: CUSTOM_BUCKETS_SCHEMA,
    count: total,
    sum,
    positiveSpans: Int32Array.of(0, buckets.length),
    positiveBuckets: Float64Array.from(buckets),
    customValues: Float64Array.from(rows.slice(0, -1).map(([le]) => le)),
  });
}
