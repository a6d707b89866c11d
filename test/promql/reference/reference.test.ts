import { expect, test } from 'vitest';
import { silentLogger } from '../../../src/core/log.ts';
import { SeededRandom } from '../../../src/core/seeded-random.ts';
import { VirtualClock } from '../../../src/core/virtual-clock.ts';
import { LocalQueryEngine, parseExpr, QueryError } from '../../../src/promql/index.ts';
import { bucketList } from '../../fuzz/promql/bucket-list.ts';
import { fill, makeData, type FuzzSeries } from '../../fuzz/promql/data.ts';
import { ExpressionMaker } from '../../fuzz/promql/expressions.ts';
import { MemoryStorage } from '../../support/memory-storage.ts';
import { ALL_FEATURES } from '../promqltest.ts';
import { ReferenceEvaluator } from './evaluate.ts';
import type { PlainHistogram } from './histogram.ts';
import { QueryFailure, Unsupported, type Value } from './values.ts';

/**
 * The engine gives what the plain reference evaluator gives, for random expressions over random data: which series
 * and steps have a value exactly, the values as far as the order of additions allows.
 */
const STEP_MS = 97_000;
const STEPS = 5;

type Steps = Map<string, Value>;

async function engineSteps(
  engine: LocalQueryEngine,
  expr: string,
  startMs: number,
): Promise<Steps | 'fails'> {
  const steps: Steps = new Map();
  try {
    const { value } = await engine.range(expr, startMs, startMs + STEPS * STEP_MS, STEP_MS);
    if (value.type !== 'matrix') throw new Error(`a range query gave a ${value.type}`);
    for (const { labels, timestamps, values, histograms } of value.series) {
      timestamps.forEach((tMs, i) => steps.set(`${labels.toString()} ${tMs}`, values[i]!));
      histograms?.timestamps.forEach((tMs, i) => {
        const histogram = histograms.values[i]!;
        const rows = bucketList(histogram).map(([lower, upper, count]) => ({ lower, upper, count }));
        const { count, sum } = histogram;
        steps.set(`${labels.toString()} ${tMs}`, { count, sum, bounds: () => rows } as PlainHistogram);
      });
    }
    return steps;
  } catch (error) {
    if (error instanceof QueryError) return 'fails';
    throw error;
  }
}

function referenceSteps(
  data: readonly FuzzSeries[],
  text: string,
  startMs: number,
): Steps | 'fails' | 'unsupported' {
  const expr = parseExpr(text, ALL_FEATURES);
  const endMs = startMs + STEPS * STEP_MS;
  const reference = new ReferenceEvaluator(data, startMs, endMs, STEP_MS);
  const steps: Steps = new Map();
  try {
    for (let tMs = startMs; tMs <= endMs; tMs += STEP_MS) {
      const result = reference.at(expr, tMs);
      if (result.type === 'scalar') steps.set(`{} ${tMs}`, result.value);
      if (result.type !== 'vector') continue;
      for (const { labels, value } of result.samples) steps.set(`${labels.toString()} ${tMs}`, value);
    }
    return steps;
  } catch (error) {
    if (error instanceof QueryFailure) return 'fails';
    if (error instanceof Unsupported) return 'unsupported';
    throw error;
  }
}

function close(a: number, b: number): boolean {
  if (a === b || (a !== a && b !== b)) return true;
  return Math.abs(a - b) <= 1e-8 * Math.max(Math.abs(a), Math.abs(b)) + 1e-8;
}

function different(own: Value, expected: Value): boolean {
  if (typeof own === 'number' || typeof expected === 'number') {
    return typeof own !== 'number' || typeof expected !== 'number' || !close(own, expected);
  }
  const [rows, wanted] = [own.bounds(), expected.bounds()];
  return (
    !close(own.count, expected.count) ||
    !close(own.sum, expected.sum) ||
    rows.length !== wanted.length ||
    rows.some(({ lower, upper, count }, i) => {
      const other = wanted[i]!;
      return !close(lower, other.lower) || !close(upper, other.upper) || !close(count, other.count);
    })
  );
}

function firstDifference(own: Steps, expected: Steps): string | undefined {
  for (const [key, value] of expected) {
    const found = own.get(key);
    if (found === undefined) return `lacks ${key}`;
    if (different(found, value)) return `${key}: ${JSON.stringify(found)}, expected ${JSON.stringify(value)}`;
  }
  for (const key of own.keys()) if (!expected.has(key)) return `${key} is too much`;
  return undefined;
}

test.each([
  { seed: 1, full: false, answered: 200 },
  { seed: 2, full: false, answered: 200 },
  { seed: 3, full: true, answered: 80 },
])('random expressions: seed $seed, all features: $full', async ({ seed, full, answered }) => {
  const data = makeData({ seed, full });
  const storage = new MemoryStorage();
  await fill(storage, data);
  const engine = new LocalQueryEngine({
    storage,
    clock: new VirtualClock(0),
    logger: silentLogger,
    parseOptions: ALL_FEATURES,
  });
  const random = new SeededRandom(seed);
  const expressions = new ExpressionMaker({ random, full });
  const found: string[] = [];
  let compared = 0;
  for (let i = 0; i < 300; i++) {
    const expr = expressions.any(1 + (i % 4));
    const startMs = 1_800_000 + Math.floor(random.next() * 3600) * 1000;
    const expected = referenceSteps(data, expr, startMs);
    if (expected === 'unsupported') continue;
    const own = await engineSteps(engine, expr, startMs);
    compared++;
    if (own === 'fails' || expected === 'fails') {
      if (own !== expected)
        found.push(`${expr} at ${startMs}: only ${own === 'fails' ? 'the engine' : 'the reference'} fails`);
      continue;
    }
    const why = firstDifference(own, expected);
    if (why !== undefined) found.push(`${expr} at ${startMs}: ${why}`);
  }
  expect(found).toEqual([]);
  expect(compared).toBeGreaterThan(answered);
});
