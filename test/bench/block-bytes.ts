import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hasProgram } from '../support/programs.ts';
import { ratio } from './support/process-figures.ts';
import { writeBlocks } from './support/served.ts';
import type { BenchSeries } from './support/served.ts';
import { appendFleet, labelsOf, openTsdb, SERIES_PER_TARGET, valueOf } from './support/stored-fleet.ts';

const TARGETS = 2;
const BLOCK_MS = 2 * 3600_000;
/** Two blocks that are full, and as much more as it takes for both to be written. */
const BLOCKS = 2;
const STEP_MS = 15_000;
const SCRAPES = ((BLOCKS + 1.75) * BLOCK_MS) / STEP_MS;
const REQUIRED = 1.05;

/** Bytes of the blocks that begin before `endMs`. */
function bytesOf(path: string, endMs: number): { samples: number; chunkBytes: number; indexBytes: number } {
  const sum = { samples: 0, chunkBytes: 0, indexBytes: 0 };
  for (const name of readdirSync(path)) {
    if (!/^[0-9A-Z]{26}$/.test(name)) continue;
    const meta = JSON.parse(readFileSync(join(path, name, 'meta.json'), 'utf8')) as {
      readonly minTime: number;
      readonly stats: { readonly numSamples: number };
    };
    if (meta.minTime >= endMs) continue;
    sum.samples += meta.stats.numSamples;
    sum.indexBytes += statSync(join(path, name, 'index')).size;
    for (const file of readdirSync(join(path, name, 'chunks')))
      sum.chunkBytes += statSync(join(path, name, 'chunks', file)).size;
  }
  return sum;
}

/** The same 2,000 series × 960 samples of two blocks, as tocsin makes them of memory and as Prometheus' promtool does. */
export async function run(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'tocsin-bench-block-bytes-'));
  const startMs = Math.floor(Date.now() / BLOCK_MS) * BLOCK_MS - (BLOCKS + 2) * BLOCK_MS;
  const endMs = startMs + BLOCKS * BLOCK_MS;
  try {
    const path = join(folder, 'ours');
    const tsdb = await openTsdb(path, { maxBlockMs: BLOCK_MS });
    await appendFleet(tsdb, { targets: TARGETS, startMs, stepMs: STEP_MS, scrapes: SCRAPES });
    await tsdb.maintain();
    await tsdb.close();
    const rows: [string, ReturnType<typeof bytesOf>][] = [['tocsin', bytesOf(path, endMs)]];
    if (hasProgram('promtool')) {
      const theirs = join(folder, 'theirs');
      mkdirSync(theirs);
      const series = function* (): Generator<BenchSeries> {
        for (let target = 0; target < TARGETS; target++)
          for (let i = 0; i < SERIES_PER_TARGET; i++)
            yield { labels: labelsOf(target, i), value: (k) => valueOf(i, k) };
      };
      writeBlocks(theirs, { series, startMs, spacingMs: STEP_MS, samples: (BLOCKS * BLOCK_MS) / STEP_MS });
      rows.push(['prometheus', bytesOf(join(theirs, 'data'), endMs)]);
    }
    const perSample = rows.map(
      ([, { samples, chunkBytes, indexBytes }]) => (chunkBytes + indexBytes) / samples,
    );
    for (const [i, [name, { samples, chunkBytes, indexBytes }]] of rows.entries()) {
      console.log(
        `${name.padEnd(11)} ${perSample[i]!.toFixed(3)} bytes a sample (${(chunkBytes / samples).toFixed(3)} of chunks, ` +
          `${(indexBytes / samples).toFixed(3)} of the index), ${samples} samples`,
      );
    }
    console.log(`tocsin / prometheus: ${ratio(perSample[0]!, perSample[1])} (required <= ${REQUIRED})`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
