import { formatOpenMetricsFloat } from '../../src/scrape/parser/float.ts';
import type { ProtoFamily, ProtoMetric } from './proto-exposition.ts';

/**
 * The families of {@link ProtoFamily} in Prometheus' text format, as client libraries write them: native histograms are
 * left out, counts and sums stand behind buckets.
 */
export function prometheusText(...families: readonly ProtoFamily[]): string {
  return families
    .flatMap(({ name, help, type, metrics }) => [
      `# HELP ${nameText(name)} ${(help ?? '').replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}\n`,
      `# TYPE ${nameText(name)} ${type === 'gaugehistogram' ? 'histogram' : type}\n`,
      ...metrics.flatMap((metric) => lines(name, metric)),
    ])
    .join('');
}

function lines(name: string, metric: ProtoMetric): string[] {
  const { counter, gauge, untyped, summary, histogram, timestampMs, labels = {} } = metric;
  const line = (ending: string, value: number, extra: Record<string, string> = {}): string => {
    const time = timestampMs === undefined ? '' : ` ${timestampMs}`;
    return `${seriesText(name + ending, { ...labels, ...extra })} ${number(value)}${time}\n`;
  };
  if (summary !== undefined) {
    const quantiles = summary.quantiles.flatMap((q, i) =>
      i % 2 === 1 ? [] : [line('', summary.quantiles[i + 1]!, { quantile: String(q) })],
    );
    return [...quantiles, line('_sum', summary.sum), line('_count', summary.count)];
  }
  if (histogram === undefined) return [line('', counter?.value ?? gauge ?? untyped ?? 0)];
  const { buckets = [], sum = 0 } = histogram;
  const count = histogram.countFloat ?? histogram.count ?? 0;
  const all = buckets.map((bucket) => line('_bucket', bucket.count ?? 0, { le: number(bucket.bound) }));
  if (buckets.at(-1)?.bound !== Infinity) all.push(line('_bucket', count, { le: '+Inf' }));
  return [...all, line('_sum', sum), line('_count', count)];
}

function number(value: number): string {
  return Number.isFinite(value) ? String(value) : formatOpenMetricsFloat(value);
}

/** A metric name, in quotes where it needs them. */
export function nameText(name: string): string {
  return isPlain(name) ? name : `"${escaped(name)}"`;
}

/** A series with its labels. */
export function seriesText(name: string, labels: Readonly<Record<string, string>>): string {
  const pairs = labelsText(labels);
  if (isPlain(name)) return pairs === '' ? name : `${name}{${pairs}}`;
  return `{${nameText(name)}${pairs === '' ? '' : `,${pairs}`}}`;
}

/** Labels without braces. */
export function labelsText(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(
      ([name, value]) => `${/^[a-zA-Z_]\w*$/.test(name) ? name : `"${escaped(name)}"`}="${escaped(value)}"`,
    )
    .join(',');
}

function isPlain(name: string): boolean {
  return /^[a-zA-Z_:][a-zA-Z0-9_:]*$/.test(name);
}

/** Text as it stands between quotes. */
export function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
