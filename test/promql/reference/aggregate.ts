import { formatFloatPlain } from '../../../src/core/float-text.ts';
import { METRIC_NAME, type Labels } from '../../../src/core/labels.ts';
import type { Expr } from '../../../src/promql/index.ts';
import { combine, PlainHistogram, scale } from './histogram.ts';
import { extreme, mean, quantile, sum, variance } from './numbers.ts';
import { floatsOf, QueryFailure, Unsupported, type Result, type Sample, type Value } from './values.ts';

/** Aggregations at one time. */

type Aggregation = Expr & { kind: 'aggregate' };

/** The result for a vector; `param` is what stands before it. */
export function aggregated(
  expr: Aggregation,
  samples: readonly Sample[],
  param: Result | undefined,
): Sample[] {
  const groups = new Map<string, { labels: Labels; members: Sample[] }>();
  for (const sample of samples) {
    const labels = expr.without
      ? sample.labels.without(METRIC_NAME, ...expr.grouping)
      : sample.labels.only(expr.grouping);
    const group = groups.get(labels.key) ?? { labels, members: [] };
    groups.set(labels.key, group);
    group.members.push(sample);
  }
  const { op } = expr;
  if (op === 'topk' || op === 'bottomk') {
    const k = scalarOf(param);
    if (Number.isNaN(k)) throw new QueryFailure('Parameter value is NaN');
    return [...groups.values()].flatMap(({ members }) =>
      ranked(members, Math.trunc(k), op === 'topk' ? 1 : -1),
    );
  }
  if (op === 'limit_ratio') throw new Unsupported(op);
  if (op === 'limitk') {
    const k = Math.max(0, Math.trunc(scalarOf(param)));
    return [...groups.values()].flatMap(({ members }) =>
      members.toSorted((a, b) => a.labels.compare(b.labels)).slice(0, k),
    );
  }
  if (op === 'count_values') {
    if (param?.type !== 'string') throw new Unsupported('count_values without a label');
    return [...groups.values()].flatMap(({ labels, members }) => counted(labels, members, param.value));
  }
  return [...groups.values()].flatMap(({ labels, members }): Sample[] => {
    const value = reduced(op, members, param);
    return value === undefined ? [] : [{ labels, value }];
  });
}

function scalarOf(param: Result | undefined): number {
  if (param?.type !== 'scalar') throw new Unsupported('an aggregation without its number');
  return param.value;
}

function reduced(
  op: Aggregation['op'],
  members: readonly Sample[],
  param: Result | undefined,
): Value | undefined {
  if (op === 'count') return members.length;
  if (op === 'group') return 1;
  const values = floatsOf(members).map(({ value }) => value);
  const histograms = members.flatMap(({ value }) => (value instanceof PlainHistogram ? [value] : []));
  if (op === 'sum' || op === 'avg') {
    if (values.length > 0 && histograms.length > 0) return undefined;
    if (histograms.length > 0) {
      const total = histograms.reduce((a, b) => combine(a, b, 1));
      return op === 'sum' ? total : scale(total, 1 / histograms.length);
    }
    return op === 'sum' ? sum(values) : mean(values);
  }
  if (values.length === 0) return undefined;
  switch (op) {
    case 'min':
      return extreme(values, -1);
    case 'max':
      return extreme(values, 1);
    case 'stdvar':
      return variance(values);
    case 'stddev':
      return Math.sqrt(variance(values));
    case 'quantile':
      return quantile(scalarOf(param), values);
    case 'topk':
    case 'bottomk':
    case 'count_values':
    case 'limitk':
    case 'limit_ratio':
      throw new Unsupported(op);
  }
}

/** The k greatest (sign 1) or smallest; NaN comes last in both. */
function ranked(members: readonly Sample[], k: number, sign: 1 | -1): Sample[] {
  const floats = floatsOf(members);
  const rank = (value: number): number => (Number.isNaN(value) ? -Infinity : sign * value);
  const sorted = floats.toSorted((a, b) => rank(b.value) - rank(a.value) || 0);
  const values = sorted.map(({ value }) => value);
  if (k > 0 && k < values.length && (values[k - 1] === values[k] || Number.isNaN(values[k]!))) {
    throw new Unsupported('which of equal ones comes');
  }
  return sorted.slice(0, Math.max(0, k));
}

function counted(labels: Labels, members: readonly Sample[], label: string): Sample[] {
  const counts = new Map<string, number>();
  for (const { value } of members) {
    if (typeof value !== 'number') throw new Unsupported('count_values of histograms');
    const text = formatFloatPlain(value);
    counts.set(text, (counts.get(text) ?? 0) + 1);
  }
  return [...counts].map(([text, count]) => ({ labels: labels.with(label, text), value: count }));
}
