import { describe, expect, it } from 'vitest';
import { AssertionFailure } from '../../../src/core/errors.ts';
import { SeededRandom } from '../../../src/core/seeded-random.ts';
import { retryDelayMs } from '../../../src/notify/retry.ts';
import { DOWN, OutboxBench, REFUSED, SENT, START_MS, letterAlert } from './helpers.ts';

const MINUTE_MS = 60_000;

async function bench(): Promise<OutboxBench> {
  const made = new OutboxBench();
  await made.boot();
  return made;
}

describe('Outbox', () => {
  it('delivers at once and records row and log entry together', async () => {
    const b = await bench();
    expect(await b.flush([letterAlert('A')])).toBe('delivered');
    expect(b.said).toEqual(['A | first notification']);
    expect(b.store.states()).toEqual(['sent']);
    const entry = [...b.store.entries.values()][0]?.entry;
    expect(entry).toEqual({
      timestampMs: START_MS,
      firing: ['A'],
      resolved: [],
      muted: [],
      expiresAtMs: START_MS + 8 * 3_600_000,
    });
    expect(await b.flush([letterAlert('A')])).toBe('nothing');
    expect(b.said).toHaveLength(1);
  });

  it('marks the row before each request, so that a crash leaves its trace', async () => {
    const b = await bench();
    const seen: string[][] = [];
    b.behave = () => {
      seen.push(b.store.states());
      return seen.length < 3 ? DOWN : SENT;
    };
    await b.flush([letterAlert('A')]);
    expect(seen).toEqual([['sending'], ['sending'], ['sending']]);
    expect([...b.store.rows.values()][0]).toMatchObject({ state: 'sent', attempts: 3, ambiguous: false });
  });

  it('a receiver that was down for an hour gets what it missed, once', async () => {
    const b = await bench();
    expect(await b.flush([letterAlert('A')])).toBe('delivered');
    b.behave = () => DOWN;
    const end = b.clock.nowMs() + 60 * MINUTE_MS;
    // A resolves, B comes and goes, C comes and stays; the group forgets what a done flush had as resolved.
    const group = new Map([['A', letterAlert('A')]]);
    for (let tick = 1; tick <= 12; tick++) {
      const nowMs = b.clock.nowMs();
      if (tick === 2) group.set('A', letterAlert('A', nowMs - 1));
      if (tick === 3) group.set('B', letterAlert('B'));
      if (tick === 5) group.set('B', letterAlert('B', nowMs - 1));
      if (tick === 6) group.set('C', letterAlert('C'));
      const result = await b.flush([...group.values()], [...group.values()], MINUTE_MS);
      expect(['queued', 'nothing']).toContain(result);
      for (const [name, alert] of group) if (alert.endsAtMs <= nowMs) group.delete(name);
      await b.clock.advanceBy(4 * MINUTE_MS);
    }
    expect(b.said).toEqual(['A | first notification']);
    expect(b.store.states()).toEqual(['sent', 'pending']);
    b.behave = () => SENT;
    await b.clock.advanceTo(Math.max(b.clock.nowMs(), end) + 2 * MINUTE_MS);
    expect(b.said).toEqual(['A | first notification', 'C B- A- | new alerts added']);
    expect(await b.flush([letterAlert('C')])).toBe('nothing');
    expect(b.store.states()).toEqual(['sent', 'sent']);
  });

  it('tries again without another flush, and no sooner than the receiver asked for', async () => {
    const b = await bench();
    const times: number[] = [];
    b.behave = () => {
      times.push(b.clock.nowMs() - START_MS);
      return times.length === 1
        ? { kind: 'retry', reason: 'rateLimited', message: 'unexpected status code 429', afterMs: 90_000 }
        : SENT;
    };
    expect(await b.flush([letterAlert('A')], undefined, 10_000)).toBe('queued');
    await b.clock.advanceBy(200_000);
    expect(times).toEqual([0, 90_000]);
    expect(b.said).toEqual(['A | first notification']);
  });

  it('keeps to Retry-After even when a flush puts the row up to date meanwhile', async () => {
    const b = await bench();
    const times: number[] = [];
    b.behave = () => {
      times.push(b.clock.nowMs() - START_MS);
      return times.length === 1 ? ({ ...DOWN, kind: 'retry', afterMs: 90_000 } as typeof DOWN) : SENT;
    };
    await b.flush([letterAlert('A')]);
    await b.flush([letterAlert('A'), letterAlert('B')]);
    await b.clock.advanceBy(100_000);
    expect(times).toEqual([0, 90_000]);
    expect(b.said).toEqual(['A B | first notification']);
  });

  it('a refusal fails the flush and closes the row; the next flush decides anew', async () => {
    const b = await bench();
    b.behave = () => REFUSED;
    expect(await b.flush([letterAlert('A')])).toBe('rejected');
    const [row] = [...b.store.rows.values()];
    expect(row).toMatchObject({ state: 'failed', lastError: 'unexpected status code 400' });
    expect(b.store.entries.size).toBe(0);
    b.behave = () => SENT;
    expect(await b.flush([letterAlert('A')])).toBe('delivered');
    expect(b.store.states()).toEqual(['failed', 'sent']);
  });

  it('ends a request that never answers and tries again', async () => {
    const b = await bench();
    let asked = 0;
    b.behave = async (_, signal) => {
      if (++asked > 1) return SENT;
      await b.clock.sleep(1e9, signal);
      return SENT;
    };
    expect(await b.flush([letterAlert('A')], undefined, 300_000)).toBe('queued');
    await b.clock.advanceBy(10_000);
    expect(b.said).toEqual(['A | first notification (again)']);
  });

  it('a flush during a request waits for it and is decided after it', async () => {
    const b = await bench();
    const gate = Promise.withResolvers<void>();
    b.behave = async () => {
      await gate.promise;
      return SENT;
    };
    const first = b.outbox.offer(b.offer([letterAlert('A')]), new AbortController().signal);
    await b.clock.settle();
    const second = b.outbox.offer(b.offer([letterAlert('A')]), new AbortController().signal);
    await b.clock.settle();
    expect(b.store.states()).toEqual(['sending']);
    gate.resolve();
    expect(await first).toEqual({ kind: 'delivered' });
    expect(await second).toEqual({ kind: 'nothing' });
    expect(b.said).toHaveLength(1);
  });

  it('fails the flush when the state cannot be written, and requests nothing', async () => {
    const b = await bench();
    b.store.beforeCommit = () => {
      throw new Error('disk full');
    };
    expect(await b.flush([letterAlert('A')])).toBe('error: disk full');
    expect(b.said).toEqual([]);
  });

  it('does not send again when only the record of the success could not be written', async () => {
    const b = await bench();
    let failures = 5;
    b.store.beforeCommit = (rows) => {
      if (rows[0]?.state === 'sent' && failures-- > 0) throw new Error('disk full');
    };
    expect(await b.flush([letterAlert('A')], undefined, 60_000)).toBe('delivered');
    expect(b.said).toEqual(['A | first notification']);
    expect(b.store.states()).toEqual(['sent']);
  });

  it('waits with the request until the mark before it could be written', async () => {
    const b = await bench();
    let failures = 3;
    b.store.beforeCommit = (rows) => {
      if (rows[0]?.state === 'sending' && failures-- > 0) throw new Error('disk full');
    };
    expect(await b.flush([letterAlert('A')], undefined, 60_000)).toBe('delivered');
    expect(b.said).toEqual(['A | first notification']);
  });

  it('limits the requests under way to one integration', async () => {
    const b = new OutboxBench();
    await b.boot(2);
    let now = 0;
    let most = 0;
    b.behave = async () => {
      most = Math.max(most, ++now);
      await b.clock.sleep(1000);
      now--;
      return SENT;
    };
    const offers = ['1', '2', '3', '4', '5'].map((groupKey) => {
      const offer = b.offer([letterAlert('A')]);
      return b.outbox.offer({ ...offer, key: { ...offer.key, groupKey } }, new AbortController().signal);
    });
    await b.clock.advanceBy(10_000);
    expect((await Promise.all(offers)).map(({ kind }) => kind)).toEqual(Array(5).fill('delivered'));
    expect(most).toBe(2);
  });

  it('a reload that takes the receiver away fails its rows with a reason', async () => {
    const b = await bench();
    b.behave = () => DOWN;
    await b.flush([letterAlert('A')]);
    b.outbox.setIntegrations([]);
    await b.clock.advanceBy(120_000);
    const [row] = [...b.store.rows.values()];
    expect(row?.state).toBe('failed');
    expect(row?.lastError).toContain('no longer in the configuration');
  });

  it('gives up after the retention, and forgets closed rows and old entries by then', async () => {
    const b = await bench();
    await b.flush([letterAlert('B')]);
    b.behave = () => DOWN;
    await b.flush([letterAlert('A')]);
    await b.clock.advanceBy(121 * 3_600_000);
    const [row] = [...b.store.rows.values()];
    expect(row).toMatchObject({ state: 'failed' });
    expect(row?.lastError).toContain('given up');
    expect(b.store.entries.size).toBe(0);
  });

  it('shows how much waits and for how long', async () => {
    const b = await bench();
    b.behave = () => DOWN;
    await b.flush([letterAlert('A')]);
    await b.clock.advanceBy(30_000);
    expect(b.outbox.gauges()).toEqual({ openRows: 1, oldestCreatedAtMs: START_MS });
    expect(b.outbox.openRows()[0]).toMatchObject({
      state: 'pending',
      lastError: DOWN.kind === 'retry' ? DOWN.message : '',
    });
  });

  it('gives bugs of receivers to onFailure and does not hide them', async () => {
    const b = await bench();
    b.behave = () => {
      throw new AssertionFailure('broken receiver');
    };
    await b.flush([letterAlert('A')]);
    expect(b.failures).toHaveLength(1);
    expect(String(b.failures[0])).toContain('broken receiver');
  });
});

