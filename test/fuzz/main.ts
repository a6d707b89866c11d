import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { HeadStorage } from '../../src/storage/tsdb/head/head-storage.ts';
import { MemoryStorage } from '../support/memory-storage.ts';
import { askable, regressionScript } from './promql/regression.ts';
import { isVersion3 } from './promql/reference-program.ts';
import { dataOf, Pair, QueryMaker, type Finding, type SessionOptions } from './promql/session.ts';
import { shrinkData, shrinkQuery } from './promql/shrink.ts';

/**
 * `npm run fuzz -- promql [--queries N] [--seed S] [--prometheus PATH] [--depth D] [--storage head|memory]
 * [--delayed-names] [--keep-going N] [--no-shrink]`: random queries over random data by ours and by a Prometheus. A difference is made
 * as small as it gets and becomes a script in test/promql/regressions/. With a Prometheus of version 3 everything
 * experimental is on and nothing may differ; with version 2.42 a table says what does.
 */

/** Queries on the same data before new data is made. */
const QUERIES_PER_DATA = 2000;
const REGRESSIONS = join(import.meta.dirname, '..', 'promql', 'regressions');

async function minimise(options: SessionOptions, pair: Pair, finding: Finding): Promise<string> {
  const query = await shrinkQuery(
    finding.query,
    async (candidate) => (await pair.compare(candidate, false)) !== undefined,
  );
  const fails = async (data: ReturnType<typeof dataOf>): Promise<string | undefined> => {
    const fresh = await Pair.start(options, data);
    try {
      return await fresh.compare(query);
    } finally {
      await fresh.stop();
    }
  };
  const data = await shrinkData(dataOf(options), async (rest) => (await fails([...rest])) !== undefined);
  const fresh = await Pair.start(options, data);
  try {
    const found = (await fresh.compare(query)) ?? finding.found;
    const asked = [];
    for (const one of askable(query, await fresh.theirs(query))) {
      asked.push({ query: one, answer: await fresh.theirs(one) });
    }
    const script = regressionScript(found, data, asked, options.delayedNameRemoval);
    if (script === undefined) return `${JSON.stringify(query)}: ${found} (too many times for a script)`;
    const name = `seed-${options.seed}-${Math.round(query.startMs / 1000)}-${query.expr.replaceAll(/[^a-z_0-9]+/g, '-').slice(0, 40)}.test`;
    mkdirSync(REGRESSIONS, { recursive: true });
    writeFileSync(join(REGRESSIONS, name), script);
    return `${JSON.stringify(query)}: ${found}\n  written to test/promql/regressions/${name}`;
  } finally {
    await fresh.stop();
  }
}

interface Progress {
  done: number;
  answered: number;
  different: number;
}

/** One block of queries over one set of data. */
async function block(
  options: SessionOptions,
  count: number,
  depth: number,
  most: number,
  progress: Progress,
  shrink: boolean,
): Promise<void> {
  const pair = await Pair.start(options, dataOf(options));
  try {
    const queries = new QueryMaker(options.seed, options.full);
    for (let i = 0; i < count && progress.different < most; i++) {
      const query = queries.next(1 + (i % depth));
      const found = await pair.compare(query);
      progress.done++;
      if (progress.done % 500 === 0) {
        console.log(
          `${progress.done} queries, ${progress.answered + pair.answered} answered, ${progress.different} different`,
        );
      }
      if (found === undefined) continue;
      progress.different++;
      console.log(`different: ${JSON.stringify(query)}\n  ${found.slice(0, 600)}`);
      if (shrink) console.log(`  minimal: ${await minimise(options, pair, { query, found })}`);
    }
    progress.answered += pair.answered;
  } finally {
    await pair.stop();
  }
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      queries: { type: 'string', default: '20000' },
      seed: { type: 'string', default: '1' },
      prometheus: { type: 'string', default: 'prometheus' },
      depth: { type: 'string', default: '5' },
      storage: { type: 'string', default: 'head' },
      'delayed-names': { type: 'boolean', default: false },
      'keep-going': { type: 'string', default: '10' },
      'no-shrink': { type: 'boolean', default: false },
    },
  });
  if (positionals[0] !== 'promql') {
    console.error(
      'usage: npm run fuzz -- promql [--queries N] [--seed S] [--prometheus PATH] [--depth D] [--storage head|memory] [--delayed-names] [--keep-going N] [--no-shrink]',
    );
    return 2;
  }
  const full = isVersion3(values.prometheus);
  const queries = Number(values.queries);
  const progress: Progress = { done: 0, answered: 0, different: 0 };
  const most = Number(values['keep-going']);
  for (let seed = Number(values.seed); progress.done < queries && progress.different < most; seed++) {
    console.log(`seed ${seed}, ${values.prometheus}${full ? ' (version 3, nothing may differ)' : ''}`);
    const options: SessionOptions = {
      program: values.prometheus,
      seed,
      full,
      delayedNameRemoval: values['delayed-names'],
      makeStorage: () =>
        values.storage === 'memory'
          ? new MemoryStorage()
          : new HeadStorage({ chunkRangeMs: 10 * 365 * 86_400_000 }),
    };
    await block(
      options,
      Math.min(QUERIES_PER_DATA, queries - progress.done),
      Number(values.depth),
      most,
      progress,
      !values['no-shrink'],
    );
  }
  console.log(`${progress.done} queries, ${progress.answered} answered, ${progress.different} different`);
  return progress.different === 0 ? 0 : 1;
}

process.exitCode = await main();
