import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { silentLogger } from '../../src/core/log.ts';
import { createRegistry } from '../../src/core/metrics.ts';
import { SeededRandom } from '../../src/core/seeded-random.ts';
import { NodeFileSystem } from '../../src/core/system/node-file-system.ts';
import { SystemClock } from '../../src/core/system/system-clock.ts';
import { VirtualClock } from '../../src/core/virtual-clock.ts';
import { LocalQueryEngine, PromqlParseError, QueryError } from '../../src/promql/index.ts';
import { Tsdb } from '../../src/storage/index.ts';
import { difference, fromEngine, type Answer, type FuzzQuery } from '../fuzz/promql/answers.ts';
import { fill } from '../fuzz/promql/data.ts';
import { documentedDifference } from '../fuzz/promql/differences.ts';
import { ReferenceProgram } from '../fuzz/promql/reference-program.ts';
import { remoteWrite } from '../fuzz/promql/remote-write.ts';
import { dataOf, QueryMaker } from '../fuzz/promql/session.ts';
import { waitFor } from '../support/processes.ts';
import { hasProgram } from '../support/programs.ts';

/**
 * Moving a data folder between tocsin and Debian's Prometheus, either way: the other program opens it, blocks and log, and
 * answers 200 queries the same.
 */
const SEED = 4711;
const QUERIES = 200;
const PROGRAM = 'prometheus';
const BLOCK_MS = 10 * 60_000;
const FEATURES = { full: false, delayedNameRemoval: false };

const data = dataOf({ seed: SEED, full: false });
const newestMs = Math.max(...data.flatMap(({ samples }) => samples.map(({ tMs }) => tMs)));

function openOurs(path: string): Promise<Tsdb> {
  return Tsdb.open({
    files: new NodeFileSystem(),
    path,
    clock: new VirtualClock(newestMs),
    logger: silentLogger,
    registry: createRegistry(),
    random: new SeededRandom(1),
    retention: { timeMs: 0, sizeBytes: 0, percentage: 0 },
    chunkRangeMs: BLOCK_MS,
    maxBlockMs: BLOCK_MS,
    lock: undefined,
  });
}

async function ask(engine: LocalQueryEngine, query: FuzzQuery): Promise<Answer> {
  const { expr, instant, startMs, endMs, stepMs } = query;
  try {
    return fromEngine(
      instant ? await engine.instant(expr, startMs) : await engine.range(expr, startMs, endMs, stepMs),
    );
  } catch (error) {
    if (error instanceof QueryError || error instanceof PromqlParseError) return { error: error.message };
    throw error;
  }
}

function blocksIn(path: string): string[] {
  return readdirSync(path).filter((name) => /^[0-9A-Z]{26}$/.test(name));
}

/**
 * 2.42 adds up rates of native histograms wrongly when their chunks hold whole numbers, as its own scrapes write them and as we do: of
 * the sum only the first series is left. 3.x does not.
 */
const IS_WRONG_SUM = /(sum|avg) ?(by \([^)]*\) |without \([^)]*\) )?\(+(rate|increase|delta)\((nh|mixed)/;

/** Differences between what we say of a folder and what Prometheus says. */
async function compare(storage: Tsdb, reference: ReferenceProgram): Promise<string[]> {
  const engine = new LocalQueryEngine({ storage, clock: new SystemClock(), logger: silentLogger });
  const queries = new QueryMaker(SEED, false);
  const different: string[] = [];
  let answered = 0;
  for (let i = 0; i < QUERIES; i++) {
    const query = queries.next(1 + (i % 3));
    const [mine, theirs] = await Promise.all([ask(engine, query), reference.answer(query)]);
    if (!('error' in theirs)) answered++;
    const found = difference(mine, theirs, false);
    if (found === undefined || IS_WRONG_SUM.test(query.expr)) continue;
    if (documentedDifference(query.expr, found, false) !== undefined) continue;
    different.push(`${JSON.stringify(query)}: ${found}`);
  }
  expect(answered).toBeGreaterThan(QUERIES / 2);
  return different;
}

describe.skipIf(!hasProgram(PROGRAM))('a data folder', { timeout: 60_000 }, () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'tocsin-folder-'));
  });

  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  test('of ours is opened by Prometheus', async () => {
    const path = join(folder, 'data');
    const writing = await openOurs(path);
    await fill(writing, data);
    await writing.maintain();
    await writing.close();
    expect(blocksIn(path).length).toBeGreaterThan(2);
    cpSync(path, join(folder, 'copy'), { recursive: true });
    const ours = await openOurs(join(folder, 'copy'));
    const reference = await ReferenceProgram.open(PROGRAM, folder, FEATURES, '10m');
    try {
      expect(await compare(ours, reference)).toEqual([]);
    } finally {
      await ours.close();
      await reference.end();
    }
  });

  test('of Prometheus is opened by us', async () => {
    const path = join(folder, 'data');
    const writing = await ReferenceProgram.open(PROGRAM, folder, FEATURES, '10m');
    try {
      await remoteWrite(writing.address, data);
      await waitFor('blocks', 20_000, async () => (blocksIn(path).length > 2 ? true : undefined));
    } finally {
      await writing.end();
    }
    cpSync(path, join(folder, 'copy'), { recursive: true });
    const ours = await openOurs(join(folder, 'copy'));
    const reference = await ReferenceProgram.open(PROGRAM, folder, FEATURES, '10m');
    try {
      expect(ours.damagedBlocks).toEqual([]);
      expect(await compare(ours, reference)).toEqual([]);
    } finally {
      await ours.close();
      await reference.end();
    }
  });
});
