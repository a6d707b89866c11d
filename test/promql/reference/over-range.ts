import type { PlainHistogram } from './histogram.ts';
import { combine, isReset, scale } from './histogram.ts';
import { extreme, line, mean, quantile, sum, variance } from './numbers.ts';
import { Unsupported, type Value, type Window } from './values.ts';

/** Functions of range vectors, one window at a time; undefined means no result. */

type Point = { readonly tMs: number; readonly value: number };

/** The window of one series, and where it lies. */
export interface Span {
  readonly window: Window;
  /** Edges of the window, the left one exclusive. */
  readonly fromMs: number;
  readonly toMs: number;
  /** Time of evaluation. */
  readonly atMs: number;
  readonly params: readonly number[];
}

const OF_FLOATS: Readonly<Record<string, (values: readonly number[]) => number>> = {
  avg_over_time: mean,
  min_over_time: (values) => extreme(values, -1),
  max_over_time: (values) => extreme(values, 1),
  sum_over_time: sum,
  stddev_over_time: (values) => Math.sqrt(variance(values)),
  stdvar_over_time: variance,
  mad_over_time: (values) => {
    const middle = quantile(0.5, values);
    return quantile(
      0.5,
      values.map((value) => Math.abs(value - middle)),
    );
  },
};

/** The value of a function over one window. */
export function overRange(name: string, span: Span): Value | undefined {
  const { points } = span.window;
  if (points.length === 0) return undefined;
  const floats = points.flatMap(({ tMs, value }) => (typeof value === 'number' ? [{ tMs, value }] : []));
  const histograms = points.flatMap(({ tMs, value }) => (typeof value === 'number' ? [] : [{ tMs, value }]));
  switch (name) {
    case 'last_over_time':
      return points.at(-1)!.value;
    case 'first_over_time':
      return points[0]!.value;
    case 'count_over_time':
      return points.length;
    case 'present_over_time':
      return 1;
    case 'ts_of_first_over_time':
      return points[0]!.tMs / 1000;
    case 'ts_of_last_over_time':
      return points.at(-1)!.tMs / 1000;
    case 'rate':
    case 'increase':
    case 'delta':
      if (floats.length > 0 && histograms.length > 0) return undefined;
      return floats.length > 0
        ? extrapolated(name, span, floats)
        : extrapolatedHistogram(name, span, histograms);
    case 'irate':
    case 'idelta':
      return lastTwo(name, span.window);
    case 'changes':
    case 'resets':
      return transitions(name, points);
  }
  if (histograms.length > 0 && ['sum_over_time', 'avg_over_time'].includes(name)) {
    if (floats.length > 0) return undefined;
    const total = histograms.map(({ value }) => value).reduce((a, b) => combine(a, b, 1));
    return name === 'sum_over_time' ? total : scale(total, 1 / histograms.length);
  }
  return floats.length === 0 ? undefined : ofFloats(name, span, floats);
}

function ofFloats(name: string, { params, atMs }: Span, floats: readonly Point[]): number | undefined {
  const values = floats.map(({ value }) => value);
  const simple = OF_FLOATS[name];
  if (simple !== undefined) return simple(values);
  switch (name) {
    case 'quantile_over_time':
      return quantile(params[0]!, values);
    case 'deriv':
      return floats.length < 2 ? undefined : line(floats, floats[0]!.tMs).slope;
    case 'predict_linear': {
      if (floats.length < 2) return undefined;
      const { slope, intercept } = line(floats, atMs);
      return slope * params[0]! + intercept;
    }
    case 'ts_of_min_over_time':
    case 'ts_of_max_over_time': {
      const best = extreme(values, name === 'ts_of_max_over_time' ? 1 : -1);
      return floats.findLast(({ value }) => Object.is(value, best) || value === best)!.tMs / 1000;
    }
    default:
      throw new Unsupported(name);
  }
}

/** What rate, increase and delta multiply the difference with: from the samples' span to the whole window. */
function factor(
  name: string,
  { fromMs, toMs }: Span,
  points: readonly { readonly tMs: number }[],
  secondsToZero: number,
): number {
  const sampled = (points.at(-1)!.tMs - points[0]!.tMs) / 1000;
  const spacing = sampled / (points.length - 1);
  const gap = (seconds: number): number => (seconds < spacing * 1.1 ? seconds : spacing / 2);
  const left = Math.min(gap((points[0]!.tMs - fromMs) / 1000), secondsToZero);
  const right = gap((toMs - points.at(-1)!.tMs) / 1000);
  const whole = (sampled + left + right) / sampled;
  return name === 'rate' ? whole / ((toMs - fromMs) / 1000) : whole;
}

function extrapolated(name: string, span: Span, points: readonly Point[]): number | undefined {
  if (points.length < 2) return undefined;
  const first = points[0]!.value;
  let grown = points.at(-1)!.value - first;
  if (name === 'delta') return grown * factor(name, span, points, Infinity);
  points.forEach(({ value }, i) => {
    if (i > 0 && value < points[i - 1]!.value) grown += points[i - 1]!.value;
  });
  const sampled = (points.at(-1)!.tMs - points[0]!.tMs) / 1000;
  const toZero = grown > 0 && first >= 0 ? sampled * (first / grown) : Infinity;
  return grown * factor(name, span, points, toZero);
}

function extrapolatedHistogram(
  name: string,
  span: Span,
  points: readonly { readonly tMs: number; readonly value: PlainHistogram }[],
): PlainHistogram | undefined {
  if (points.length < 2) return undefined;
  const first = points[0]!.value;
  if (name === 'delta') {
    const grown = combine(points.at(-1)!.value, first, -1);
    return scale(grown, factor(name, span, points, Infinity));
  }
  let grown: PlainHistogram | undefined;
  for (let i = 1; i < points.length; i++) {
    const { value } = points[i]!;
    const before = points[i - 1]!.value;
    const step = isReset(value, before) ? value : combine(value, before, -1);
    grown = grown === undefined ? step : combine(grown, step, 1);
  }
  const sampled = (points.at(-1)!.tMs - points[0]!.tMs) / 1000;
  const toZero = grown!.count > 0 ? sampled * (first.count / grown!.count) : Infinity;
  return scale(grown!, factor(name, span, points, toZero));
}

function lastTwo(name: string, { points }: Window): Value | undefined {
  if (points.length < 2) return undefined;
  const [before, last] = [points.at(-2)!, points.at(-1)!];
  const seconds = (last.tMs - before.tMs) / 1000;
  if (typeof before.value === 'number' && typeof last.value === 'number') {
    if (name === 'idelta') return last.value - before.value;
    return (last.value < before.value ? last.value : last.value - before.value) / seconds;
  }
  if (typeof before.value === 'number' || typeof last.value === 'number') return undefined;
  if (name === 'idelta') return combine(last.value, before.value, -1);
  const grown = isReset(last.value, before.value) ? last.value : combine(last.value, before.value, -1);
  return scale(grown, 1 / seconds);
}

function transitions(name: string, points: Window['points']): number {
  let count = 0;
  for (let i = 1; i < points.length; i++) {
    const [a, b] = [points[i - 1]!.value, points[i]!.value];
    if (typeof a === 'number' && typeof b === 'number') {
      const changed = a !== b && !(Number.isNaN(a) && Number.isNaN(b));
      if (name === 'changes' ? changed : b < a) count++;
    } else if (typeof a === 'number' || typeof b === 'number') count++;
    else if (name === 'resets') count += isReset(b, a) ? 1 : 0;
    else throw new Unsupported('changes of histograms');
  }
  return count;
}
