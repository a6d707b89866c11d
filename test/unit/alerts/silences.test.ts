import { beforeEach, describe, expect, test } from 'vitest';
import { Matcher } from '../../../src/core/matcher.ts';
import type { LogFields } from '../../../src/core/log.ts';
import { silentLogger } from '../../../src/core/log.ts';
import { canUpdate, silenceState } from '../../../src/alerts/index.ts';
import type { DraftMatcher, Silence, SilenceDraft, Silences } from '../../../src/alerts/index.ts';
import { silenceSizeBytes } from '../../../src/alerts/silence.ts';
import { MINUTE_MS, START_MS, TestPlane, configOf, labelsOf, posted } from './helpers.ts';

const HOUR_MS = 60 * MINUTE_MS;
const CONFIG = configOf({ route: 'receiver: r' });

function matcher(text: string): DraftMatcher {
  const [, name, op, value] = /^(\w*)(=~|!~|!=|=)(.*)$/s.exec(text)!;
  return { name: name!, op: op as DraftMatcher['op'], value: value! };
}

function draft(change: Partial<SilenceDraft> = {}, ...matchers: string[]): SilenceDraft {
  return {
    matcherSets: [(matchers.length === 0 ? ['a=b'] : matchers).map(matcher)],
    endsAtMs: START_MS + HOUR_MS,
    createdBy: 'me',
    comment: 'why',
    ...change,
  };
}

let test1: TestPlane;
let silences: Silences;

beforeEach(async () => {
  test1 = await new TestPlane().start(CONFIG);
  silences = test1.plane.silences;
});

async function create(change: Partial<SilenceDraft> = {}, ...matchers: string[]): Promise<Silence> {
  const outcome = await silences.set(draft(change, ...matchers), test1.clock.nowMs());
  if (outcome.kind !== 'set') throw new Error(JSON.stringify(outcome));
  return outcome.silence;
}

describe('creating', () => {
  test('a start that is absent or past is now', async () => {
    expect(await create()).toMatchObject({
      startsAtMs: START_MS,
      endsAtMs: START_MS + HOUR_MS,
      updatedAtMs: START_MS,
    });
    expect(await create({ startsAtMs: START_MS - 1 })).toMatchObject({ startsAtMs: START_MS });
    expect(await create({ startsAtMs: START_MS + 1 })).toMatchObject({ startsAtMs: START_MS + 1 });
  });

  test.each<readonly [SilenceDraft, string]>([
    [draft({ matcherSets: [] }), 'invalid silence: at least one matcher set required'],
    [draft({ matcherSets: [[]] }), 'invalid silence: matcher set 0 is empty'],
    [draft({}, '=b'), 'invalid silence: invalid label matcher 0 in set 0: invalid label name ""'],
    [
      draft({}, 'a=b', 'c=~('),
      'invalid silence: invalid label matcher 1 in set 0: invalid regular expression "("',
    ],
    [draft({}, 'a=\ud800'), 'invalid silence: invalid label matcher 0 in set 0: invalid label value'],
    [draft({}, 'a='), 'invalid silence: matcher set 0: at least one matcher must not match the empty string'],
    [
      draft({}, 'a=~.*', 'b='),
      'invalid silence: matcher set 0: at least one matcher must not match the empty string',
    ],
    [
      draft({ startsAtMs: START_MS + 2, endsAtMs: START_MS + 1 }),
      'Failed to create silence: start time must be before end time',
    ],
    [
      draft({ startsAtMs: START_MS - 9, endsAtMs: START_MS - 1 }),
      "Failed to create silence: end time can't be in the past",
    ],
  ])('%#: is refused', async (wanted, reason) => {
    const outcome = await silences.set(wanted, START_MS);
    expect(outcome).toMatchObject({ kind: 'invalid', reason: expect.stringContaining(reason) });
    expect(silences.query({}, START_MS)).toEqual([]);
  });

  test('a negative matcher may match the empty text', async () => {
    expect(await create({}, 'a!=b')).toMatchObject({ id: expect.any(String) });
  });

  test('an unknown id is not found', async () => {
    expect(await silences.set(draft({ id: 'nobody' }), START_MS)).toEqual({ kind: 'not_found' });
  });

  test('an empty id makes a new one', async () => {
    expect((await create({ id: '' })).id).toMatch(/^[0-9a-f-]{36}$/);
  });
});

