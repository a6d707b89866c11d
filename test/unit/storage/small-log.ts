import { Labels } from '../../../src/core/labels.ts';
import type { LogFields, Logger } from '../../../src/core/log.ts';
import { createRegistry } from '../../../src/core/metrics.ts';
import type { FileSystem } from '../../../src/core/ports.ts';
import { SeededRandom } from '../../../src/core/seeded-random.ts';
import { VirtualClock } from '../../../src/core/virtual-clock.ts';
import { SampleBuffer } from '../../../src/storage/seam.ts';
import { Tsdb } from '../../../src/storage/tsdb/index.ts';
import { PAGE_BYTES } from '../../../src/storage/tsdb/wal/wal-format.ts';

/** Tick 0. */
export const START = 1_700_000_000_000;

/** What was logged as a warning or an error, a line each. */
export class Lines implements Logger {
  readonly lines: string[] = [];
  debug(): void {}
  info(): void {}
  warn(fields: LogFields, message: string): void {
    this.lines.push(`${message} ${JSON.stringify(fields)}`);
  }
  error(fields: LogFields, message: string): void {
    this.warn(fields, message);
  }
  child(): Logger {
    return this;
  }
}

/** Opens a data folder with segments of two pages. */
export function open(files: FileSystem, logger: Logger = new Lines()): Promise<Tsdb> {
  return Tsdb.open({
    files,
    path: '/data',
    clock: new VirtualClock(START),
    logger,
    registry: createRegistry(),
    random: new SeededRandom(1),
    retention: { timeMs: 0, sizeBytes: 0, percentage: 0 },
    walSegmentBytes: 2 * PAGE_BYTES,
    lock: undefined,
  });
}

/** Commits one sample for each of some series at a time. */
export async function commit(tsdb: Tsdb, tick: number, series: number, from: number): Promise<boolean> {
  const appender = tsdb.appender(START + tick);
  for (let i = from; i < from + series; i++) {
    const labels = Labels.fromObject({ __name__: 'm', pod: `pod-${i}` });
    appender.append(appender.series(labels), START + tick, Math.sin(tick * 31 + i));
  }
  return appender.commit().then(
    () => true,
    () => false,
  );
}

/** `pod@tick` of all samples. */
export async function contents(tsdb: Tsdb): Promise<Set<string>> {
  const querier = tsdb.querier(-Infinity, Infinity);
  const cursor = await querier.select([], { minMs: -Infinity, maxMs: Infinity, limit: 0 });
  const found = new Set<string>();
  const into = new SampleBuffer();
  while (cursor.next()) {
    const pod = cursor.labels().get('pod');
    cursor.read(-Infinity, Infinity, into);
    for (let i = 0; i < into.length; i++) found.add(`${pod}@${into.timestamps[i]! - START}`);
  }
  querier.close();
  return found;
}
