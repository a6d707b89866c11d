import { formatFloatPlain } from '../../../core/float-text.ts';
import { goQuote } from '../../../core/go-quote.ts';
import type { FloatHistogram } from '../../../core/histogram/float-histogram.ts';
import { METRIC_NAME } from '../../../core/labels.ts';
import type { Labels } from '../../../core/labels.ts';
import { staleMarker } from '../../stale.ts';
import type { Exemplar, SeriesMetadata, SeriesRef } from '../../seam.ts';
import type { Incoming } from '../receive/incoming.ts';
import type { Pacer } from '../receive/pacer.ts';
import { receivedLabels } from '../receive/received-labels.ts';
import type { OtlpConfig } from './config.ts';
import { customBucketsHistogram, exponentialHistogram } from './convert-histogram.ts';
import { promExemplars } from './exemplars.ts';
import { IDENTIFYING_ATTRIBUTES, LabelMaker } from './label-maker.ts';
import type { LabelMap } from './label-maker.ts';
import { TranslationError, metricName } from './metric-name.ts';
import type { NameRules } from './metric-name.ts';
import { NO_RECORDED_VALUE, Temporality } from './model.ts';
import type { HistogramPoint, MetricData, OtlpMetric, OtlpResource, SummaryPoint } from './model.ts';
import { typeOf } from './metric-type.ts';
import { unitName } from './unit-name.ts';
import { TranslationWarnings } from './warnings.ts';

const TARGET_METADATA: SeriesMetadata = { type: 'gauge', unit: '', help: 'Target metadata' };
/** Most samples of one `target_info` in a request: 17 days of them. */
const MAX_TARGET_SAMPLES = 10_000;

/** How a request is translated. */
export interface TranslationOptions {
  readonly config: OtlpConfig;
  /** Half of it lies between samples of `target_info`. */
  readonly lookbackMs: number;
  /** Whether `__type__` and `__unit__` are labels. */
  readonly typeAndUnitLabels: boolean;
  readonly storeMetadata: boolean;
  /** Whether deltas are stored as they are (feature `otlp-native-delta-ingestion`). */
  readonly allowDelta: boolean;
}

/** A metric on its way. */
interface Named {
  readonly name: string;
  readonly metadata: SeriesMetadata;
}

/** A sample to be appended; the labels lack the name. */
interface Sample {
  readonly name: string;
  readonly labels: LabelMap;
  readonly extra?: readonly [name: string, value: string];
  readonly tMs: number;
  readonly startMs: number;
  readonly value: number | FloatHistogram;
  readonly exemplars?: readonly Exemplar[];
  readonly metadata: SeriesMetadata;
}

/**
 * Appends what one OTLP request brings as Prometheus' series. What cannot be translated becomes a refusal of `incoming`; the rest is
 * taken.
 *
 * @see prometheus storage/remote/otlptranslator/prometheusremotewrite/metrics_to_prw.go
 */
export class Translation {
  readonly warnings = new TranslationWarnings();
  readonly #options: TranslationOptions;
  readonly #incoming: Incoming;
  readonly #pacer: Pacer;
  readonly #rules: NameRules;
  readonly #labels: LabelMaker;
  readonly #targets = new Set<string>();

