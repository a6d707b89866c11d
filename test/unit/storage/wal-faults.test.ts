import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MemoryFileSystem } from '../../../src/core/testing/memory-file-system.ts';
import type { FileFault } from '../../../src/core/testing/memory-file-system.ts';
import { segmentName } from '../../../src/storage/tsdb/wal/wal-format.ts';
import { Lines, commit, contents, open } from './small-log.ts';

describe('a log on a disk that fails', () => {
  const step = fc.record({
    series: fc.integer({ min: 1, max: 400 }),
    from: fc.nat(500),
    /** What fails meanwhile, and how often it is asked before it does. */
    fault: fc.option(
      fc.record({
        kind: fc.constantFrom('append', 'truncate', 'open', 'sync'),
        code: fc.constantFrom<FileFault['code']>('ENOSPC', 'EIO'),
        writtenBytes: fc.nat(2000),
        after: fc.nat(2),
      }),
      { nil: undefined, freq: 3 },
    ),
    killed: fc.boolean(),
  });

  it('gives back everything that a commit resolved for, over kills and failed writes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), async (steps) => {
        const files = new MemoryFileSystem();
        const acknowledged: string[] = [];
        let tsdb = await open(files);
        for (const [tick, { series, from, fault, killed }] of steps.entries()) {
          let asked = 0;
          files.fault = ({ kind, path }) => {
            if (kind === fault?.kind && path.includes('/wal/') && asked++ >= fault.after) return fault;
            return undefined;
          };
          if (await commit(tsdb, tick, series, from)) {
            for (let i = from; i < from + series; i++) acknowledged.push(`pod-${i}@${tick}`);
          }
          files.fault = undefined;
          if (killed) tsdb = await open(files);
        }
        tsdb = await open(files);
        const found = await contents(tsdb);
        expect(acknowledged.filter((sample) => !found.has(sample))).toEqual([]);
        const names = await files.list('/data/wal');
        const segments = names.filter((name) => /^\d+$/.test(name)).map(Number);
        // Prometheus refuses a log with a gap.
        expect(segments).toEqual(segments.map((_, i) => segments[0]! + i));
      }),
      { numRuns: 60 },
    );
  });

  it('with flipped bits opens, and again with the same contents; outside the damage nothing is lost', async () => {
    const flips = fc.array(fc.tuple(fc.double({ min: 0, max: 0.9999, noNaN: true }), fc.nat(7)), {
      minLength: 1,
      maxLength: 3,
    });
    await fc.assert(
      fc.asyncProperty(flips, async (list) => {
        const files = new MemoryFileSystem();
        let tsdb = await open(files);
        for (let tick = 0; tick < 20; tick++) expect(await commit(tsdb, tick, 400, 0)).toBe(true);
        await tsdb.close();
        const last = (await files.list('/data/wal')).filter((name) => /^\d+$/.test(name)).at(-1)!;
        expect(Number(last)).toBeGreaterThan(0);
        files.corrupt(`/data/wal/${last}`, (bytes) => {
          for (const [where, bit] of list) bytes[Math.floor(where * bytes.length)]! ^= 1 << bit;
          return bytes;
        });
        const log = new Lines();
        tsdb = await open(files, log);
        const found = await contents(tsdb);
        // All series and the first ticks are in the first segment.
        for (let i = 0; i < 400; i++) expect(found.has(`pod-${i}@0`)).toBe(true);
        const { droppedBytes } = tsdb.replay;
        if (droppedBytes > 0) expect(log.lines.join('\n')).toContain(last);
        if (found.size < 20 * 400) expect(droppedBytes).toBeGreaterThan(0);
        const again = new Lines();
        tsdb = await open(files, again);
        expect((await contents(tsdb)).size).toBe(found.size);
        expect(again.lines).toEqual([]);
      }),
      { numRuns: 15 },
    );
  });

  it('keeps the damaged segment aside when the last step of its repair fails', async () => {
    const files = new MemoryFileSystem();
    const tsdb = await open(files);
    for (let tick = 0; tick < 3; tick++) await commit(tsdb, tick, 100, 0);
    await tsdb.close();
    const path = `/data/wal/${segmentName(0)}`;
    let damaged: Uint8Array | undefined;
    files.corrupt(path, (bytes) => {
      bytes[bytes.length - 40]! ^= 1;
      damaged = bytes.slice();
      return bytes;
    });
    let isReplaced = false;
    files.fault = ({ kind, path: asked }) => {
      if (kind === 'rename' && asked.startsWith(`${path}.tmp`)) isReplaced = true;
      return isReplaced && kind === 'remove' ? { code: 'EIO' } : undefined;
    };
    const log = new Lines();
    await (await open(files, log)).close();
    expect(isReplaced).toBe(true);
    expect(log.lines.join('\n')).toContain('the repair is not tidied up');
    files.fault = undefined;
    const handle = await files.open(`${path}.damaged`, 'read');
    const kept = new Uint8Array(damaged!.length);
    expect(await handle.read(kept, 0, kept.length, 0)).toBe(kept.length);
    await handle.close();
    expect(kept).toEqual(damaged);
    expect(await contents(await open(files))).toContain('pod-99@1');
  });

  it('starts on a full disk, damaged segment included, and logs when there is room', async () => {
    const files = new MemoryFileSystem();
    let tsdb = await open(files);
    for (let tick = 0; tick < 3; tick++) await commit(tsdb, tick, 100, 0);
    await tsdb.close();
    files.corrupt(`/data/wal/${segmentName(0)}`, (bytes) => {
      bytes[bytes.length - 40]! ^= 1;
      return bytes;
    });
    const full: FileFault = { code: 'ENOSPC' };
    files.fault = ({ kind, path }) =>
      kind === 'append' || (kind === 'open' && path.endsWith(segmentName(1))) ? full : undefined;
    const log = new Lines();
    tsdb = await open(files, log);
    expect(log.lines.join('\n')).toContain('left for the next start');
    expect(log.lines.join('\n')).toContain('the disk is full');
    expect(await contents(tsdb)).toContain('pod-99@1');
    expect(await commit(tsdb, 5, 10, 0)).toBe(false);
    files.fault = undefined;
    expect(await commit(tsdb, 6, 10, 0)).toBe(true);
    tsdb = await open(files, log);
    const found = await contents(tsdb);
    expect(found).toContain('pod-99@1');
    expect(found).toContain('pod-9@6');
    const names = await files.list('/data/wal');
    expect(names.filter((name) => name.includes('damaged'))).toEqual(['00000000.damaged']);
    expect(names.filter((name) => name.includes('tmp'))).toEqual([]);
  });

  it('removes what an interrupted checkpoint left, fills gaps, and says what is missing', async () => {
    const files = new MemoryFileSystem();
    let tsdb = await open(files);
    for (let tick = 0; tick < 60; tick++) await commit(tsdb, tick, 400, 0);
    await tsdb.close();
    await files.remove(`/data/wal/${segmentName(1)}`);
    await files.makeFolder('/data/wal/checkpoint.00000000.tmp');
    files.put('/data/wal/checkpoint.00000000.tmp/00000000', 'half');
    const log = new Lines();
    tsdb = await open(files, log);
    expect(log.lines.join('\n')).toContain('segments of the log are missing');
    const names = await files.list('/data/wal');
    expect(names).toContain(segmentName(1));
    expect(names).not.toContain('checkpoint.00000000.tmp');
    expect(await contents(tsdb)).toContain('pod-0@59');
  });

  it('that may only be read is read, and written to as soon as that goes', async () => {
    const files = new MemoryFileSystem();
    let tsdb = await open(files);
    await commit(tsdb, 0, 10, 0);
    await tsdb.close();
    const isOpenedToRead = new Set(['/data/wal/00000000']);
    files.fault = ({ kind, path }) =>
      kind === 'read' || isOpenedToRead.has(path) ? undefined : { code: 'EROFS' };
    const log = new Lines();
    tsdb = await open(files, log);
    expect(log.lines.join('\n')).toContain('may only be read');
    expect((await contents(tsdb)).size).toBe(10);
    expect(await commit(tsdb, 1, 10, 0)).toBe(false);
    expect(await contents(tsdb)).toContain('pod-9@1');
    files.fault = undefined;
    expect(await commit(tsdb, 2, 10, 0)).toBe(true);
    files.fault = ({ kind }) => (kind === 'append' ? { code: 'EROFS' } : undefined);
    expect(await commit(tsdb, 3, 10, 0)).toBe(false);
    files.fault = undefined;
    expect(await commit(tsdb, 4, 10, 0)).toBe(true);
    await tsdb.close();
    tsdb = await open(files);
    const found = await contents(tsdb);
    for (const tick of [0, 2, 4]) expect(found).toContain(`pod-9@${tick}`);
    await tsdb.close();
  });

  it('is refused with one clear error when it belongs to somebody else', async () => {
    const files = new MemoryFileSystem();
    await (await open(files)).close();
    files.fault = ({ kind }) => (kind === 'open' ? { code: 'EACCES' } : undefined);
    await expect(open(files)).rejects.toThrow(/cannot use the data folder.*EACCES/);
  });
});
