import { readdirSync } from 'node:fs';
import { expect } from 'vitest';
import { silentLogger } from '../../src/core/log.ts';
import { createRegistry } from '../../src/core/metrics.ts';
import { SeededRandom } from '../../src/core/seeded-random.ts';
import { NodeFileSystem } from '../../src/core/system/node-file-system.ts';
import { SystemClock } from '../../src/core/system/system-clock.ts';
import { VirtualClock } from '../../src/core/virtual-clock.ts';
import { LocalQueryEngine, PromqlParseError, QueryError } from '../../src/promql/index.ts';
import { Tsdb } from '../../src/storage/index.ts';
import { difference, fromEngine, type Answer, type FuzzQuery } from '../fuzz/promql/answers.ts';
import { documentedDifference } from '../fuzz/promql/differences.ts';
import type { ReferenceProgram } from '../fuzz/promql/reference-program.ts';
import { dataOf, QueryMaker } from '../fuzz/promql/session.ts';

const SEED = 4711;
const QUERIES = 200;
const BLOCK_MS = 10 * 60_000;

/** What both programs are given: two hours of all kinds of series that 2.42 knows. */
export const folderData = dataOf({ seed: SEED, full: false });
const newestMs = Math.max(...folderData.flatMap(({ samples }) => samples.map(({ tMs }) => tMs)));

/** Opens a folder as tocsin does, with blocks of ten minutes. */
export function openOurs(path: string): Promise<Tsdb> {
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

/** Blocks of a folder. */
export function blocksIn(path: string): string[] {
  return readdirSync(path).filter((name) => /^[0-9A-Z]{26}$/.test(name));
}

/**
 * 2.42 adds up rates of native histograms wrongly when their chunks hold whole numbers, as its own scrapes write them and as we do: of
 * the sum only the first series is left. 3.x does not.
 */
const IS_WRONG_SUM = /(sum|avg) ?(by \([^)]*\) |without \([^)]*\) )?\(+(rate|increase|delta)\((nh|mixed)/;

/** Differences in 200 queries between what we say of a folder and what Prometheus says. */
export async function compareFolders(storage: Tsdb, reference: ReferenceProgram): Promise<string[]> {
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