  constructor(options: TranslationOptions, incoming: Incoming, pacer: Pacer) {
    const { config, typeAndUnitLabels } = options;
    const strategy = config.translationStrategy;
    this.#options = options;
    this.#incoming = incoming;
    this.#pacer = pacer;
    this.#rules = {
      addSuffixes: strategy === 'UnderscoreEscapingWithSuffixes' || strategy === 'NoUTF8EscapingWithSuffixes',
      escape:
        strategy === 'UnderscoreEscapingWithSuffixes' || strategy === 'UnderscoreEscapingWithoutSuffixes',
    };
    this.#labels = new LabelMaker(config, this.#rules.escape, typeAndUnitLabels, this.warnings);
  }

  /** Appends everything; `incoming` is to be committed then. */
  async run(resources: readonly OtlpResource[]): Promise<void> {
    for (const resource of resources) {
      if (this.#attempt(() => this.#labels.useResource(resource.attributes))) await this.#resource(resource);
    }
  }

  async #resource(resource: OtlpResource): Promise<void> {
    let earliestMs = Infinity;
    let latestMs = 0;
    for (const scope of resource.scopes) {
      if (!this.#attempt(() => this.#labels.useScope(scope))) continue;
      for (const metric of scope.metrics) {
        for (const { tMs } of metric.data?.points ?? []) {
          earliestMs = Math.min(earliestMs, tMs);
          latestMs = Math.max(latestMs, tMs);
        }
        await this.#metric(metric);
      }
    }
    if (earliestMs !== Infinity) this.#attempt(() => this.#targetInfo(resource, earliestMs, latestMs));
  }

  /** Whether something could be translated; why it could not is a refusal. */
  #attempt(translate: () => void): boolean {
    try {
      translate();
      return true;
    } catch (error) {
      if (!(error instanceof TranslationError)) throw error;
      this.#incoming.refusals.add(error.message);
      return false;
    }
  }

  async #metric(metric: OtlpMetric): Promise<void> {
    const { data } = metric;
    let named: Named | undefined;
    this.#attempt(() => {
      named = this.#named(metric);
    });
    if (named === undefined || data === undefined) return;
    if (data.points.length === 0) {
      this.warnings.add('empty_data_points', `empty data points. ${metric.name} is dropped`);
      return;
    }
    const appendPoint = this.#pointAppender(data, named);
    for (let i = 0; i < data.points.length; i++) {
      // As with Prometheus the first point that cannot be translated ends its metric.
      if (!this.#attempt(() => appendPoint(i))) return;
      if (this.#pacer.isDue()) await this.#pacer.rest();
    }
  }

  #named({ name, unit, description, data }: OtlpMetric): Named {
    if (data === undefined) {
      throw new TranslationError(
        `could not get aggregation temporality for ${name} as it has unsupported metric type Empty`,
      );
    }
    const temporality =
      data.kind === 'gauge' || data.kind === 'summary' ? Temporality.cumulative : data.temporality;
    const isValid =
      temporality === Temporality.cumulative ||
      (this.#options.allowDelta && temporality === Temporality.delta);
    if (!isValid) {
      throw new TranslationError(`invalid temporality and type combination for metric ${goQuote(name)}`);
    }
    const isGauge = data.kind === 'gauge';
    const isMonotonicSum = data.kind === 'sum' && data.isMonotonic;
    return {
      name: metricName({ name, unit, isGauge, isMonotonicSum }, this.#rules),
      metadata: { type: typeOf(data), unit: unitName(unit, true), help: description },
    };
  }

  #pointAppender(data: MetricData, named: Named): (i: number) => void {
    switch (data.kind) {
      case 'gauge':
      case 'sum':
        return (i) => {
          const { attributes, flags, exemplars, value, ...times } = data.points[i]!;
          this.#append({
            ...named,
            ...times,
            labels: this.#labels.pointLabels(attributes, named.metadata),
            value: valueOr(flags, value),
            ...(data.kind === 'sum' && { exemplars: promExemplars(exemplars) }),
          });
        };
      case 'histogram':
        return this.#options.config.convertHistogramsToNhcb
          ? (i) => {
              const point = data.points[i]!;
              this.#native(named, point, customBucketsHistogram(point, data.temporality), 'histogram');
            }
          : (i) => {
              this.#classic(named, data.points[i]!);
            };
      case 'exponentialHistogram':
        return (i) => {
          const point = data.points[i]!;
          const histogram = exponentialHistogram(point, data.temporality);
          this.#native(named, point, histogram, 'exponential histogram');
        };
      case 'summary':
        return (i) => {
          this.#summary(named, data.points[i]!);
        };
    }
  }

  #native(
    named: Named,
    point: Pick<HistogramPoint, 'attributes' | 'startMs' | 'tMs' | 'exemplars' | 'count' | 'sum' | 'flags'>,
    value: FloatHistogram,
    what: string,
  ): void {
    const { attributes, startMs, tMs, exemplars, count, sum = 0, flags } = point;
    if (count === 0 && sum !== 0 && (flags & NO_RECORDED_VALUE) === 0) {
      const text = `${what} data point has zero count, but non-zero sum: ${sum.toFixed(6)}`;
      this.warnings.add('histogram_zero_count_non_zero_sum', text);
    }
    const labels = this.#labels.pointLabels(attributes, named.metadata);
    this.#append({ ...named, labels, startMs, tMs, value, exemplars: promExemplars(exemplars) });
  }

  /** A histogram as series of `_sum`, `_count` and `_bucket`. */
  #classic({ name, metadata }: Named, point: HistogramPoint): void {
    const { startMs, tMs, flags, count, sum } = point;
    const labels = this.#labels.pointLabels(point.attributes, metadata);
    const common = { labels, metadata, startMs, tMs };
    const put = (suffix: string, value: number, le?: string, exemplars?: readonly Exemplar[]): void => {
      this.#append({
        ...common,
        name: `${name}${suffix}`,
        value: valueOr(flags, value),
        ...(le !== undefined && { extra: ['le', le] as const }),
        ...(exemplars !== undefined && { exemplars }),
      });
    };
    if (sum !== undefined) put('_sum', sum);
    put('_count', count);
    const exemplars = promExemplars(point.exemplars);
    let shown = 0;
    let cumulative = 0;
    for (let i = 0; i < point.bounds.length && i < point.bucketCounts.length; i++) {
      const bound = point.bounds[i]!;
      cumulative += point.bucketCounts[i]!;
      const from = shown;
      while (shown < exemplars.length && !(exemplars[shown]!.value > bound)) shown++;
      put('_bucket', cumulative, formatFloatPlain(bound), exemplars.slice(from, shown));
    }
    put('_bucket', count, '+Inf', exemplars.slice(shown));
  }

  #summary({ name, metadata }: Named, point: SummaryPoint): void {
    const { startMs, tMs, flags, count, sum, quantiles } = point;
    const common = { labels: this.#labels.pointLabels(point.attributes, metadata), metadata, startMs, tMs };
    this.#append({ ...common, name: `${name}_sum`, value: valueOr(flags, sum) });
    this.#append({ ...common, name: `${name}_count`, value: valueOr(flags, count) });
    for (const { quantile, value } of quantiles) {
      const extra = ['quantile', formatFloatPlain(quantile)] as const;
      this.#append({ ...common, name, extra, value: valueOr(flags, value) });
    }
  }

  /**
   * `target_info` of a resource: a sample at each half look-back between its points, so that it is found wherever they are.
   */
  #targetInfo({ attributes }: OtlpResource, earliestMs: number, latestMs: number): void {
    const identifying = IDENTIFYING_ATTRIBUTES.filter((name) => attributes.some(([key]) => key === name));
    if (attributes.length === identifying.length) return;
    const map = this.#labels.targetLabels(attributes);
    if (map === undefined) return;
    const series = this.#series(map, 'target_info');
    if (series === undefined) return;
    const stepMs = this.#options.lookbackMs / 2;
    let tMs = Math.max(earliestMs, latestMs - MAX_TARGET_SAMPLES * stepMs);
    const { refusals } = this.#incoming;
    const before = refusals.count;
    for (; refusals.count === before; tMs += stepMs) {
      const atMs = Math.min(Math.floor(tMs), latestMs);
      const key = `${atMs} ${series.labels.key}`;
      if (!this.#targets.has(key)) {
        this.#targets.add(key);
        this.#incoming.float(series.ref, atMs, 1, 0, () => series.labels.toString());
      }
      if (atMs === latestMs) break;
    }
    if (this.#options.storeMetadata) this.#incoming.metadata(series.ref, TARGET_METADATA);
  }

  #append({ name, labels, extra, tMs, startMs, value, exemplars, metadata }: Sample): void {
    const series = this.#series(labels, name, extra);
    if (series === undefined) return;
    const { ref } = series;
    const shown = (): string => series.labels.toString();
    if (typeof value === 'number') this.#incoming.float(ref, tMs, value, startMs, shown);
    else this.#incoming.histogram(ref, { tMs, startMs, histogram: value, isWhole: true }, shown);
    for (const exemplar of exemplars ?? []) this.#incoming.exemplar(ref, exemplar, shown);
    if (this.#options.storeMetadata) this.#incoming.metadata(ref, metadata);
  }

  /** A series by its labels and name; undefined when it cannot be, which is a refusal, or there is no memory for it. */
  #series(
    map: LabelMap,
    name: string,
    extra?: readonly [string, string],
  ): { readonly ref: SeriesRef; readonly labels: Labels } | undefined {
    const flat: string[] = [METRIC_NAME, name];
    for (const [label, value] of map) {
      if (label !== extra?.[0] && label !== METRIC_NAME) flat.push(label, value);
    }
    if (extra !== undefined) flat.push(...extra);
    const labels = receivedLabels(flat);
    if (typeof labels === 'string') {
      this.#incoming.refusals.add(labels);
      return undefined;
    }
    const ref = this.#incoming.series(labels);
    return ref === 0 ? undefined : { ref, labels };
  }
}

/** The value of a point, or the stale marker where it has none. */
function valueOr(flags: number, value: number): number {
  return (flags & NO_RECORDED_VALUE) !== 0 ? staleMarker : value;
}
