import { describe, expect, test } from 'vitest';
import { startsAnew, startsOverlap } from '../../../src/promql/functions/start-times.ts';
import { ALL_FEATURES, ScriptRunner } from '../../promql/promqltest.ts';
import { MemoryStorage } from '../../support/memory-storage.ts';

async function failures(script: string, useStartTimestamps: boolean): Promise<string[]> {
  const options = { useStartTimestamps, parseOptions: ALL_FEATURES };
  const outcomes = await new ScriptRunner(() => new MemoryStorage(), options).run(
    script.replaceAll('\neval', '\n\neval'),
  );
  expect(outcomes.length).toBeGreaterThan(0);
  return outcomes.flatMap(({ expr, failure }) => (failure === undefined ? [] : [`${expr}: ${failure}`]));
}

const LOAD = `
load 30s
  c_total@st  -30s -60s -90s -10s -40s
  c_total     3 6 9 12 15
  one_total@st _ _ _ -20s
  one_total    _ _ _ 7
  old_total@st _ _ -10s -50s
  old_total    1 2 3 4
`;

describe('start timestamps', () => {
  test.each([
    ['none', 0, 1000, 0, 2000, false],
    ['after the previous sample', 500, 1000, 1500, 2000, true],
    ['before the previous sample', 500, 1000, 500, 2000, false],
    ['not before its own sample', 500, 1000, 2000, 2000, false],
    ['at the previous sample, whose start is known: a delta', 500, 1000, 1000, 2000, true],
    ['at the previous sample, whose start is unknown', 0, 1000, 1000, 2000, false],
    ['at the previous sample, which starts at itself', 1000, 1000, 1000, 2000, false],
    ['at the previous sample, whose start is no start', 1200, 1000, 1000, 2000, false],
  ])('a counter began anew: %s', (_name, previousStart, previous, start, sample, expected) => {
    expect(startsAnew(previousStart, previous, start, sample)).toBe(expected);
  });

  test.each([
    ['none', 500, 1000, 0, false],
    ['the same start', 500, 1000, 500, false],
    ['begins with the previous sample', 500, 1000, 1000, false],
    ['begins before it', 500, 1000, 700, true],
  ])('samples overlap: %s', (_name, previousStart, previous, start, expected) => {
    expect(startsOverlap(previousStart, previous, start)).toBe(expected);
  });

  test('they are what start_timestamp shows and rates count from', async () => {
    const script = `${LOAD}
eval instant at 90s start_timestamp(c_total)
  {} 80
eval instant at 90s start_timestamp(old_total)
  {} 40
eval instant at 30s start_timestamp(old_total)
  {} 0
eval instant at 90s start_timestamp(c_total + 0)
eval instant at 2m resets(c_total[3m])
  {} 1
eval instant at 90s increase(one_total[1m])
  {} 7
eval instant at 90s irate(c_total[2m])
  {} 0.4
eval instant at 90s increase(old_total[2m])
  expect warn msg: PromQL warning: sample has start time that overlaps with previous sample timestamp for metric "old_total" (1:10)
  {} 6
`;
    expect(await failures(script, true)).toEqual([]);
  });

  test('nothing looks at them without the feature', async () => {
    const script = `${LOAD}
eval instant at 90s start_timestamp(c_total)
eval instant at 2m resets(c_total[3m])
  {} 0
eval instant at 90s increase(one_total[1m])
eval instant at 90s irate(c_total[2m])
  {} 0.1
eval instant at 90s increase(old_total[2m])
  expect no_warn
  {} 4
`;
    expect(await failures(script, false)).toEqual([]);
  });
});
