import type { Labels } from '../core/labels.ts';
import { staleMarker } from '../storage/index.ts';
import type { Appender, SeriesRef } from '../storage/index.ts';
import { reportLabels } from './sample-labels.ts';

const NAMES = [
  'up',
  'scrape_duration_seconds',
  'scrape_samples_scraped',
  'scrape_samples_post_metric_relabeling',
  'scrape_series_added',
] as const;
const EXTRA_NAMES = ['scrape_timeout_seconds', 'scrape_sample_limit', 'scrape_body_size_bytes'] as const;

/** Figures of one scrape, for the series about it. */
export interface ScrapeReport {
  readonly up: boolean;
  readonly durationMs: number;
  readonly scraped: number;
  readonly kept: number;
  readonly added: number;
  readonly timeoutMs: number;
  readonly sampleLimit: number;
  /** -1 when the body was over its limit, 0 when there was none. */
  readonly bodySizeBytes: number;
}

/** Writes the series about a target's scrapes: `up` and `scrape_…`. No relabelling and no limit, of memory neither, applies to them. */
export class ReportWriter {
  readonly #labels: readonly Labels[];
  readonly #refs: SeriesRef[];

  constructor(targetLabels: Labels, extraMetrics: boolean) {
    const names = extraMetrics ? [...NAMES, ...EXTRA_NAMES] : NAMES;
    this.#labels = names.map((name) => reportLabels(name, targetLabels));
    this.#refs = names.map(() => 0);
  }

  write(appender: Appender, tMs: number, report: ScrapeReport): void {
    this.#append(appender, tMs, [
      report.up ? 1 : 0,
      report.durationMs / 1000,
      report.scraped,
      report.kept,
      report.added,
      report.timeoutMs / 1000,
      report.sampleLimit,
      report.bodySizeBytes,
    ]);
  }

  /** Says that the target is not scraped any more. */
  writeStale(appender: Appender, tMs: number): void {
    this.#append(appender, tMs, new Float64Array(this.#labels.length).fill(staleMarker));
  }

  #append(appender: Appender, tMs: number, values: ArrayLike<number>): void {
    for (let i = 0; i < this.#labels.length; i++) {
      let ref = this.#refs[i]!;
      if (ref === 0 || !appender.isLive(ref)) {
        ref = appender.series(this.#labels[i]!, true);
        this.#refs[i] = ref;
      }
      // A sample that is not taken is older than one of a newer loop of the same target: that one counts.
      appender.append(ref, tMs, values[i]!);
    }
  }
}
