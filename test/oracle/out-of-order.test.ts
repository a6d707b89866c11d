import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { SeededRandom } from '../../src/core/seeded-random.ts';
import { NodeFileSystem } from '../../src/core/system/node-file-system.ts';
import { SampleBuffer } from '../../src/storage/seam.ts';
import { readSegment } from '../../src/storage/tsdb/wal/wal-reader.ts';
import { listWal } from '../../src/storage/tsdb/wal/wal-folder.ts';
import { segmentName } from '../../src/storage/tsdb/wal/wal-format.ts';
import { RecordType } from '../../src/storage/tsdb/wal/record-types.ts';
import { fill, type FuzzSeries } from '../fuzz/promql/data.ts';
import { ReferenceProgram } from '../fuzz/promql/reference-program.ts';
import { remoteWrite } from '../fuzz/promql/remote-write.ts';
import { waitFor } from '../support/processes.ts';
import { hasProgram } from '../support/programs.ts';
import { seenInStorage } from '../unit/storage/rich-samples.ts';
import { blocksIn, compareFolders, folderData, openOurs } from './data-folders.ts';

/**
 * Moving a data folder with out-of-order samples between tocsin and Debian's Prometheus, either way, stopped and killed: blocks of
 * such samples, and those that are in `wbl/` only.
 */
const PROGRAM = 'prometheus';
const FEATURES = { full: false, delayedNameRemoval: false };
const WINDOW_MS = 3 * 3_600_000;
const CONFIG = 'storage: {tsdb: {out_of_order_time_window: 3h}}\n';
/** The type of records that lead to chunks in `chunks_head/`. */
const MAPPED_CHUNKS = 5;
/** Memory that spans no more makes no block: one and a half of ten minutes. */
const HEAD_MS = 15 * 60_000;
/** Late samples come in this many commits or requests. */
const PARTS = 4;

/** What comes in order, and in which parts the rest comes: floats, for 2.42 takes no histogram out of order. */
function scattered(): { readonly inOrder: FuzzSeries[]; readonly late: FuzzSeries[][] } {
  const random = new SeededRandom(7);
  const inOrder: FuzzSeries[] = [];
  const late: FuzzSeries[][] = Array.from({ length: PARTS }, () => []);
  for (const { labels, samples } of folderData) {
    const isOfFloats = samples.every(({ histogram }) => histogram === undefined);
    const parts = samples.map((_, i) =>
      isOfFloats && i < samples.length - 1 && random.next() < 0.4 ? Math.floor(random.next() * PARTS) : -1,
    );
    inOrder.push({ labels, samples: samples.filter((_, i) => parts[i] === -1) });
    for (let part = 0; part < PARTS; part++)
      late[part]!.push({ labels, samples: samples.filter((_, i) => parts[i] === part) });
  }
  return { inOrder, late };
}

/** How many records of each type `wbl/` holds. */
async function recordTypes(path: string): Promise<Map<number, number>> {
  const files = new NodeFileSystem();
  const folder = join(path, 'wbl');
  const found = new Map<number, number>();
  for (const segment of (await listWal(files, folder)).segments) {
    const report = await readSegment(
      files,
      join(folder, segmentName(segment)),
      (record) => found.set(record[0]!, (found.get(record[0]!) ?? 0) + 1),
      () => Promise.resolve(),
    );
    expect(report.damage).toEqual([]);
  }
  return found;
}

/** How much time Prometheus' memory spans. */
async function headSpanMs(address: string): Promise<number> {
  const text = await (await fetch(`${address}/metrics`)).text();
  const time = (name: string): number =>
    Number(new RegExp(`^prometheus_tsdb_head_${name}_time (\\S+)$`, 'm').exec(text)?.[1] ?? NaN);
  return time('max') - time('min');
}