describe('canUpdate', () => {
  const T = START_MS;
  const silence = (startsAtMs: number, endsAtMs: number, ...matchers: string[]): Silence => ({
    id: 'x',
    startsAtMs,
    endsAtMs,
    updatedAtMs: 0,
    createdBy: '',
    comment: '',
    annotations: {},
    matcherSets: [
      (matchers.length === 0 ? ['a=b'] : matchers)
        .map(matcher)
        .map((m) => new Matcher(m.name, m.op, m.value)),
    ],
  });
  const cases: readonly (readonly [name: string, old: Silence, wanted: Silence, can: boolean])[] = [
    ['expired: never', silence(T - 9, T), silence(T - 9, T + 9), false],
    ['active: later end', silence(T - 9, T + 9), silence(T - 9, T + 99), true],
    ['active: earlier end', silence(T - 9, T + 9), silence(T - 9, T), true],
    ['active: past end', silence(T - 9, T + 9), silence(T - 9, T - 1), false],
    ['active: other start second', silence(T - 9000, T + 9), silence(T - 8000, T + 9), false],
    ['active: same start second', silence(T - 9000, T + 9), silence(T - 8999, T + 9), true],
    ['pending: later start', silence(T + 1, T + 9), silence(T + 5, T + 9), true],
    ['pending: start now', silence(T + 1, T + 9), silence(T, T + 9), true],
    ['pending: past start', silence(T + 1, T + 9), silence(T - 1, T + 9), false],
    ['other value', silence(T - 9, T + 9), silence(T - 9, T + 9, 'a=c'), false],
    ['other operator', silence(T - 9, T + 9), silence(T - 9, T + 9, 'a=~b'), false],
    ['one matcher more', silence(T - 9, T + 9), silence(T - 9, T + 9, 'a=b', 'c=d'), false],
    ['other order', silence(T - 9, T + 9, 'a=b', 'c=d'), silence(T - 9, T + 9, 'c=d', 'a=b'), false],
    ['several matchers', silence(T - 9, T + 9, 'a=b', 'c=d'), silence(T - 9, T + 9, 'a=b', 'c=d'), true],
  ];
  test.each(cases)('%s', (_name, old, wanted, can) => {
    expect(canUpdate(old, wanted, T)).toBe(can);
  });
});

describe('changing', () => {
  test('in place where the past stays as it was', async () => {
    const { id } = await create();
    await test1.to(60);
    const changed = await create({
      id,
      comment: 'other',
      endsAtMs: START_MS + 2 * HOUR_MS,
      startsAtMs: START_MS,
    });
    expect(changed).toMatchObject({
      id,
      comment: 'other',
      startsAtMs: START_MS,
      updatedAtMs: START_MS + MINUTE_MS,
    });
    expect(silences.query({}, test1.clock.nowMs())).toEqual([changed]);
  });

  test('else the old one ends and another takes its place', async () => {
    const { id } = await create();
    await test1.to(60);
    const changed = await create({ id, startsAtMs: START_MS }, 'a=c');
    const now = test1.clock.nowMs();
    expect(changed.id).not.toBe(id);
    expect(changed).toMatchObject({ startsAtMs: now });
    expect(silences.get(id)).toMatchObject({ startsAtMs: START_MS, endsAtMs: now });
    expect(silenceState(silences.get(id)!, now)).toBe('expired');
  });

  test('an expired one is never changed, a new one is made', async () => {
    const { id } = await create();
    await silences.expire(id, START_MS);
    const again = await create({ id });
    expect(again.id).not.toBe(id);
    expect(silences.get(id)).toMatchObject({ endsAtMs: START_MS });
  });
});

describe('expiring', () => {
  test.each([
    ['active', 0, { startsAtMs: START_MS, endsAtMs: START_MS + 30_000 }],
    ['pending', MINUTE_MS, { startsAtMs: START_MS + 30_000, endsAtMs: START_MS + 30_000 }],
  ])('%s: ends now', async (_state, startsInMs, wanted) => {
    const { id } = await create({ startsAtMs: START_MS + startsInMs });
    await test1.to(30);
    expect(await silences.expire(id, test1.clock.nowMs())).toBe(true);
    expect(silences.get(id)).toMatchObject(wanted);
    await test1.to(40);
    expect(await silences.expire(id, test1.clock.nowMs())).toBe(true);
    expect(silences.get(id)).toMatchObject(wanted);
  });

  test('an unknown id', async () => {
    expect(await silences.expire('nobody', START_MS)).toBe(false);
  });
});

