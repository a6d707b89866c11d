import { Labels, METRIC_NAME } from '../../src/core/labels.ts';
import { formatSampleValue } from '../../src/core/float-text.ts';
import { SeededRandom } from '../../src/core/seeded-random.ts';
import { MemoryStorage } from '../support/memory-storage.ts';

/** When the data begins; a whole hour, so that subquery steps are at known places. */
export const DATA_START_MS = 1_700_000_400_000 - (1_700_000_400_000 % 3_600_000);
const SAMPLES = 480;
const SPACING_MS = 15_000;

interface Sample {
  readonly tMs: number;
  readonly value: number;
}

/** A series and its samples. */
export interface DataSeries {
  readonly labels: Labels;
  readonly samples: readonly Sample[];
}

/** Two hours of gauges, counters, buckets and oddities; equal for equal seeds. */
export function makeData(seed: number): DataSeries[] {
  const random = new SeededRandom(seed);
  const series: DataSeries[] = [];
  const add = (
    name: string,
    labels: Record<string, string>,
    value: (k: number) => number | undefined,
  ): void => {
    const samples: Sample[] = [];
    for (let k = 0; k < SAMPLES; k++) {
      // Never on a whole second: evaluation times and window edges are.
      const tMs = DATA_START_MS + k * SPACING_MS + 137 + Math.floor(random.next() * 700);
      const v = value(k);
      if (v !== undefined) samples.push({ tMs, value: v });
    }
    series.push({ labels: Labels.fromObject({ [METRIC_NAME]: name, ...labels }), samples });
  };
  for (const g of ['a', 'ab', 'c']) {
    for (const i of ['1', '2', '3']) {
      let level = 50 + random.next() * 100;
      add('gauge', { g, i }, () => (level += random.next() * 10 - 5));
      // Resets go back to a value far from zero: 2.42 limits extrapolation at zero in another way.
      let count = 1e5;
      add(
        'c_total',
        { g, i },
        () => (count = random.next() < 0.02 ? 1e5 : count + Math.floor(random.next() * 20)),
      );
      add('odd', { g, i }, () => {
        const dice = random.next();
        if (dice < 0.1) return NaN;
        if (dice < 0.13) return Infinity;
        if (dice < 0.16) return -Infinity;
        return Math.floor(random.next() * 5);
      });
      add('gappy', { g, i }, (k) =>
        Math.floor(k / 40) % 3 === Number(i) % 3 ? undefined : 1e5 + k + Number(i),
      );
    }
  }
  for (const i of ['1', '2']) {
    const counts = [0, 0, 0, 0];
    const bounds = ['0.1', '0.5', '2', '+Inf'];
    const steps: number[][] = Array.from({ length: SAMPLES }, () => {
      const bucket = Math.floor(random.next() * 4);
      for (let b = bucket; b < 4; b++) counts[b]!++;
      return [...counts];
    });
    bounds.forEach((le, b) => add('h_bucket', { i, le }, (k) => 1e4 * (b + 1) + steps[k]![b]!));
  }
  add('one', {}, () => 1);
  return series;
}

/** The data as an OpenMetrics page with timestamps, for promtool. */
export function toOpenMetrics(data: readonly DataSeries[]): string {
  const lines: string[] = [];
  const names = [...new Set(data.map(({ labels }) => labels.metricName))];
  for (const name of names) {
    lines.push(`# TYPE ${name} unknown`);
    for (const { labels, samples } of data) {
      if (labels.metricName !== name) continue;
      const pairs = [...labels].filter(([label]) => label !== METRIC_NAME);
      const text = pairs.map(([label, value]) => `${label}="${value}"`).join(',');
      for (const { tMs, value } of samples) {
        lines.push(`${name}{${text}} ${formatSampleValue(value)} ${(tMs / 1000).toFixed(3)}`);
      }
    }
  }
  return `${lines.join('\n')}\n# EOF\n`;
}

/** The data in our own storage. */
export async function toStorage(data: readonly DataSeries[]): Promise<MemoryStorage> {
  const storage = new MemoryStorage();
  const appender = storage.appender();
  for (const { labels, samples } of data) {
    const ref = appender.series(labels);
    for (const { tMs, value } of samples) appender.append(ref, tMs, value);
  }
  await appender.commit();
  return storage;
}
