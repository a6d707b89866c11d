import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hasProgram } from '../support/programs.ts';
import { MemoryStorage } from '../support/memory-storage.ts';
import { isVersion3 } from '../fuzz/promql/reference-program.ts';
import { dataOf, Pair, QueryMaker, type SessionOptions } from '../fuzz/promql/session.ts';

/**
 * A short run of the fuzzer (`npm run fuzz -- promql` is the long one): the same random queries over the same data by
 * the Prometheus that is installed and by us. What differs between 2.42 and the 3.x that we follow is in
 * test/fuzz/promql/differences.ts.
 */
const SEED = 20231114;
const QUERIES = 300;
const PROGRAM = 'prometheus';

describe.skipIf(!hasProgram(PROGRAM))('PromQL as the installed Prometheus evaluates it', () => {
  let options: SessionOptions;
  let pair: Pair;

  beforeAll(async () => {
    options = {
      program: PROGRAM,
      seed: SEED,
      full: isVersion3(PROGRAM),
      delayedNameRemoval: false,
      makeStorage: () => new MemoryStorage(),
    };
    pair = await Pair.start(options, dataOf(options));
  });

  afterAll(async () => {
    await pair.stop();
  });

  test(`${QUERIES} random queries give the same`, { timeout: 60_000 }, async () => {
    const queries = new QueryMaker(SEED, options.full);
    const different: string[] = [];
    for (let i = 0; i < QUERIES; i++) {
      const query = queries.next(1 + (i % 4));
      const found = await pair.compare(query);
      if (found !== undefined) different.push(`${JSON.stringify(query)}: ${found}`);
    }
    expect(different).toEqual([]);
    // Most queries must have an answer, or nothing is compared.
    expect(pair.answered).toBeGreaterThan(QUERIES / 2);
  });
});
