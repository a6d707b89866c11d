import type { FloatHistogram } from '../../../src/core/histogram/float-histogram.ts';
import type { Labels } from '../../../src/core/labels.ts';
import { emptyHistogram } from '../../../src/core/histogram/empty.ts';
import { testText } from '../../../src/core/histogram/text.ts';
import { AppendOutcome, ExemplarOutcome, histogramFault, isStale } from '../../../src/storage/index.ts';
import type {
  Appender,
  Cardinality,
  Querier,
  SampleStorage,
  SeriesRef,
  StorageStats,
} from '../../../src/storage/index.ts';

/** A native histogram as tests write it. */
export type HistogramText = `{{${string}}}`;

/** One stored sample; `value` of a stale marker is the text `stale`, so that tests can compare. */
export interface StoredSample {
  readonly tMs: number;
  readonly value: number | 'stale' | HistogramText;
  /** Absent when there is none. */
  readonly startMs?: number;
}

interface Series {
  readonly labels: Labels;
  readonly samples: StoredSample[];
}

/** The plainest storage to write into: lists in a map. Behaves as Prometheus' head does without out-of-order window. */
export class ScrapeStorage implements SampleStorage {
  readonly #series: (Series | undefined)[] = [undefined];
  readonly #refs = new Map<string, SeriesRef>();
  /** Commits fail while this is set. */
  failCommits = false;
  commits = 0;
  rollbacks = 0;
  /** Exemplars and metadata that came, whether committed or not: series, then what came. */
  readonly extras: string[] = [];
  /** The histograms behind texts of them. */
  readonly histograms = new Map<HistogramText, FloatHistogram>();
  /** How often a series was looked up by its labels. */
  lookups = 0;

  appender(nowMs: number): Appender {
    const pending: { ref: SeriesRef; tMs: number; value: StoredSample['value']; startMs: number }[] = [];
    const append = (
      ref: SeriesRef,
      tMs: number,
      value: number | HistogramText,
      startMs = 0,
    ): AppendOutcome => {
      const series = this.#series[ref];
      if (series === undefined) throw new Error(`append to a series that does not live: ${ref}`);
      if (tMs > nowMs + 600_000) return AppendOutcome.tooFarAhead;
      const last = series.samples.at(-1);
      if (last !== undefined && tMs < last.tMs) return AppendOutcome.outOfOrder;
      if (last !== undefined && tMs === last.tMs) {
        return Object.is(last.value, shown(value)) ? AppendOutcome.same : AppendOutcome.duplicate;
      }
      pending.push({ ref, tMs, value: shown(value), startMs });
      return AppendOutcome.stored;
    };
    return {
      series: (labels) => this.#refOf(labels),
      isLive: (ref) => this.#series[ref] !== undefined,
      appendExemplar: (ref, { labels, value, timestampMs, hasTimestamp }) => {
        const own = hasTimestamp ? ' own' : '';
        this.extras.push(
          `${this.#series[ref]!.labels.metricName} ${labels.toString()} ${value} ${timestampMs}${own}`,
        );
        return value < 0 ? ExemplarOutcome.outOfOrder : ExemplarOutcome.stored;
      },
      updateMetadata: (ref, { type, unit, help }) => {
        this.extras.push(`${this.#series[ref]!.labels.metricName} is ${type},${unit},${help}`);
      },
      append,
      appendRich: (ref, tMs, { value, histogram, startMs }) => {
        if (histogram === undefined) return append(ref, tMs, value, startMs);
        if (histogramFault(histogram) !== undefined) return AppendOutcome.malformed;
        const text = testText(histogram) as HistogramText;
        this.histograms.set(text, histogram);
        return append(ref, tMs, text, startMs);
      },
      appendStartZero: (ref, startMs, tMs, histogram) => {
        if (startMs >= tMs) return;
        append(
          ref,
          startMs,
          histogram === undefined ? 0 : (testText(emptyHistogram(histogram)) as HistogramText),
        );
      },
      appendColumn(refs, values, count, tMs, outcomes) {
        let refused = 0;
        for (let i = 0; i < count; i++) {
          const outcome = append(refs[i]!, tMs, values[i]!);
          outcomes[i] = outcome;
          if (outcome > AppendOutcome.same) refused++;
        }
        return refused;
      },
      commit: async () => {
        if (this.failCommits) throw new Error('disk full');
        this.commits++;
        for (const { ref, tMs, value, startMs } of pending) {
          const { samples } = this.#series[ref]!;
          const last = samples.at(-1);
          if (last !== undefined && last.tMs >= tMs) continue;
          samples.push({
            tMs,
            value,
            ...(startMs !== 0 && { startMs }),
          });
        }
      },
      rollback: () => {
        this.rollbacks++;
        pending.length = 0;
      },
    };
  }

  /** Forgets all series, as an engine does with ones that got no samples for long. */
  reclaim(): void {
    this.#series.fill(undefined);
    this.#refs.clear();
  }

  /** Samples by series text, of series that have the metric name; all when it is ''. */
  dump(metric = ''): Record<string, StoredSample[]> {
    const all: Record<string, StoredSample[]> = {};
    for (const series of this.#series) {
      if (series === undefined || series.samples.length === 0) continue;
      if (metric === '' || series.labels.metricName === metric)
        all[series.labels.toString()] = series.samples;
    }
    return all;
  }

  /** Values of one series in order of time. */
  values(metric: string): StoredSample['value'][] {
    const found = Object.values(this.dump(metric));
    if (found.length > 1) throw new Error(`more than one series of ${metric}`);
    return (found[0] ?? []).map((sample) => sample.value);
  }

  querier(): Querier {
    throw new Error('not needed by these tests');
  }

  stats(): StorageStats {
    throw new Error('not needed by these tests');
  }

  cardinality(): Cardinality {
    throw new Error('not needed by these tests');
  }

  #refOf(labels: Labels): SeriesRef {
    this.lookups++;
    let ref = this.#refs.get(labels.key);
    if (ref === undefined) {
      ref = this.#series.length;
      this.#series.push({ labels, samples: [] });
      this.#refs.set(labels.key, ref);
    }
    return ref;
  }
}

function shown(value: number | HistogramText): StoredSample['value'] {
  return typeof value === 'number' && isStale(value) ? 'stale' : value;
}
