import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { NodeFileSystem } from '../../src/core/system/node-file-system.ts';
import { SampleBuffer } from '../../src/storage/seam.ts';
import { BlockReader, BlockWriter } from '../../src/storage/tsdb/block/index.ts';
import { hasProgram } from '../support/programs.ts';

const START_S = 1_700_006_400;
const SERIES = 40;
const SAMPLES = 300;

const valueOf = (series: number, index: number): number => series * 1000 + index / 8;

function openMetrics(): string {
  const lines = ['# TYPE m gauge'];
  for (let s = 0; s < SERIES; s++) {
    for (let i = 0; i < SAMPLES; i++) {
      lines.push(`m{s="${s}",u="ü"} ${valueOf(s, i)} ${START_S + i * 15}`);
    }
  }
  return `${lines.join('\n')}\n# EOF\n`;
}

const promtool = (...argv: string[]): string => execFileSync('promtool', argv, { encoding: 'utf8' });

it.skipIf(!hasProgram('promtool'))('promtool and we read and write the same blocks', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tocsin-blocks-'));
  try {
    const theirs = join(folder, 'theirs');
    const ours = join(folder, 'ours');
    for (const data of [theirs, ours]) mkdirSync(join(data, 'wal'), { recursive: true });
    writeFileSync(join(folder, 'input'), openMetrics());
    promtool('tsdb', 'create-blocks-from', 'openmetrics', join(folder, 'input'), theirs);
    const ulids = readdirSync(theirs).filter((name) => name.length === 26);
    expect(ulids.length).toBeGreaterThan(0);
    const files = new NodeFileSystem();
    const found = new Map<string, number>();
    const buffer = new SampleBuffer();
    for (const ulid of ulids) {
      const reader = BlockReader.open(files, join(theirs, ulid));
      const querier = reader.querier(-Infinity, Infinity);
      const cursor = await querier.select([], { minMs: -Infinity, maxMs: Infinity, limit: 0 });
      while (cursor.next()) {
        cursor.read(-Infinity, Infinity, buffer);
        const series = Number(cursor.labels().get('s'));
        for (let i = 0; i < buffer.length; i++) {
          found.set(`${series} ${buffer.timestamps[i]! / 1000}`, buffer.values[i]!);
        }
      }
      querier.close();
      const writer = await BlockWriter.create({ files, folder: join(ours, ulid), symbols: reader.symbols() });
      const walk = reader.eachSeries();
      while (walk.next()) await writer.addSeries(walk.labels(), walk.chunks());
      const { minTime, maxTime, compaction } = reader.meta;
      await writer.finish({ ulid, minTime, maxTime, compaction });
      reader.close();
      // The index of 2.42 has tables that nobody reads and newer ones leave out.
      for (const name of ['chunks/000001', 'tombstones']) {
        const [a, b] = [theirs, ours].map((data) => readFileSync(join(data, ulid, name)));
        expect(a!.equals(b!), `${name} is the same`).toBe(true);
      }
    }
    const wanted = new Map<string, number>();
    for (let s = 0; s < SERIES; s++) {
      for (let i = 0; i < SAMPLES; i++) wanted.set(`${s} ${START_S + i * 15}`, valueOf(s, i));
    }
    expect(found).toEqual(wanted);
    // All but the size in bytes.
    const listed = (data: string): string => promtool('tsdb', 'list', data).replaceAll(/ +\d+$/gm, '');
    expect(listed(ours)).toBe(listed(theirs));
    const dump = promtool('tsdb', 'dump', ours);
    expect(dump.trim().split('\n').length).toBe(SERIES * SAMPLES);
    expect(dump).toBe(promtool('tsdb', 'dump', theirs));
    expect(promtool('tsdb', 'analyze', ours)).toContain(`Series: ${SERIES}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
