import { describe, expect, it } from 'vitest';
import { MemoryFileSystem } from '../../../src/core/testing/memory-file-system.ts';
import type { FileOperation } from '../../../src/core/testing/memory-file-system.ts';
import { FRAGMENT_HEAD, PAGE_BYTES, segmentName } from '../../../src/storage/tsdb/wal/wal-format.ts';
import { Lines, commit, contents, open } from './small-log.ts';

const TICKS = 40;
const SERIES = 400;

/** A folder whose log has some segments of two pages. */
async function written(): Promise<MemoryFileSystem> {
  const files = new MemoryFileSystem();
  const tsdb = await open(files);
  for (let tick = 0; tick < TICKS; tick++) expect(await commit(tsdb, tick, SERIES, 0)).toBe(true);
  await tsdb.close();
  return files;
}

async function bytesOf(files: MemoryFileSystem, path: string): Promise<Uint8Array> {
  files.fault = undefined;
  return files.readFile(path);
}

/** Ticks of which every sample is there. */
function wholeTicks(found: ReadonlySet<string>): number[] {
  return Array.from({ length: TICKS }, (_, tick) => tick).filter((tick) =>
    Array.from({ length: SERIES }, (_, i) => i).every((i) => found.has(`pod-${i}@${tick}`)),
  );
}

describe('a start where the disk does not give a part of the log', () => {
  const isReadOf =
    (segment: number) =>
    ({ kind, path }: FileOperation): boolean =>
      kind === 'read' && path === `/data/wal/${segmentName(segment)}`;

  it('has everything else, says what it could not read, and keeps that', async () => {
    const files = await written();
    const path = `/data/wal/${segmentName(1)}`;
    const whole = await bytesOf(files, path);
    expect(whole.length).toBe(2 * PAGE_BYTES);
    // A bad sector in the second page.
    files.fault = (operation) =>
      isReadOf(1)(operation) && operation.position + operation.sizeBytes > PAGE_BYTES + 4096
        ? { code: 'EIO' }
        : undefined;
    const log = new Lines();
    const tsdb = await open(files, log);
    const found = await contents(tsdb);
    const ticks = wholeTicks(found);
    expect(ticks).toContain(0);
    expect(ticks).toContain(TICKS - 1);
    expect(ticks.length).toBeLessThan(TICKS);
    const said = log.lines.filter((line) => line.includes(path));
    expect(said).toHaveLength(1);
    expect(said[0]).toContain('EIO');
    expect(said[0]).toMatch(new RegExp(`"stretches":"\\d+-${2 * PAGE_BYTES}"`));
    expect(await commit(tsdb, TICKS, SERIES, 0)).toBe(true);
    await tsdb.close();
    expect(await bytesOf(files, path)).toEqual(whole);
    expect(await bytesOf(files, `${path}.unreadable`)).toEqual(whole);
    // The disk is well again.
    const again = await open(files);
    expect(wholeTicks(await contents(again))).toHaveLength(TICKS);
    await again.close();
  });

  it('goes on when nothing of a segment can be read, or it cannot be opened, start after start', async () => {
    for (const kind of ['read', 'open']) {
      const files = await written();
      const path = `/data/wal/${segmentName(1)}`;
      const whole = await bytesOf(files, path);
      for (let start = 0; start < 3; start++) {
        files.fault = (operation) =>
          operation.kind === kind && operation.path === path ? { code: 'EIO' } : undefined;
        const tsdb = await open(files);
        expect(wholeTicks(await contents(tsdb))).toContain(TICKS - 1);
        await tsdb.close();
      }
      expect(await bytesOf(files, path)).toEqual(whole);
      const aside = files.paths().filter((name) => /damaged|unreadable/.test(name));
      expect(aside).toEqual([`${path}.unreadable`]);
    }
  });

  it('goes on without out-of-order samples and early ones that cannot be read', async () => {
    const files = await written();
    for (const folder of ['wbl', 'early']) {
      await files.makeFolder(`/data/${folder}`);
      files.put(`/data/${folder}/${segmentName(0)}`, await files.readFile(`/data/wal/${segmentName(0)}`));
    }
    files.fault = ({ kind, path }) =>
      kind === 'read' && /wbl|early/.test(path) ? { code: 'EIO' } : undefined;
    const log = new Lines();
    const tsdb = await open(files, log);
    expect(wholeTicks(await contents(tsdb))).toHaveLength(TICKS);
    await tsdb.close();
    expect(log.lines.some((line) => line.includes('wbl'))).toBe(true);
    expect(log.lines.some((line) => line.includes('early'))).toBe(true);
    expect(files.paths()).toContain(`/data/early/${segmentName(0)}`);
  });
});

describe('zeros where records were', () => {
  it('within a page cost what lay there, and are said', async () => {
    const files = await written();
    const path = `/data/wal/${segmentName(1)}`;
    files.corrupt(path, (bytes) => bytes.fill(0, 4096, 8192));
    const log = new Lines();
    const tsdb = await open(files, log);
    const lost = SERIES * TICKS - (await contents(tsdb)).size;
    await tsdb.close();
    // 4 KiB of zeros touch one or two commits more than lie in them.
    expect(lost).toBeGreaterThan(0);
    expect(lost).toBeLessThanOrEqual(SERIES * 4);
    expect(log.lines.filter((line) => line.includes('damaged'))).toHaveLength(1);
    expect(files.paths()).toContain(`${path}.damaged`);
  });

  it('from within a page to its end are no padding when another page follows', async () => {
    const files = await written();
    const path = `/data/wal/${segmentName(1)}`;
    files.corrupt(path, (bytes) => {
      // From where a record begins.
      let at = 0;
      while (at < PAGE_BYTES / 2) at += FRAGMENT_HEAD + ((bytes[at + 1]! << 8) | bytes[at + 2]!);
      return bytes.fill(0, at, PAGE_BYTES);
    });
    const log = new Lines();
    const tsdb = await open(files, log);
    expect((await contents(tsdb)).size).toBeLessThan(SERIES * TICKS);
    await tsdb.close();
    expect(log.lines.join('\n')).toContain('zeros');
    expect(files.paths()).toContain(`${path}.damaged`);
  });

  it('at the end of the last segment are cut off', async () => {
    const files = await written();
    const segments = (await files.list('/data/wal')).filter((name) => /^\d+$/.test(name));
    const path = `/data/wal/${segments.at(-1)}`;
    const whole = await files.readFile(path);
    files.corrupt(path, (bytes) => {
      const longer = new Uint8Array(bytes.length + 5000);
      longer.set(bytes);
      return longer;
    });
    const log = new Lines();
    const tsdb = await open(files, log);
    expect((await contents(tsdb)).size).toBe(SERIES * TICKS);
    await tsdb.close();
    expect(log.lines.join('\n')).toContain('cut off');
    expect((await files.readFile(path)).length).toBe(whole.length);
    expect(files.paths().filter((name) => name.includes('damaged'))).toEqual([]);
  });
});
