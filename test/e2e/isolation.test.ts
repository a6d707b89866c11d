import { describe, expect, test } from 'vitest';
import { type Isolation, measureIsolation } from '../support/isolation.ts';

/** How much later than planned a scrape may begin. */
const MAX_LATE_MS = 100;

function describeRun({ lateMs, missedTicks, ticks, status, queryMs }: Isolation): string {
  const sorted = lateMs.toSorted((a, b) => a - b);
  const late = sorted.filter((ms) => ms > MAX_LATE_MS).length;
  return (
    `query ${Math.round(queryMs)} ms (status ${status}): ${late} of ${sorted.length} scrapes late, ` +
    `worst ${Math.round(sorted.at(-1) ?? 0)} ms; ${missedTicks} of ${ticks} ticks missed`
  );
}

function shareLate({ lateMs }: Isolation): number {
  return lateMs.filter((ms) => ms > MAX_LATE_MS).length / lateMs.length;
}

describe('while a query runs that takes long', () => {
  const isSoak = process.env['TOCSIN_SOAK'] !== undefined;
  const queryMs = isSoak ? 10_000 : 2500;

  test('scrapes and rules keep their times; they would not if it ran in the main thread', async () => {
    const threads = await measureIsolation('threads', queryMs);
    const main = await measureIsolation('main', queryMs);
    const text = `in threads: ${describeRun(threads)}\nin the main thread: ${describeRun(main)}`;
    if (isSoak) console.log(text);
    // The query's time ends it, so both had it all.
    expect([threads.status, main.status], text).toEqual([503, 503]);
    expect(threads.lateMs.length, text).toBeGreaterThan((queryMs / 200) * 4);
    // The control run: what this test is about shows.
    expect(main.missedTicks, text).toBeGreaterThan(queryMs / 200);
    expect(shareLate(main), text).toBeGreaterThan(0.5);
    expect(threads.missedTicks, text).toBe(0);
    // Other tests use the same cores: a scrape may wait for the system once in a while, not for the query.
    expect(shareLate(threads), text).toBeLessThanOrEqual(isSoak ? 0 : shareLate(main) / 4);
    expect(Math.max(...threads.lateMs), text).toBeLessThan(Math.max(...main.lateMs) / 4);
  }, 120_000);
});
