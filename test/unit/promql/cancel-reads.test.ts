import { expect, test } from 'vitest';
import { silentLogger } from '../../../src/core/log.ts';
import { VirtualClock } from '../../../src/core/virtual-clock.ts';
import { LocalQueryEngine } from '../../../src/promql/index.ts';
import type { Querier, SeriesCursor } from '../../../src/storage/index.ts';
import { MemoryStorage } from '../../support/memory-storage.ts';

test('a query that is no longer wanted gives up what it waits for', async () => {
  const clock = new VirtualClock(0);
  let isCanceled = false;
  let isClosed = false;
  const storage = {
    querier: (minMs: number, maxMs: number): Querier => {
      const local = new MemoryStorage().querier(minMs, maxMs);
      const waits = Promise.withResolvers<SeriesCursor>();
      return {
        select: () => waits.promise,
        labelNames: () => Promise.resolve([]),
        labelValues: () => Promise.resolve([]),
        cancel: () => {
          isCanceled = true;
          void local.select([], { minMs, maxMs, limit: 0 }).then(waits.resolve);
        },
        close: () => {
          isClosed = true;
        },
      };
    },
  };
  const engine = new LocalQueryEngine({ storage, clock, logger: silentLogger });
  const gone = new AbortController();
  const answer = engine.instant('up', 0, { signal: gone.signal });
  const failed = expect(answer).rejects.toThrow('query was canceled');
  await clock.advanceTo(1);
  expect(isCanceled).toBe(false);
  gone.abort();
  await failed;
  expect([isCanceled, isClosed]).toEqual([true, true]);
});
