import { Labels } from '../../../src/core/labels.ts';
import { silentLogger } from '../../../src/core/log.ts';
import { createRegistry } from '../../../src/core/metrics.ts';
import { SeededRandom } from '../../../src/core/seeded-random.ts';
import { NodeFileSystem } from '../../../src/core/system/node-file-system.ts';
import { SystemClock } from '../../../src/core/system/system-clock.ts';
import { Tsdb } from '../../../src/storage/tsdb/index.ts';
import type { TsdbOptions } from '../../../src/storage/tsdb/tsdb-options.ts';

/** Series of one target. */
export const SERIES_PER_TARGET = 1000;

/** Opens a data folder with the usual settings but for those given, without a lock. */
export function openTsdb(path: string, other: Partial<TsdbOptions> = {}): Promise<Tsdb> {
  return Tsdb.open({
    files: new NodeFileSystem(),
    path,
    clock: new SystemClock(),
    logger: silentLogger,
    registry: createRegistry(),
    random: new SeededRandom(1),
    retention: { timeMs: 15 * 24 * 3600_000, sizeBytes: 0, percentage: 0 },
    lock: undefined,
    ...other,
  });
}

/** Labels of a series: 100 metrics, each with 10 buckets in each target; ten pods a target, twenty models. */
export function labelsOf(target: number, series: number): Labels {
  return Labels.fromObject({
    __name__: `vllm_metric_${series % 100}`,
    instance: `10.0.${target >> 8}.${target & 255}:8000`,
    job: 'vllm',
    model: `model-${target % 20}`,
    le: String(Math.floor(series / 100)),
    namespace: 'serving',
    pod: `pod-${target}-${series % 10}`,
  });
}

/** Counters, gauges and constants in the mixture that exporters have; deterministic. */
export function valueOf(series: number, scrape: number): number {
  const kind = series % 10;
  if (kind < 5) return series;
  return kind < 8 ? scrape * (series % 50) : Math.sin(scrape + series) * 1000;
}

/** One target's refs, looked up once as a scrape cache does. */
export function makeRefs(tsdb: Tsdb, target: number, nowMs: number): Uint32Array {
  const appender = tsdb.appender(nowMs);
  const refs = Uint32Array.from({ length: SERIES_PER_TARGET }, (_, i) =>
    appender.series(labelsOf(target, i)),
  );
  appender.rollback();
  return refs;
}

/** When samples are, and of how many targets. */
export interface FleetSpan {
  readonly targets: number;
  readonly startMs: number;
  readonly stepMs: number;
  readonly scrapes: number;
}

/** Makes the series of so many targets and appends the scrapes of a span. */
export async function appendFleet(tsdb: Tsdb, { targets, ...span }: FleetSpan): Promise<void> {
  const refs = Array.from({ length: targets }, (_, target) => makeRefs(tsdb, target, span.startMs));
  await appendScrapes(tsdb, refs, span);
}

/**
 * Appends the scrapes of a span, target by target, as scrape loops do: `refs` has the series of each target. `onCommit` is told how
 * long each took.
 */
export async function appendScrapes(
  tsdb: Tsdb,
  refs: readonly Uint32Array[],
  { startMs, stepMs, scrapes }: Omit<FleetSpan, 'targets'>,
  onCommit?: (ms: number) => void,
): Promise<void> {
  const values = new Float64Array(SERIES_PER_TARGET);
  const outcomes = new Uint8Array(SERIES_PER_TARGET);
  for (let scrape = 0; scrape < scrapes; scrape++) {
    const tMs = startMs + scrape * stepMs;
    for (let i = 0; i < values.length; i++) values[i] = valueOf(i, scrape);
    for (const target of refs) {
      const from = performance.now();
      const appender = tsdb.appender(tMs);
      const refused = appender.appendColumn(target, values, SERIES_PER_TARGET, tMs, outcomes);
      if (refused > 0) throw new Error(`${refused} samples were refused`);
      const done = appender.commit();
      onCommit?.(performance.now() - from);
      await done;
    }
  }
}
