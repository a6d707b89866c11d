import { describe, expect, test } from 'vitest';
import { Labels } from '../../../src/core/labels.ts';
import { silentLogger } from '../../../src/core/log.ts';
import { SeededRandom } from '../../../src/core/seeded-random.ts';
import { VirtualClock } from '../../../src/core/virtual-clock.ts';
import { Annotations } from '../../../src/promql/annotations.ts';
import { QueryControl } from '../../../src/promql/eval/control.ts';
import type { OpenSelection } from '../../../src/promql/eval/selection.ts';
import { Evaluation } from '../../../src/promql/evaluate.ts';
import { LocalQueryEngine, parseExpr, QueryError, type QueryValue } from '../../../src/promql/index.ts';
import { planQuery } from '../../../src/promql/planner.ts';
import { staleMarker } from '../../../src/storage/index.ts';
import { fill, makeData } from '../../fuzz/promql/data.ts';
import { ExpressionMaker } from '../../fuzz/promql/expressions.ts';
import { MemoryStorage } from '../../support/memory-storage.ts';

const START_MS = 30 * 60_000;
const END_MS = 60 * 60_000;
const STEP_MS = 5 * 60_000;
const SEED = 4711;

/** Values by series and time, in a form that compares. */
function points(value: QueryValue): Map<string, number> {
  const all = new Map<string, number>();
  if (value.type === 'vector') {
    for (const sample of value.samples) all.set(`${sample.labels.toString()} ${sample.tMs}`, sample.value);
  } else if (value.type === 'matrix') {
    for (const { labels, timestamps, values } of value.series) {
      values.forEach((v, i) => all.set(`${labels.toString()} ${timestamps[i]}`, v));
    }
  }
  return all;
}

/** Evaluates with a pause at every opportunity; gives the value and how many pauses there were. */
async function withPauses(
  storage: MemoryStorage,
  query: string,
): Promise<{ value: QueryValue; pauses: number }> {
  const lookbackMs = 300_000;
  const times = { startMs: START_MS, endMs: END_MS, stepMs: STEP_MS };
  const plan = planQuery(parseExpr(query), { ...times, lookbackMs, subqueryStepMs: 60_000 });
  const querier = storage.querier(0, Infinity);
  const selections: OpenSelection[] = [];
  for (const { matchers, minMs, maxMs, uses } of plan.selections) {
    selections.push({
      cursor: await querier.select(matchers, { minMs, maxMs, limit: 0 }),
      minMs,
      maxMs,
      uses,
    });
  }
  const control = new QueryControl({
    clock: new VirtualClock(0),
    deadlineMs: Infinity,
    signal: undefined,
    maxSamples: Infinity,
    sliceMs: 0,
    unitsPerLook: 1,
  });
  const context = {
    control,
    annotations: new Annotations(),
    lookbackMs,
    delayedNameRemoval: false,
    typeAndUnitLabels: false,
    useStartTimestamps: false,
  };
  const evaluation = new Evaluation({ plan, selections, context, instant: false });
  for (let pauses = 0; ; pauses++) {
    const value = evaluation.run();
    if (value !== undefined) return { value, pauses };
    control.resume();
  }
}

describe('random queries', () => {
  test('give step by step what they give for the whole range, and the same with pauses everywhere', async () => {
    const storage = new MemoryStorage();
    await fill(storage, makeData({ seed: SEED, full: false }));
    const engine = new LocalQueryEngine({ storage, clock: new VirtualClock(0), logger: silentLogger });
    const generator = new ExpressionMaker({ random: new SeededRandom(SEED), full: false });
    let answered = 0;
    let paused = 0;
    for (let i = 0; i < 150; i++) {
      const query = generator.vector(1 + (i % 3));
      let whole: QueryValue;
      try {
        whole = (await engine.range(query, START_MS, END_MS, STEP_MS)).value;
      } catch (error) {
        expect(error, query).toBeInstanceOf(QueryError);
        continue;
      }
      answered++;
      const resumed = await withPauses(storage, query);
      paused += resumed.pauses;
      expect(points(resumed.value), query).toEqual(points(whole));
      // start() and end() are of the query; a single step has others.
      if (query.includes('@')) continue;
      const single = new Map<string, number>();
      for (let tMs = START_MS; tMs <= END_MS; tMs += STEP_MS) {
        for (const [key, value] of points((await engine.instant(query, tMs)).value)) single.set(key, value);
      }
      expect(single, query).toEqual(points(whole));
    }
    expect(answered).toBeGreaterThan(75);
    expect(paused).toBeGreaterThan(answered);
  });
});

describe('stale markers', () => {
  test.each([
    ['', staleMarker],
    // As V8 may hand it on: see storage/stale.ts.
    [', also when they were made quiet', new Float64Array(Uint32Array.of(2, 0x7ff80000).buffer)[0]!],
  ])('are told from NaN by their bits%s', async (_, marker) => {
    const storage = new MemoryStorage();
    const appender = storage.appender();
    const ref = appender.series(Labels.fromObject({ __name__: 'x' }));
    // Not from an array, which may lose the bits.
    appender.append(ref, 0, NaN);
    appender.append(ref, 1000, marker);
    appender.append(ref, 2000, 1);
    appender.append(ref, 3000, marker);
    appender.append(ref, 4000, NaN);
    await appender.commit();
    const engine = new LocalQueryEngine({ storage, clock: new VirtualClock(0), logger: silentLogger });
    const { value } = await engine.range('x', 0, 4000, 1000);
    expect([...points(value)]).toEqual([
      ['x 0', NaN],
      ['x 2000', 1],
      ['x 4000', NaN],
    ]);
    const counted = await engine.instant('count_over_time(x[1m])', 4000);
    expect([...points(counted.value).values()]).toEqual([3]);
  });
});
