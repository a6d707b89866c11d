import { describe, expect, it } from 'vitest';
import { MemoryFileSystem } from '../../../src/core/testing/memory-file-system.ts';
import { replayStatusOf } from '../../../src/storage/tsdb/wal/replay-status.ts';

async function folderWith(names: readonly string[]): Promise<MemoryFileSystem> {
  const files = new MemoryFileSystem();
  await files.makeFolder('/wal');
  for (const name of names) {
    const handle = await files.open(`/wal/${name}`, 'append');
    await handle.close();
  }
  return files;
}

describe('the status of reading the log', () => {
  it.each([
    { name: 'an empty log', there: [], asked: [0, 0], status: { min: 0, max: 0, current: 0 } },
    {
      name: 'the first of three',
      there: ['00000004', '00000005', '00000006'],
      asked: [0, 3],
      status: { min: 4, max: 6, current: 4 },
    },
    {
      name: 'the last of three',
      there: ['00000004', '00000005', '00000006'],
      asked: [2, 3],
      status: { min: 4, max: 6, current: 6 },
    },
    {
      name: 'all done',
      there: ['00000004', '00000005'],
      asked: [2, 2],
      status: { min: 4, max: 5, current: 5 },
    },
    {
      name: 'a checkpoint of two files before two segments',
      there: ['00000004', '00000005'],
      asked: [1, 4],
      status: { min: 4, max: 5, current: 4 },
    },
  ])('$name', async ({ there, asked, status }) => {
    const statusOf = await replayStatusOf(await folderWith(there), '/wal');
    expect(statusOf(asked[0]!, asked[1]!)).toEqual(status);
  });
});