describe('asking', () => {
  test('states by the clock, in the API’s order', async () => {
    const names: Record<string, string> = {};
    for (const [name, from, to] of [
      ['active late', 0, 50],
      ['active soon', 0, 40],
      ['pending late', 30, 60],
      ['pending soon', 20, 60],
      ['over early', 0, 5],
      ['over late', 0, 9],
    ] as const) {
      const silence = await create({
        startsAtMs: START_MS + from * MINUTE_MS,
        endsAtMs: START_MS + to * MINUTE_MS,
      });
      names[silence.id] = name;
    }
    const now = START_MS + 10 * MINUTE_MS;
    const listed = (states?: ('active' | 'pending' | 'expired')[]): string[] =>
      silences.query(states === undefined ? {} : { states }, now).map(({ id }) => names[id]!);
    expect(listed()).toEqual([
      'active soon',
      'active late',
      'pending soon',
      'pending late',
      'over late',
      'over early',
    ]);
    expect(listed(['pending'])).toEqual(['pending soon', 'pending late']);
    expect(silences.count(now)).toEqual({ active: 2, pending: 2, expired: 2 });
  });

  test('a filter wants the very matcher', async () => {
    const { id } = await create({}, 'a=b', 'c=~d');
    const found = (...filter: [string, '=' | '=~' | '!=', string][]): boolean =>
      silences
        .query({ filter: filter.map(([n, o, v]) => new Matcher(n, o, v)) }, START_MS)
        .some((s) => s.id === id);
    expect(found(['a', '=', 'b'])).toBe(true);
    expect(found(['c', '=~', 'd'], ['a', '=', 'b'])).toBe(true);
    expect(found(['c', '=', 'd'])).toBe(false);
    expect(found(['a', '=', 'b'], ['x', '=', 'y'])).toBe(false);
  });

  test('by the labels of an alert', async () => {
    const { id } = await create({}, 'a=~b.*', 'c!=d');
    const ids = (labels: string): string[] =>
      silences.query({ labels: labelsOf(labels) }, START_MS).map((s) => s.id);
    expect(ids('a=bcd')).toEqual([id]);
    expect(ids('a=b c=d')).toEqual([]);
  });
});

describe('muting', () => {
  const alert = { labels: labelsOf('a=b'), fingerprint: labelsOf('a=b').fingerprint() };
  const mutes = (): string[] => silences.mutedBy(alert, { nowMs: test1.clock.nowMs() });

  test('between start and end, and with every silence that matches', async () => {
    const first = await create({ startsAtMs: START_MS + 10_000, endsAtMs: START_MS + 20_000 });
    expect(mutes()).toEqual([]);
    await test1.to(10);
    expect(mutes()).toEqual([first.id]);
    const second = await create({}, 'a=~b|c');
    await create({}, 'a=c');
    expect(mutes()).toEqual([first.id, second.id]);
    await test1.to(19.999);
    expect(mutes()).toEqual([first.id, second.id]);
    await test1.to(20);
    expect(mutes()).toEqual([second.id]);
    await silences.expire(second.id, test1.clock.nowMs());
    expect(mutes()).toEqual([]);
  });

  test('a silence changed in place mutes by its new times', async () => {
    const { id } = await create({ startsAtMs: START_MS + MINUTE_MS });
    expect(mutes()).toEqual([]);
    await create({ id, startsAtMs: START_MS });
    expect(mutes()).toEqual([id]);
  });

  test('each silence is held against an alert once', async () => {
    await create({}, 'a=c');
    const scanned = async (): Promise<number> => {
      const metric = await test1.registry
        .getSingleMetric('alertmanager_silences_query_silences_scanned_total')!
        .get();
      return metric.values[0]!.value;
    };
    mutes();
    const before = await scanned();
    mutes();
    expect(await scanned()).toBe(before);
    await create();
    expect(mutes()).toHaveLength(1);
    expect(await scanned()).toBe(before + 1);
  });
});

