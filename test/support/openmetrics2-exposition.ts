import { escaped, labelsText, nameText, seriesText } from './text-exposition.ts';
import type { ProtoExemplar, ProtoFamily, ProtoHistogramMessage, ProtoMetric } from './proto-exposition.ts';

/**
 * The families of {@link ProtoFamily} in OpenMetrics 2.0. Times must be of whole seconds. Exemplars of histograms that
 * stand at buckets are left out: here they belong to the whole.
 */
export function openMetrics2Text(...families: readonly ProtoFamily[]): string {
  const lines = families.flatMap((family) => {
    const name = nameText(family.name);
    const type = family.type === 'untyped' ? 'unknown' : family.type;
    return [
      `# TYPE ${name} ${type}`,
      ...(family.unit === undefined ? [] : [`# UNIT ${name} ${family.unit}`]),
      ...(family.help === undefined ? [] : [`# HELP ${name} ${escaped(family.help)}`]),
      ...family.metrics.map((metric) => sampleLine(family, metric)),
    ];
  });
  return [...lines, '# EOF\n'].join('\n');
}

function sampleLine(family: ProtoFamily, metric: ProtoMetric): string {
  const { counter, gauge, untyped, summary, histogram, timestampMs } = metric;
  const startMs = counter?.startMs ?? summary?.startMs ?? histogram?.startMs;
  const exemplars = counter?.exemplar === undefined ? (histogram?.exemplars ?? []) : [counter.exemplar];
  const value =
    summary === undefined
      ? histogram === undefined
        ? number(counter?.value ?? gauge ?? untyped ?? 0)
        : `{${histogramFields(histogram, family.type === 'gaugehistogram').join(',')}}`
      : `{count:${summary.count},sum:${number(summary.sum)},quantile:[${quantiles(summary.quantiles)}]}`;
  return [
    `${seriesText(family.name, metric.labels ?? {})} ${value}`,
    ...(timestampMs === undefined ? [] : [seconds(timestampMs)]),
    ...(startMs === undefined ? [] : [`st@${seconds(startMs)}`]),
    ...exemplars.map(exemplarText),
  ].join(' ');
}

function quantiles(pairs: readonly number[]): string {
  const sorted = pairs
    .flatMap((q, i) => (i % 2 === 0 ? [[q, pairs[i + 1]!] as const] : []))
    .toSorted((a, b) => a[0] - b[0]);
  return sorted.map(([q, value]) => `${q}:${number(value)}`).join(',');
}

function histogramFields(h: ProtoHistogramMessage, isGauge: boolean): string[] {
  const g = isGauge ? 'g' : '';
  const count = h.countFloat ?? h.count ?? 0;
  const fields = [`${g}count:${number(count)}`, `${g}sum:${number(h.sum ?? 0)}`];
  const isNative =
    (h.positiveSpans ?? []).length + (h.negativeSpans ?? []).length > 0 ||
    (h.zeroThreshold ?? 0) > 0 ||
    (h.zeroCount ?? 0) > 0;
  if (isNative) {
    fields.push(`schema:${h.schema ?? 0}`, `zero_threshold:${h.zeroThreshold ?? 0}`);
    fields.push(`zero_count:${h.zeroCountFloat ?? h.zeroCount ?? 0}`);
    fields.push(...side('negative', h.negativeSpans, h.negativeDeltas, h.negativeCounts));
    fields.push(...side('positive', h.positiveSpans, h.positiveDeltas, h.positiveCounts));
  }
  const buckets = h.buckets ?? [];
  if (buckets.length > 0 || !isNative) {
    const items = buckets.map(({ bound, count: upTo = 0 }) => `${number(bound)}:${upTo}`);
    if (buckets.at(-1)?.bound !== Infinity) items.push(`+Inf:${number(count)}`);
    fields.push(`bucket:[${items.join(',')}]`);
  }
  return fields;
}

function side(
  name: string,
  spans: readonly number[] = [],
  deltas: readonly number[] = [],
  counts: readonly number[] | undefined,
): string[] {
  if (spans.length === 0) return [];
  let running = 0;
  const all = counts ?? deltas.map((delta) => (running += delta));
  const pairs = spans.flatMap((offset, i) => (i % 2 === 0 ? [`${offset}:${spans[i + 1]!}`] : []));
  return [`${name}_spans:[${pairs.join(',')}]`, `${name}_buckets:[${all.map(number).join(',')}]`];
}

function exemplarText({ labels = {}, value = 0, timestampMs = 0 }: ProtoExemplar): string {
  return `# {${labelsText(labels)}} ${number(value)} ${seconds(timestampMs)}`;
}

function number(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  return Number.isFinite(value) ? String(value) : value > 0 ? '+Inf' : '-Inf';
}

function seconds(ms: number): string {
  return String(ms / 1000);
}
