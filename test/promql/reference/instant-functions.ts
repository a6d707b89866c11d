import { METRIC_NAME, type Labels } from '../../../src/core/labels.ts';
import { parseFloatText } from '../../../src/core/float-text.ts';
import { PlainHistogram } from './histogram.ts';
import { floatsOf, unnamed, Unsupported, type Sample } from './values.ts';

/** Functions of instant vectors at one time. */

const OF_FLOATS: Readonly<Record<string, (value: number, params: readonly number[]) => number>> = {
  abs: Math.abs,
  ceil: Math.ceil,
  floor: Math.floor,
  sqrt: Math.sqrt,
  exp: Math.exp,
  ln: Math.log,
  log2: Math.log2,
  log10: Math.log10,
  sin: Math.sin,
  cos: Math.cos,
  tan: Math.tan,
  asin: Math.asin,
  acos: Math.acos,
  atan: Math.atan,
  sinh: Math.sinh,
  cosh: Math.cosh,
  tanh: Math.tanh,
  asinh: Math.asinh,
  acosh: Math.acosh,
  atanh: Math.atanh,
  deg: (value) => (value * 180) / Math.PI,
  rad: (value) => (value * Math.PI) / 180,
  sgn: (value) => (value < 0 ? -1 : value > 0 ? 1 : value),
  round: (value, [to = 1]) => Math.floor(value * (1 / to) + 0.5) / (1 / to),
  clamp_min: (value, [least]) => greater(value, least!),
  clamp_max: (value, [most]) => -greater(-value, -most!),
  clamp: (value, [least, most]) => greater(least!, -greater(-most!, -value)),
  minute: (value) => date(value).getUTCMinutes(),
  hour: (value) => date(value).getUTCHours(),
  day_of_week: (value) => date(value).getUTCDay(),
  day_of_month: (value) => date(value).getUTCDate(),
  day_of_year: (value) =>
    Math.floor((date(value).getTime() - Date.UTC(date(value).getUTCFullYear(), 0, 1)) / 86_400_000) + 1,
  days_in_month: (value) =>
    new Date(Date.UTC(date(value).getUTCFullYear(), date(value).getUTCMonth() + 1, 0)).getUTCDate(),
  month: (value) => date(value).getUTCMonth() + 1,
  year: (value) => date(value).getUTCFullYear(),
};

/** NaN if either is, unless one is +Inf. */
function greater(a: number, b: number): number {
  return a === Infinity || b === Infinity ? Infinity : Math.max(a, b);
}

function date(seconds: number): Date {
  const whole = new Date(Math.trunc(seconds) * 1000);
  if (Number.isNaN(whole.getTime())) throw new Unsupported('a time that JavaScript cannot hold');
  return whole;
}

/** A function that changes each float by itself; undefined for another one. */
export function mapped(
  name: string,
  samples: readonly Sample[],
  params: readonly number[],
): Sample[] | undefined {
  const change = OF_FLOATS[name];
  if (change === undefined) return undefined;
  if (name === 'clamp' && params[1]! < params[0]!) return [];
  return floatsOf(samples).map(({ labels, value }) => ({
    labels: unnamed(labels),
    value: change(value, params),
  }));
}

/** histogram_count and its like. */
export function ofHistogram(name: string, samples: readonly Sample[]): Sample[] | undefined {
  const parts: Readonly<Record<string, (histogram: PlainHistogram) => number>> = {
    histogram_count: ({ count }) => count,
    histogram_sum: (histogram) => histogram.sum,
    histogram_avg: (histogram) => histogram.sum / histogram.count,
  };
  const part = parts[name];
  if (part === undefined) return undefined;
  return samples.flatMap(({ labels, value }) =>
    value instanceof PlainHistogram ? [{ labels: unnamed(labels), value: part(value) }] : [],
  );
}

/** histogram_quantile over classic buckets. */
export function classicQuantile(phi: number, samples: readonly Sample[]): Sample[] {
  const groups = new Map<string, { labels: Labels; buckets: Map<number, number> }>();
  for (const { labels, value } of samples) {
    if (typeof value !== 'number') throw new Unsupported('quantiles of native histograms');
    const le = parseFloatText(labels.get('le'));
    if (le === undefined || Number.isNaN(le)) continue;
    const target = labels.without('le');
    const group = groups.get(target.key) ?? { labels: target, buckets: new Map<number, number>() };
    groups.set(target.key, group);
    group.buckets.set(le, (group.buckets.get(le) ?? 0) + value);
  }
  return [...groups.values()].map(({ labels, buckets }) => ({
    labels: unnamed(labels),
    value: bucketQuantile(
      phi,
      [...buckets].sort(([a], [b]) => a - b),
    ),
  }));
}

function bucketQuantile(phi: number, given: readonly (readonly [number, number])[]): number {
  if (Number.isNaN(phi)) return NaN;
  if (phi < 0) return -Infinity;
  if (phi > 1) return Infinity;
  if (given.at(-1)?.[0] !== Infinity) return NaN;
  const buckets = given.map(([le]): [number, number] => [
    le,
    Math.max(...given.filter(([other]) => other <= le).map(([, count]) => count)),
  ]);
  const total = buckets.at(-1)![1];
  if (buckets.length < 2 || total === 0 || Number.isNaN(total)) return NaN;
  const rank = phi * total;
  const at = buckets.findIndex(([, count]) => count >= rank);
  if (at === buckets.length - 1) return buckets.at(-2)![0];
  const [upper, count] = buckets[at]!;
  if (at === 0 && upper <= 0) return upper;
  const lower = at === 0 ? 0 : buckets[at - 1]![0];
  const below = at === 0 ? 0 : buckets[at - 1]![1];
  return lower + (upper - lower) * ((rank - below) / (count - below));
}

/** label_replace with `$n` in the replacement and an anchored pattern that JavaScript reads as RE2 does. */
export function labelReplace(
  samples: readonly Sample[],
  [target, replacement, source, pattern]: readonly string[],
): Sample[] {
  const regexp = new RegExp(`^(?:${pattern!})$`, 's');
  return samples.map(({ labels, value }) => {
    const match = regexp.exec(labels.get(source!));
    if (match === null) return { labels, value };
    const text = replacement!.replaceAll(/\$(\d)/g, (_whole, group: string) => match[Number(group)] ?? '');
    return { labels: text === '' ? labels.without(target!) : labels.with(target!, text), value };
  });
}

/** label_join. */
export function labelJoin(
  samples: readonly Sample[],
  [target, separator, ...sources]: readonly string[],
): Sample[] {
  return samples.map(({ labels, value }) => {
    const text = sources.map((source) => labels.get(source)).join(separator);
    return { labels: text === '' ? labels.without(target!) : labels.with(target!, text), value };
  });
}

/** What `absent` shows: the labels that a selector asks for by `=`, each once. */
export function absentLabels(
  labels: Labels,
  matchers: readonly { readonly name: string; readonly op: string; readonly value: string }[],
): Labels {
  let shown = labels;
  for (const { name, op, value } of matchers) {
    if (name === METRIC_NAME || op !== '=') continue;
    const once = matchers.filter((other) => other.name === name).length === 1;
    if (once && value !== '') shown = shown.with(name, value);
  }
  return shown;
}
