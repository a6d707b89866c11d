import { expect, it } from 'vitest';
import { Labels } from '../../../src/core/labels.ts';
import { Matcher } from '../../../src/core/matcher.ts';
import { createRegistry } from '../../../src/core/metrics.ts';
import { SeededRandom } from '../../../src/core/seeded-random.ts';
import { MemoryFileSystem } from '../../../src/core/testing/memory-file-system.ts';
import { VirtualClock } from '../../../src/core/virtual-clock.ts';
import { SampleBuffer } from '../../../src/storage/seam.ts';
import { Tsdb } from '../../../src/storage/tsdb/index.ts';
import { Lines } from './small-log.ts';

const HOUR_MS = 3600_000;
const START = 1_700_006_400_000 - (1_700_006_400_000 % (54 * HOUR_MS));
const STEP_MS = HOUR_MS / 2;

class World {
  readonly files = new MemoryFileSystem();
  readonly clock = new VirtualClock(START);
  readonly log = new Lines();
  step = 0;

  open(): Promise<Tsdb> {
    const { files, clock, log } = this;
    return Tsdb.open({
      files,
      path: '/data',
      clock,
      logger: log,
      registry: createRegistry(),
      random: new SeededRandom(this.step),
      retention: { timeMs: 0, sizeBytes: 0, percentage: 0 },
      maxBlockMs: 18 * HOUR_MS,
      walSegmentBytes: 32 * 1024,
      lock: undefined,
    });
  }

  /** Writes half an hour later, and does what is due; returns how that ended. */
  async write(tsdb: Tsdb): Promise<string> {
    const tMs = START + this.step++ * STEP_MS;
    const appender = tsdb.appender(tMs);
    appender.append(appender.series(Labels.fromObject({ pod: 'a' })), tMs, tMs);
    await appender.commit();
    await this.clock.advanceTo(tMs);
    return tsdb.maintain().then(
      () => 'done',
      (error: unknown) => String(error),
    );
  }

  async count(tsdb: Tsdb): Promise<number> {
    const span = { minMs: 0, maxMs: Infinity };
    const querier = tsdb.querier(span.minMs, span.maxMs);
    const cursor = await querier.select([new Matcher('pod', '=', 'a')], { ...span, limit: 0 });
    const into = new SampleBuffer();
    let count = 0;
    while (cursor.next()) {
      cursor.read(span.minMs, span.maxMs, into);
      count += into.length;
    }
    querier.close();
    return count;
  }
}

it.each(['tmp-for-creation', 'checkpoint'])(
  'a disk that is full or broken while %s is written costs nothing, and leaves nothing behind',
  async (what) => {
    for (const [kind, code] of [
      ['append', 'ENOSPC'],
      ['append', 'EIO'],
      ['sync', 'EIO'],
      ['syncFolder', 'EIO'],
      ['rename', 'EROFS'],
    ] as const) {
      const world = new World();
      const tsdb = await world.open();
      let failed = 0;
      world.files.fault = (operation) =>
        operation.kind === kind && operation.path.includes(what)
          ? (failed++, { code, writtenBytes: 3 })
          : undefined;
      for (let step = 0; step < 24; step++) await world.write(tsdb);
      expect(failed).toBeGreaterThan(0);
      expect(world.files.paths().filter((path) => path.includes('tmp'))).toEqual([]);
      expect(await world.count(tsdb)).toBe(24);
      world.files.fault = undefined;
      for (let step = 0; step < 24; step++) await world.write(tsdb);
      expect(tsdb.blocks.length).toBeGreaterThan(0);
      expect(await world.count(tsdb)).toBe(48);
      await tsdb.close();
      const again = await world.open();
      expect(await world.count(again)).toBe(48);
      await again.close();
    }
  },
);

it('a folder that cannot be synced after a block got its name does not leave ever more blocks', async () => {
  const world = new World();
  const tsdb = await world.open();
  world.files.fault = ({ kind, path }) =>
    kind === 'syncFolder' && path === '/data' ? { code: 'EIO' } : undefined;
  for (let step = 0; step < 48; step++) await world.write(tsdb);
  const blocks = (await world.files.list('/data')).filter((name) => name.length === 26);
  expect(blocks).toEqual([]);
  await tsdb.close();
});

it('a block whose folder vanishes is said, and keeps others neither from being made nor from being joined', async () => {
  const world = new World();
  const tsdb = await world.open();
  while (tsdb.blocks.length === 0) expect(await world.write(tsdb)).toBe('done');
  const gone = tsdb.blocks[0]!.name;
  await world.files.remove(`/data/${gone}`);
  for (let step = 0; step < 96; step++) await world.write(tsdb);
  expect(world.log.lines.some((line) => line.includes('work on blocks failed') && line.includes(gone))).toBe(
    true,
  );
  expect(Math.max(...tsdb.blocks.map(({ meta }) => meta.compaction.level))).toBeGreaterThanOrEqual(2);
  await tsdb.close();
  const again = await world.open();
  expect(await world.count(again)).toBeGreaterThan(90);
  await again.close();
});
