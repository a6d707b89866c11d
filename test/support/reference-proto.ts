import { Labels } from '../../src/core/labels.ts';
import { testText } from '../../src/core/histogram/text.ts';
import { FloatHistogram } from '../../src/core/histogram/float-histogram.ts';
import type { HistogramChoice } from '../../src/scrape/parser/metric-entries.ts';
import { formatOpenMetricsFloat } from '../../src/scrape/parser/float.ts';
import type { ProtoExemplar, ProtoFamily, ProtoHistogramMessage, ProtoMetric } from './proto-exposition.ts';

interface Line {
  readonly ending: string;
  readonly extra: Readonly<Record<string, string>>;
  readonly value: string;
  readonly exemplars: readonly ProtoExemplar[];
}

/** What a reader of the protobuf format must find in a family, straight from the rules. Without conversion. */
export function expectedLines(
  family: ProtoFamily,
  choice: HistogramChoice,
  typeNames: readonly string[],
): string[] {
  if (family.metrics.length === 0) return [];
  const type = family.type === 'untyped' ? 'unknown' : family.type;
  if (!typeNames.includes(type)) throw new Error(`no type ${type}`);
  return [
    `# HELP ${family.name} ${family.help ?? ''}`,
    ...(family.unit === undefined ? [] : [`# UNIT ${family.name} ${family.unit}`]),
    `# TYPE ${family.name} ${type}`,
    ...family.metrics.flatMap((metric) =>
      linesOf(metric, family.type, choice).map((line) => lineText(family.name, metric, line)),
    ),
  ];
}

function lineText(name: string, metric: ProtoMetric, { ending, extra, value, exemplars }: Line): string {
  const labels = Labels.fromObject({ __name__: name + ending, ...metric.labels, ...extra });
  const startMs = metric.counter?.startMs ?? metric.summary?.startMs ?? metric.histogram?.startMs ?? 0;
  const shown = exemplars.map(
    (e) =>
      ` # ${Labels.fromObject(e.labels ?? {}).toString()} ${e.value}${e.timestampMs === undefined ? '' : ` ${e.timestampMs}`}`,
  );
  const time = metric.timestampMs === undefined ? '' : ` @${metric.timestampMs}`;
  return `${labels.toString()} ${value}${time}${startMs === 0 ? '' : ` st@${startMs}`}${shown.join('')}`;
}

function linesOf(metric: ProtoMetric, type: ProtoFamily['type'], choice: HistogramChoice): Line[] {
  const plain = (ending: string, value: number, extra: Readonly<Record<string, string>> = {}): Line => ({
    ending,
    extra,
    value: String(value),
    exemplars: [],
  });
  const { counter, gauge, untyped, summary, histogram } = metric;
  if (counter !== undefined)
    return [
      { ...plain('', counter.value), exemplars: counter.exemplar === undefined ? [] : [counter.exemplar] },
    ];
  if (summary !== undefined) {
    const quantiles = summary.quantiles.flatMap((q, i) =>
      i % 2 === 1 ? [] : [plain('', summary.quantiles[i + 1]!, { quantile: formatOpenMetricsFloat(q) })],
    );
    return [plain('_count', summary.count), plain('_sum', summary.sum), ...quantiles];
  }
  if (histogram === undefined) return [plain('', gauge ?? untyped ?? 0)];
  const { buckets = [], sum = 0 } = histogram;
  const count = histogram.countFloat ?? histogram.count ?? 0;
  const classic: Line[] = [
    plain('_count', count),
    plain('_sum', sum),
    ...buckets.map((bucket) => ({
      ...plain('_bucket', bucket.count ?? 0, { le: formatOpenMetricsFloat(bucket.bound) }),
      exemplars: bucket.exemplar === undefined ? [] : [bucket.exemplar],
    })),
  ];
  if (buckets.at(-1)?.bound !== Infinity) classic.push(plain('_bucket', count, { le: '+Inf' }));
  const isNative =
    (histogram.positiveSpans ?? []).length + (histogram.negativeSpans ?? []).length > 0 ||
    (histogram.zeroThreshold ?? 0) > 0 ||
    (histogram.zeroCount ?? 0) > 0;
  if (!choice.native || !isNative) return classic;
  const all = histogram.exemplars?.length
    ? histogram.exemplars
    : buckets.flatMap((bucket) => (bucket.exemplar === undefined ? [] : [bucket.exemplar]));
  const native: Line = {
    ending: '',
    extra: {},
    value: testText(nativeOf(histogram, type === 'gaugehistogram')),
    exemplars: all.filter((e) => e.timestampMs !== undefined),
  };
  return choice.alwaysClassic && buckets.length > 0 ? [native, ...classic] : [native];
}

function nativeOf(h: ProtoHistogramMessage, isGauge: boolean): FloatHistogram {
  const isFloat = (h.countFloat ?? 0) > 0 || (h.zeroCountFloat ?? 0) > 0;
  const counts = (deltas: readonly number[] = [], floats: readonly number[] = []): Float64Array => {
    let running = 0;
    return Float64Array.from(isFloat ? floats : deltas.map((delta) => (running += delta)));
  };
  return new FloatHistogram({
    schema: h.schema ?? 0,
    count: h.countFloat ?? h.count ?? 0,
    sum: h.sum ?? 0,
    zeroThreshold: h.zeroThreshold ?? 0,
    zeroCount: (isFloat ? h.zeroCountFloat : h.zeroCount) ?? 0,
    ...sideOf('positive', h.positiveSpans, counts(h.positiveDeltas, h.positiveCounts)),
    ...sideOf('negative', h.negativeSpans, counts(h.negativeDeltas, h.negativeCounts)),
    counterResetHint: isGauge ? 3 : 0,
  });
}

/** One span for each bucket that is not empty. */
function sideOf(side: 'positive' | 'negative', spans: readonly number[] = [], counts: Float64Array): object {
  const kept: { index: number; count: number }[] = [];
  let index = 0;
  let at = 0;
  for (let i = 0; i < spans.length; i += 2) {
    index += spans[i]!;
    for (let left = spans[i + 1]!; left > 0; left--, index++, at++)
      if (counts[at] !== 0) kept.push({ index, count: counts[at]! });
  }
  const flat = kept.flatMap((bucket, i) => [bucket.index - (i === 0 ? 0 : kept[i - 1]!.index + 1), 1]);
  return {
    [`${side}Spans`]: Int32Array.from(flat),
    [`${side}Buckets`]: Float64Array.from(kept, (bucket) => bucket.count),
  };
}
