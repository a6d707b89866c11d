import { formatFloatGeneral } from '../float-text.ts';
import { BucketWalk } from './buckets.ts';
import { compactHistogram } from './compact.ts';
import { CounterResetHint, type FloatHistogram, type Spans } from './float-histogram.ts';

/**
 * `{count:3, sum:4.5, [-0.001,0.001]:1, (1,2]:2}`: the label value `count_values` makes of a histogram.
 *
 * @see prometheus model/histogram/float_histogram.go String
 */
export function histogramText(h: FloatHistogram): string {
  const parts = [`count:${formatFloatGeneral(h.count)}`, `sum:${formatFloatGeneral(h.sum)}`];
  const negative: string[] = [];
  const downwards = new BucketWalk(h, 'negative');
  while (downwards.next()) if (downwards.count !== 0) negative.push(bucketText(downwards));
  parts.push(...negative.toReversed());
  if (h.zeroCount !== 0) {
    const bound = formatFloatGeneral(h.zeroThreshold);
    parts.push(`[${formatFloatGeneral(-h.zeroThreshold)},${bound}]:${formatFloatGeneral(h.zeroCount)}`);
  }
  const upwards = new BucketWalk(h, 'positive');
  while (upwards.next()) if (upwards.count !== 0) parts.push(bucketText(upwards));
  return `{${parts.join(', ')}}`;
}

function bucketText({ lower, upper, lowerInclusive, upperInclusive, count }: BucketWalk): string {
  const bounds = `${formatFloatGeneral(lower)},${formatFloatGeneral(upper)}`;
  return `${lowerInclusive ? '[' : '('}${bounds}${upperInclusive ? ']' : ')'}:${formatFloatGeneral(count)}`;
}

const HINTS: { readonly [hint in CounterResetHint]: string } = {
  [CounterResetHint.unknown]: '',
  [CounterResetHint.reset]: 'reset',
  [CounterResetHint.notReset]: 'not_reset',
  [CounterResetHint.gauge]: 'gauge',
};

/**
 * `{{schema:1 count:3 sum:4.5 offset:2 buckets:[1 0 2]}}`: how tests and rule tests write a histogram down. As that
 * spells out empty buckets, a histogram over more than 100,000 of them gets its {@link histogramText}.
 *
 * @see prometheus model/histogram/float_histogram.go TestExpression
 */
export function testText(h: FloatHistogram): string {
  if (reach(h.positiveSpans) > MAX_WRITTEN_BUCKETS || reach(h.negativeSpans) > MAX_WRITTEN_BUCKETS) {
    return histogramText(h);
  }
  const compact = compactHistogram(h, Infinity);
  const parts: string[] = [];
  const number = (key: string, value: number): void => {
    if (value !== 0) parts.push(`${key}:${formatFloatGeneral(value)}`);
  };
  if (compact.schema !== 0) parts.push(`schema:${compact.schema}`);
  number('count', compact.count);
  number('sum', compact.sum);
  number('z_bucket', compact.zeroCount);
  number('z_bucket_w', compact.zeroThreshold);
  if (compact.usesCustomBuckets) parts.push(`custom_values:${listText(compact.customValues)}`);
  const hint = HINTS[compact.counterResetHint];
  if (hint !== '') parts.push(`counter_reset_hint:${hint}`);
  const side = (prefix: string, spans: Spans, counts: Float64Array): void => {
    const offset = spans[0] ?? 0;
    if (offset !== 0) parts.push(`${prefix}offset:${offset}`);
    if (counts.length > 0) parts.push(`${prefix}buckets:${listText(counts)}`);
  };
  side('', compact.positiveSpans, compact.positiveBuckets);
  side('n_', compact.negativeSpans, compact.negativeBuckets);
  return `{{${parts.join(' ')}}}`;
}

const MAX_WRITTEN_BUCKETS = 100_000;

/** How many buckets there are from the first to the last, empty ones included. */
function reach(spans: Spans): number {
  let buckets = 0;
  for (let i = 1; i < spans.length; i++) buckets += spans[i]!;
  return buckets;
}

function listText(values: Float64Array): string {
  return `[${Array.from(values, formatFloatGeneral).join(' ')}]`;
}
