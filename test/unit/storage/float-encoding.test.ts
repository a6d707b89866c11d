import { expect, test } from 'vitest';
import { Labels } from '../../../src/core/labels.ts';
import { silentLogger } from '../../../src/core/log.ts';
import { createRegistry } from '../../../src/core/metrics.ts';
import { SeededRandom } from '../../../src/core/seeded-random.ts';
import { MemoryFileSystem } from '../../../src/core/testing/memory-file-system.ts';
import { VirtualClock } from '../../../src/core/virtual-clock.ts';
import { SampleBuffer } from '../../../src/storage/seam.ts';
import { BlockReader } from '../../../src/storage/tsdb/block/index.ts';
import { ChunkEncoding } from '../../../src/storage/tsdb/chunk/encoding.ts';
import { Tsdb } from '../../../src/storage/tsdb/index.ts';
import { seenInStorage } from './rich-samples.ts';

const START = 1_700_006_400_000;
const MINUTE = 60_000;

/** Encodings of all chunks in a block. */
function encodings(files: MemoryFileSystem, folder: string): Set<number> {
  const block = BlockReader.open(files, folder);
  const found = new Set<number>();
  const cursor = block.eachSeries();
  while (cursor.next()) for (const chunk of cursor.chunks()) found.add(chunk.encoding);
  block.close();
  return found;
}

test.each(['xor', 'xor2'] as const)('chunks of floats in new blocks are %s', async (encoding) => {
  const files = new MemoryFileSystem();
  const tsdb = await Tsdb.open({
    files,
    path: '/data',
    clock: new VirtualClock(START),
    logger: silentLogger,
    registry: createRegistry(),
    random: new SeededRandom(1),
    retention: { timeMs: 0, sizeBytes: 0, percentage: 0 },
    lock: undefined,
  });
  tsdb.setFloatEncoding(encoding);
  for (let i = 0; i < 600; i++) {
    const appender = tsdb.appender(START + i * MINUTE);
    for (const pod of ['a', 'b']) {
      const ref = appender.series(Labels.fromObject({ __name__: 'up', pod }));
      appender.append(ref, START + i * MINUTE, i % 7 === 0 ? NaN : i / 3);
    }
    await appender.commit();
  }
  const buffer = new SampleBuffer();
  const before = await seenInStorage(tsdb, buffer);
  await tsdb.maintain();
  expect(tsdb.blocks.length).toBeGreaterThan(1);
  expect(await seenInStorage(tsdb, buffer)).toEqual(before);
  for (const { meta } of tsdb.blocks) {
    expect(encodings(files, `/data/${meta.ulid}`)).toEqual(new Set([ChunkEncoding[encoding]]));
  }
  await tsdb.close();
});