describe.skipIf(!hasProgram(PROGRAM))('a data folder with out-of-order samples', { timeout: 90_000 }, () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'tocsin-out-of-order-'));
  });

  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  /** Opens a copy with tocsin and the original with Prometheus and compares answers. */
  async function expectSame(): Promise<void> {
    cpSync(join(folder, 'data'), join(folder, 'copy'), { recursive: true });
    const ours = await openOurs(join(folder, 'copy'));
    const reference = await ReferenceProgram.open(PROGRAM, folder, FEATURES, '10m', CONFIG);
    try {
      await ours.ready;
      expect(ours.damagedBlocks).toEqual([]);
      expect(await compareFolders(ours, reference)).toEqual([]);
    } finally {
      await ours.close();
      await reference.end();
    }
  }

  /** Opens a copy with tocsin, which must hold every sample that was taken. */
  async function expectAll(): Promise<void> {
    cpSync(join(folder, 'data'), join(folder, 'held'), { recursive: true });
    const held = await openOurs(join(folder, 'held'));
    const whole = await openOurs(join(folder, 'whole'));
    try {
      await fill(whole, folderData);
      const [found, expected] = [new SampleBuffer(), new SampleBuffer()];
      // Prometheus gives chunks of histograms common buckets, some of them empty; those came in order and are compared by queries.
      const floats = (seen: Record<string, unknown>): string[] =>
        Object.entries(seen)
          .filter(([series]) => !series.startsWith('nh{'))
          // To texts the zero of a start that there is not has no sign.
          .map((each) => JSON.stringify(each));
      expect(floats(await seenInStorage(held, found))).toEqual(floats(await seenInStorage(whole, expected)));
    } finally {
      await held.close();
      await whole.close();
    }
  }

  test.each(['stopped', 'killed'])('of ours, %s, is opened by Prometheus', async (how) => {
    const { inOrder, late } = scattered();
    const path = join(folder, how === 'stopped' ? 'data' : 'live');
    const writing = await openOurs(path);
    writing.setOutOfOrderWindow(WINDOW_MS);
    await fill(writing, inOrder);
    await fill(writing, late[0]!);
    expect((await recordTypes(path)).get(RecordType.samples)).toBeGreaterThan(0);
    // These become blocks, what follows stays in memory and in wbl/.
    await writing.maintain();
    expect(await recordTypes(path)).toEqual(new Map());
    for (const part of late.slice(1)) await fill(writing, part);
    // All that a kill leaves is what the commits have written.
    if (how === 'killed') cpSync(path, join(folder, 'data'), { recursive: true });
    await writing.close();
    expect(blocksIn(join(folder, 'data')).length).toBeGreaterThan(2);
    expect((await recordTypes(join(folder, 'data'))).get(RecordType.samples)).toBeGreaterThan(0);
    await expectSame();
  });

  test.each(['SIGTERM', 'SIGKILL'] as const)(
    'of Prometheus, ended by %s, is opened by us',
    async (signal) => {
      const { inOrder, late } = scattered();
      const path = join(folder, 'data');
      const writing = await ReferenceProgram.open(PROGRAM, folder, FEATURES, '10m', CONFIG);
      try {
        await remoteWrite(writing.address, inOrder);
        await remoteWrite(writing.address, late[0]!);
        // What comes after them stays in memory and in wbl/.
        await waitFor('all blocks', 20_000, async () =>
          blocksIn(path).length > 2 && (await headSpanMs(writing.address)) <= HEAD_MS ? true : undefined,
        );
        for (const part of late.slice(1)) await remoteWrite(writing.address, part);
      } finally {
        await writing.end(signal);
      }
      const types = await recordTypes(path);
      expect(types.get(RecordType.samples)).toBeGreaterThan(0);
      expect(types.get(MAPPED_CHUNKS)).toBeGreaterThan(0);
      await expectAll();
      // A killed 2.42 may have logged that chunks are in `chunks_head/` that it had not written there yet, and loses them.
      if (signal === 'SIGTERM') await expectSame();
    },
  );
});
