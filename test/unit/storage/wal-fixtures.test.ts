import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { NodeFileSystem } from '../../../src/core/system/node-file-system.ts';
import { areStaleBits } from '../../../src/storage/stale.ts';
import { readSegment } from '../../../src/storage/tsdb/wal/wal-reader.ts';
import { readRecord } from '../../../src/storage/tsdb/wal/wal-records.ts';

/**
 * Logs that Prometheus wrote within a dozen scrapes (its version is the folder's name) of a server with counters, gauges, classic
 * histograms, exemplars and a series that ends, and of itself for native histograms; with one deletion. `expected.txt` is what
 * `promtool tsdb dump` of 3.14 says they hold.
 */
const FOLDER = join(import.meta.dirname, '../../fixtures/wal');

interface Contents {
  /** As promtool prints a sample, but for histograms only count and sum. */
  lines: string[];
  exemplars: unknown[];
  starts: number;
  customHistograms: number;
  types: Set<number>;
}

async function read(folder: string): Promise<Contents> {
  const names = new Map<number, string>();
  const contents: Contents = { lines: [], exemplars: [], starts: 0, customHistograms: 0, types: new Set() };
  let samples: { walId: number; tMs: number; value: string }[] = [];
  const floatBits = new DataView(new ArrayBuffer(8));
  const toFloat = (low: number, high: number): string => {
    if (areStaleBits(low, high)) return 'NaN';
    floatBits.setUint32(0, high);
    floatBits.setUint32(4, low);
    return String(floatBits.getFloat64(0));
  };
  const report = await readSegment(
    new NodeFileSystem(),
    join(FOLDER, folder, '00000000'),
    (record) => {
      const type = readRecord(record, {
        series(walId, flat) {
          const pairs = flat.flatMap((text, i) => (i % 2 === 0 ? [`${text}="${flat[i + 1]}"`] : []));
          names.set(walId, `{${pairs.join(', ')}}`);
        },
        sample: (walId, tMs, low, high) => samples.push({ walId, tMs, value: toFloat(low, high) }),
        rich(walId, tMs, { low, high, histogram, startMs }) {
          if (startMs !== 0) contents.starts++;
          if (histogram?.usesCustomBuckets === true) contents.customHistograms++;
          const value =
            histogram === undefined ? toFloat(low, high) : `{count:${histogram.count}, sum:${histogram.sum}`;
          samples.push({ walId, tMs, value });
        },
        exemplar: (walId, tMs, value, flat) => contents.exemplars.push([names.get(walId), tMs, value, flat]),
        metadata() {},
        tombstone(walId, minMs, maxMs) {
          samples = samples.filter(({ walId: other, tMs }) => other !== walId || tMs < minMs || tMs > maxMs);
        },
      });
      contents.types.add(type);
    },
    async () => {},
  );
  expect(report.damage).toEqual([]);
  contents.lines = samples.map(({ walId, tMs, value }) => `${names.get(walId)} ${value} ${tMs}`);
  return contents;
}

async function expected(folder: string): Promise<string[]> {
  const text = await readFile(join(FOLDER, folder, 'expected.txt'), 'utf8');
  return text
    .trimEnd()
    .split('\n')
    .map((line) =>
      line
        .replace(/(\} \{count:[^,]+, sum:[^,}]+).*\} (\d+)$/, '$1 $2')
        .replace(/\} ([-+.\de]+) (\d+)$/, (_, value: string, time: string) => `} ${Number(value)} ${time}`),
    );
}

it.each([
  { folder: 'prometheus-2.42', types: [1, 2, 3, 4], starts: 0, customHistograms: 0 },
  { folder: 'prometheus-3.14', types: [1, 2, 3, 4, 7, 9], starts: 0, customHistograms: 7 },
  { folder: 'prometheus-3.14-zstd-starts', types: [1, 3, 4, 11, 12], starts: 140, customHistograms: 8 },
])('a log by $folder', async ({ folder, types, starts, customHistograms }) => {
  const contents = await read(folder);
  expect([...contents.types].sort((a, b) => a - b)).toEqual(types);
  expect(contents.lines.sort()).toEqual((await expected(folder)).sort());
  expect(contents.starts).toBe(starts);
  expect(contents.customHistograms).toBe(customHistograms);
  expect(contents.exemplars.length).toBeGreaterThanOrEqual(14);
  expect(contents.exemplars[0]).toEqual([
    expect.stringContaining('__name__="jobs_total"'),
    expect.any(Number),
    1.5,
    ['trace_id', 't1'],
  ]);
});
