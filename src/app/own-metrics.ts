import { Labels, METRIC_NAME } from '../core/labels.ts';
import { type Matcher, matchesAll } from '../core/matcher.ts';
import type { Registry } from '../core/metrics.ts';
import type { Querier, ReadableStorage, SampleBuffer, SeriesCursor } from '../storage/index.ts';

/** A sample of a metric, as prom-client gives it. */
interface OwnSample {
  readonly labels: Labels;
  readonly value: number;
}

/** The program's own metrics as series that have one sample, at the end of whatever span is asked for: their value now. */
export class OwnMetrics implements ReadableStorage {
  readonly #registry: Registry;

  constructor(registry: Registry) {
    this.#registry = registry;
  }

  querier(): Querier {
    const select = (matchers: readonly Matcher[]): Promise<OwnSample[]> => this.#select(matchers);
    return {
      select: async (matchers) => new OwnCursor(await select(matchers)),
      labelNames: async (matchers) => {
        const found = await select(matchers);
        return [...new Set(found.flatMap(({ labels }) => [...labels].map(([name]) => name)))].sort();
      },
      labelValues: async (name, matchers) => {
        const found = await select(matchers);
        return [...new Set(found.map(({ labels }) => labels.get(name)))].filter(Boolean).sort();
      },
      close() {},
    };
  }

  async #select(matchers: readonly Matcher[]): Promise<OwnSample[]> {
    const name = matchers.find((matcher) => matcher.name === METRIC_NAME && matcher.op === '=')?.value;
    const one = name === undefined ? undefined : await this.#registry.getSingleMetric(name)?.get();
    const metrics = one === undefined ? await this.#registry.getMetricsAsJSON() : [one];
    const samples: OwnSample[] = [];
    for (const metric of metrics) {
      for (const sample of metric.values) {
        const shown: unknown = 'metricName' in sample ? sample.metricName : undefined;
        const entries: [string, string][] = [[METRIC_NAME, typeof shown === 'string' ? shown : metric.name]];
        for (const [label, value] of Object.entries(sample.labels)) entries.push([label, String(value)]);
        const labels = Labels.fromEntries(entries);
        if (matchesAll(matchers, labels)) samples.push({ labels, value: sample.value });
      }
    }
    return samples.sort((a, b) => a.labels.compare(b.labels));
  }
}

class OwnCursor implements SeriesCursor {
  readonly #samples: readonly OwnSample[];
  #at = -1;

  constructor(samples: readonly OwnSample[]) {
    this.#samples = samples;
  }

  get count(): number {
    return this.#samples.length;
  }

  next(): boolean {
    return ++this.#at < this.#samples.length;
  }

  labels(): Labels {
    return this.#samples[this.#at]!.labels;
  }

  ref(): number {
    return this.#at + 1;
  }

  read(_minMs: number, maxMs: number, into: SampleBuffer): number {
    into.clear();
    into.reserve(1);
    into.timestamps[0] = maxMs;
    into.values[0] = this.#samples[this.#at]!.value;
    into.length = 1;
    return 1;
  }
}