describe('Outbox.stop', () => {
  it('lets a request end within the grace', async () => {
    const b = await bench();
    b.behave = async () => {
      await b.clock.sleep(2000);
      return SENT;
    };
    const work = b.outbox.offer(b.offer([letterAlert('A')]), new AbortController().signal);
    await b.clock.settle();
    const stopped = b.outbox.stop(5000);
    await b.clock.advanceBy(3000);
    await stopped;
    expect(await work).toEqual({ kind: 'delivered' });
    expect(b.store.states()).toEqual(['sent']);
  });

  it('cuts it off after the grace; the next process sends it again, flagged', async () => {
    const b = await bench();
    b.behave = async (_, signal) => {
      await b.clock.sleep(1e9, signal);
      return SENT;
    };
    const work = b.outbox.offer(b.offer([letterAlert('A')]), new AbortController().signal);
    await b.clock.settle();
    const stopped = b.outbox.stop(5000);
    await b.clock.advanceBy(6000);
    await stopped;
    expect((await work).kind).toBe('queued');
    expect(b.store.states()).toEqual(['sending']);
    b.behave = () => SENT;
    await b.boot();
    await b.clock.settle();
    expect(b.said).toEqual(['A | first notification (again)']);
    expect(b.store.states()).toEqual(['sent']);
  });

  it('sends what an earlier process left pending', async () => {
    const b = await bench();
    b.behave = () => DOWN;
    await b.flush([letterAlert('A')]);
    await b.outbox.stop(0);
    b.behave = () => SENT;
    await b.boot();
    await b.clock.advanceBy(120_000);
    expect(b.said).toEqual(['A | first notification']);
  });

  it('drops a row that it cannot read, with a log line', async () => {
    const b = await bench();
    b.behave = () => DOWN;
    await b.flush([letterAlert('A')]);
    await b.outbox.stop(0);
    const [row] = [...b.store.rows.values()];
    b.store.rows.set(row!.id, { ...row!, payload: '{"version":99}' });
    await b.boot();
    expect(b.store.states()).toEqual(['failed']);
    expect(b.logger.lines.join('\n')).toContain('unreadable');
  });
});

describe('retryDelayMs', () => {
  it('grows from half a second by half each time to a minute, within ±50 %', () => {
    const random = new SeededRandom(1);
    for (let attempts = 1; attempts <= 40; attempts++) {
      const plainMs = Math.min(60_000, 500 * 1.5 ** (attempts - 1));
      for (let i = 0; i < 20; i++) {
        const delayMs = retryDelayMs(attempts, undefined, random);
        expect(delayMs).toBeGreaterThanOrEqual(plainMs * 0.5);
        expect(delayMs).toBeLessThanOrEqual(plainMs * 1.5 + 1);
      }
    }
  });

  it('never undercuts what was asked for, and waits an hour at most', () => {
    const random = new SeededRandom(1);
    expect(retryDelayMs(1, 30_000, random)).toBe(30_000);
    expect(retryDelayMs(1, 1e12, random)).toBe(3_600_000);
  });
});