describe('limits', () => {
  test('the number counts expired ones and replacements, not changes in place', async () => {
    const limited = await new TestPlane().start(CONFIG, { maxSilences: 2 });
    silences = limited.plane.silences;
    const { id } = await create();
    const second = await create();
    await silences.expire(second.id, START_MS);
    const refused = { kind: 'limited', reason: 'exceeded maximum number of silences: 2 (limit: 2)' };
    expect(await silences.set(draft(), START_MS)).toEqual(refused);
    expect(await silences.set(draft({ id }, 'x=y'), START_MS)).toEqual(refused);
    expect(silenceState(silences.get(id)!, START_MS)).toBe('active');
    expect(await create({ id, comment: 'changed', startsAtMs: START_MS })).toMatchObject({ id });
  });

  test('the size is that of Alertmanager’s message', async () => {
    const limited = await new TestPlane().start(CONFIG, { maxSilenceSizeBytes: 200 });
    silences = limited.plane.silences;
    await create();
    expect(await silences.set(draft({ comment: 'x'.repeat(200) }), START_MS)).toMatchObject({
      kind: 'limited',
      reason: expect.stringMatching(/^silence exceeded maximum size: \d+ bytes \(limit: 200 bytes\)$/),
    });
  });

  test('a message measured by hand', () => {
    const silence: Silence = {
      id: 'ab',
      startsAtMs: 1000,
      endsAtMs: 2000,
      updatedAtMs: 0,
      createdBy: 'c',
      comment: '',
      annotations: { k: 'v' },
      matcherSets: [[new Matcher('n', '=~', 'v')]],
    };
    // matcher: type 2, name 3, pattern 3 = 8; written as field 2 (10) and inside a set (12).
    // id 4, times 4 + 4 + 2, created_by 3, annotation 8; expires_at 4; the silence itself 2 + 47.
    expect(silenceSizeBytes(silence, 2000)).toBe(2 + (4 + 10 + 4 + 4 + 2 + 3 + 8 + 12) + 4);
  });
});

describe('keeping', () => {
  test('silences outlive a crash the moment they are acknowledged', async () => {
    const active = await create({ annotations: { ticket: 'X-1' } }, 'a=b', 'c=~d|e');
    const expired = await create();
    await silences.expire(expired.id, START_MS);
    test1.crash();
    await test1.start(CONFIG);
    silences = test1.plane.silences;
    expect(silences.get(active.id)).toEqual(active);
    expect(silences.count(START_MS)).toEqual({ active: 1, pending: 0, expired: 1 });
    const muted = { labels: labelsOf('a=b c=d'), fingerprint: 'x' };
    expect(silences.mutedBy(muted, { nowMs: START_MS })).toEqual([active.id]);
  });

  test('a silence that could not be written is not there', async () => {
    test1.crash();
    await expect(silences.set(draft(), START_MS)).rejects.toMatchObject({ code: 'TOCSIN_ERR_STATE' });
    expect(silences.query({}, START_MS)).toEqual([]);
    expect(silences.mutedBy({ labels: labelsOf('a=b'), fingerprint: 'x' }, { nowMs: START_MS })).toEqual([]);
  });

  test('ended ones go after the retention', async () => {
    const { id } = await create();
    await test1.to(121 * 3600 - 1);
    expect(silences.get(id)).toBeDefined();
    await test1.to(121 * 3600 + 15 * 60);
    expect(silences.get(id)).toBeUndefined();
    expect(await test1.state.silences.list()).toEqual([]);
  });

  test('changes are logged when that is wanted', async () => {
    const lines: [string, LogFields][] = [];
    const logger = {
      ...silentLogger,
      info: (fields: LogFields, message: string) => void lines.push([message, fields]),
    };
    const logging = await new TestPlane().start(CONFIG, { logSilences: true }, logger);
    silences = logging.plane.silences;
    const { id } = await create({}, 'a=b', 'c!~d');
    await silences.expire(id, START_MS);
    expect(lines).toMatchObject([
      ['create silence', { id, matchers: '{a="b",c!~"d"}' }],
      ['expire silence', { id }],
    ]);
  });
});

test('collected alerts leave the match cache, and come back into it', async () => {
  const { id } = await create();
  await test1.put(posted('a=b', { startsAtMs: START_MS, endsAtMs: START_MS + 1 }));
  await test1.to(3600);
  expect(test1.plane.store.size).toBe(0);
  const alert = { labels: labelsOf('a=b'), fingerprint: labelsOf('a=b').fingerprint() };
  expect(silences.mutedBy(alert, { nowMs: START_MS + 1 })).toEqual([id]);
});
