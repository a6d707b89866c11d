import { formatFloatGeneral } from '../../../src/core/float-text.ts';
import type { FloatHistogram } from '../../../src/core/histogram/float-histogram.ts';
import type { Answer, FuzzQuery } from './answers.ts';
import type { FuzzSample, FuzzSeries } from './data.ts';
import { bucketsOf } from '../../promql/compare.ts';

/** Most values that one series of a script may have. */
const MAX_VALUES = 900_000;

/** Queries whose answers say the same as one query does, in the form that scripts can hold. */
export function askable(query: FuzzQuery, answer: Answer): FuzzQuery[] {
  if ('error' in answer) return [query];
  const hasHistogram = [...answer.series.values()].some((points) =>
    [...points.values()].some((point) => typeof point !== 'number'),
  );
  if (!hasHistogram) return [query];
  const wraps = ['histogram_count', 'histogram_sum', 'histogram_quantile(0.3, '];
  return wraps.map((wrap) => ({
    ...query,
    expr: wrap.endsWith(' ') ? `${wrap}${query.expr})` : `${wrap}(${query.expr})`,
  }));
}

/**
 * A script for the runner of test/promql: the data, and the queries with what the reference program answered. Undefined
 * when the times of the samples are too many for a script.
 */
export function regressionScript(
  why: string,
  data: readonly FuzzSeries[],
  asked: readonly { readonly query: FuzzQuery; readonly answer: Answer }[],
  delayedNameRemoval: boolean,
): string | undefined {
  const times = data.flatMap(({ samples }) => samples.map(({ tMs }) => tMs));
  const stepMs = times.reduce((a, b) => greatestCommonDivisor(a, b), 0) || 60_000;
  if (times.reduce((a, b) => Math.max(a, b), 0) / stepMs > MAX_VALUES) return undefined;
  const lines = delayedNameRemoval ? ['# engine: delayed name removal'] : [];
  lines.push(`# Found by the fuzzer: ${why.replaceAll('\n', ' ').slice(0, 300)}`, `load ${stepMs}ms`);
  for (const { labels, samples } of data) lines.push(`  ${labels.toString()} ${sequence(samples, stepMs)}`);
  for (const { query, answer } of asked) lines.push('', ...evaluation(query, answer));
  return `${lines.join('\n')}\n`;
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}

function sequence(samples: readonly FuzzSample[], stepMs: number): string {
  const parts: string[] = [];
  let next = 0;
  for (const sample of samples) {
    const at = sample.tMs / stepMs;
    if (at > next) parts.push(`_x${at - next}`);
    next = at + 1;
    if (sample.histogram !== undefined) parts.push(described(sample.histogram));
    else parts.push(sample.stale ? 'stale' : formatFloatGeneral(sample.value));
  }
  return parts.join(' ');
}

function described(histogram: FloatHistogram): string {
  const list = (values: Iterable<number>): string =>
    [...values].map((value) => formatFloatGeneral(value)).join(' ');
  const side = (spans: Int32Array, buckets: Float64Array, prefix: string): string => {
    const counts = bucketsOf(spans, buckets);
    if (counts.size === 0) return '';
    const first = Math.min(...counts.keys());
    const length = Math.max(...counts.keys()) - first + 1;
    const dense = Array.from({ length }, (_, i) => counts.get(first + i) ?? 0);
    return ` ${prefix}offset:${first} ${prefix}buckets:[${list(dense)}]`;
  };
  const hint = ['unknown', 'reset', 'not_reset', 'gauge'][histogram.counterResetHint]!;
  const custom = histogram.usesCustomBuckets ? ` custom_values:[${list(histogram.customValues)}]` : '';
  return (
    `{{schema:${histogram.schema} count:${formatFloatGeneral(histogram.count)} sum:${formatFloatGeneral(histogram.sum)}` +
    ` z_bucket:${formatFloatGeneral(histogram.zeroCount)} z_bucket_w:${formatFloatGeneral(histogram.zeroThreshold)}${custom}` +
    `${side(histogram.positiveSpans, histogram.positiveBuckets, '')}${side(histogram.negativeSpans, histogram.negativeBuckets, 'n_')}` +
    ` counter_reset_hint:${hint}}}`
  );
}

function evaluation({ expr, instant, startMs, endMs, stepMs }: FuzzQuery, answer: Answer): string[] {
  const head = instant
    ? `eval instant at ${startMs}ms ${expr}`
    : `eval range from ${startMs}ms to ${endMs}ms step ${stepMs}ms ${expr}`;
  if ('error' in answer) return [head, '  expect fail'];
  const rows = [...answer.series].map(([labels, points]) => {
    const last = Math.max(...points.keys());
    const values: string[] = [];
    for (let tMs = startMs; tMs <= last; tMs += stepMs || 1) {
      const point = points.get(tMs);
      values.push(typeof point === 'number' ? formatFloatGeneral(point) : '_');
    }
    return answer.type === 'scalar' ? `  ${values[0]}` : `  ${labels} ${values.join(' ')}`;
  });
  return [head, ...rows];
}
