import { beforeEach, describe, expect, test } from 'vitest';
import { isResolved } from '../../../src/alerts/index.ts';
import type { AlertListener } from '../../../src/alerts/index.ts';
import { AlertLimit } from '../../../src/alerts/alert-limit.ts';
import { MINUTE_MS, START_MS, TestPlane, configOf, labelsOf, posted } from './helpers.ts';

const CONFIG = configOf({
  route: '{receiver: r, group_by: [alertname], group_wait: 30s, group_interval: 5m}',
});

let plane: TestPlane;

beforeEach(async () => {
  plane = await new TestPlane().start(CONFIG);
});

const lease = (minutes: number): { startsAtMs: number; endsAtMs: number } => ({
  startsAtMs: START_MS,
  endsAtMs: START_MS + minutes * MINUTE_MS,
});

describe('putting', () => {
  test('each alert is judged on its own, in order', async () => {
    const outcomes = await plane.plane.store.put(
      [posted('alertname=A'), posted(''), posted('alertname=B')],
      START_MS,
    );
    expect(outcomes).toMatchObject([
      { kind: 'stored', alert: { timeout: true, endsAtMs: START_MS + 5 * MINUTE_MS } },
      { kind: 'invalid', reason: 'at least one label pair required' },
      { kind: 'stored' },
    ]);
    expect(plane.plane.store.size).toBe(2);
  });

  test('what is acknowledged outlives a crash', async () => {
    await plane.put(posted('alertname=A x=é', lease(60)));
    const before = plane.plane.store.list();
    plane.crash();
    await plane.start(CONFIG);
    expect(plane.plane.store.list()).toEqual(before);
  });

  test('many callers at once are all answered, and in order', async () => {
    const { store } = plane.plane;
    const puts = Array.from({ length: 50 }, (_, i) =>
      store.put([posted(`alertname=A n=${i % 7}`, lease(i + 1))], START_MS),
    );
    const outcomes = await Promise.all(puts);
    expect(outcomes.flat().every((outcome) => outcome.kind === 'stored')).toBe(true);
    const rows = await plane.state.alerts.list();
    expect(rows.map((row) => (row.endsAtMs - START_MS) / MINUTE_MS).toSorted((a, b) => a - b)).toEqual([
      44, 45, 46, 47, 48, 49, 50,
    ]);
  });

  test('more alerts than a batch holds', async () => {
    await plane.put(...Array.from({ length: 2500 }, (_, i) => posted(`alertname=A n=${i}`, lease(60))));
    expect(await plane.state.alerts.list()).toHaveLength(2500);
  });

  test('a failing database is told to the caller', async () => {
    plane.crash();
    await expect(plane.put(posted('alertname=A'))).rejects.toMatchObject({ code: 'TOCSIN_ERR_STATE' });
    expect(plane.plane.store.size).toBe(1);
  });

  test('history tells when an alert began and ended', async () => {
    await plane.put(posted('alertname=A', lease(4)));
    await plane.put(posted('alertname=A', lease(5)));
    await plane.to(60);
    await plane.put(posted('alertname=A', lease(1)));
    const rows = await plane.state.history.query({
      subject: labelsOf('alertname=A').fingerprint(),
      limit: 10,
    });
    expect(rows.map(({ kind, atMs }) => [kind, (atMs - START_MS) / 1000])).toEqual([
      ['alert_resolved', 60],
      ['alert_firing', 0],
    ]);
    expect(JSON.parse(rows[0]!.detail)).toMatchObject({ labels: { alertname: 'A' } });
  });
});

test('listeners hear of every change in order, and of none after they left', async () => {
  const heard: string[] = [];
  const listener: AlertListener = {
    name: 'test',
    alertStored: (alert, nowMs) => void heard.push(`${alert.labels.get('alertname')} ${nowMs - START_MS}`),
    alertsCollected: (alerts) => void heard.push(`collected ${alerts.length}`),
  };
  const leave = plane.plane.store.subscribe(listener);
  await plane.put(posted('alertname=A', lease(1)), posted('alertname=B', lease(1)));
  await plane.to(31 * 60);
  leave();
  await plane.put(posted('alertname=C'));
  expect(heard).toEqual(['A 0', 'B 0', 'collected 2']);
});

describe('an alert’s life', () => {
  type Phase = 'absent' | 'firing' | 'resolved';
  type Event =
    | 'post firing'
    | 'post without end'
    | 'post resolved'
    | 'its end passes'
    | 'collection'
    | 'crash'
    | 'crash past its end';
  // The whole table: what becomes of an alert in each phase on each event.
  const LIFE: Readonly<Record<Phase, Readonly<Record<Event, Phase>>>> = {
    absent: {
      'post firing': 'firing',
      'post without end': 'firing',
      'post resolved': 'resolved',
      'its end passes': 'absent',
      collection: 'absent',
      crash: 'absent',
      'crash past its end': 'absent',
    },
    firing: {
      'post firing': 'firing',
      'post without end': 'firing',
      'post resolved': 'resolved',
      'its end passes': 'resolved',
      collection: 'firing',
      crash: 'firing',
      'crash past its end': 'firing',
    },
    resolved: {
      'post firing': 'firing',
      'post without end': 'firing',
      'post resolved': 'resolved',
      'its end passes': 'resolved',
      collection: 'absent',
      crash: 'resolved',
      'crash past its end': 'resolved',
    },
  };
  const cells = Object.entries(LIFE).flatMap(([phase, events]) =>
    Object.entries(events).map(([event, next]) => [phase as Phase, event as Event, next] as const),
  );
  const LABELS = 'alertname=A';

  test.each(cells)('%s, %s → %s', async (phase, event, next) => {
    if (phase !== 'absent') await plane.put(posted(LABELS, lease(20)));
    await plane.to(600);
    if (phase === 'resolved') await plane.put(posted(LABELS, lease(9)));
    // The flush that tells of the end; a resolved alert is collected only after it.
    await plane.to(700);
    await happen(event);
    const alert = plane.plane.store.get(labelsOf(LABELS).fingerprint());
    const phaseNow =
      alert === undefined ? 'absent' : isResolved(alert, plane.clock.nowMs()) ? 'resolved' : 'firing';
    expect(phaseNow).toBe(next);
  });

  async function happen(event: Event): Promise<void> {
    const now = plane.clock.nowMs();
    switch (event) {
      case 'post firing':
        return plane.put(posted(LABELS, { startsAtMs: now, endsAtMs: now + MINUTE_MS }));
      case 'post without end':
        return plane.put(posted(LABELS));
      case 'post resolved':
        return plane.put(posted(LABELS, { startsAtMs: START_MS, endsAtMs: now }));
      case 'its end passes':
        return plane.to(20 * 60);
      case 'collection':
        await plane.plane.store.collect(now);
        return;
      case 'crash':
        plane.crash();
        await plane.start(CONFIG);
        return;
      case 'crash past its end':
        plane.crash();
        await plane.clock.advanceTo(START_MS + 60 * MINUTE_MS);
        await plane.start(CONFIG);
    }
  }
});

describe('a restart', () => {
  const only = (): { endsAtMs: number; timeout: boolean } => plane.plane.store.list()[0]!;

  async function restartAt(seconds: number): Promise<void> {
    plane.crash();
    await plane.to(seconds);
    await plane.start(CONFIG);
  }

  test('gives a source resolve_timeout to send again', async () => {
    await plane.put(posted('alertname=A', lease(4)));
    await restartAt(600);
    expect(only()).toMatchObject({ endsAtMs: START_MS + 900_000, timeout: true });
    await plane.to(899);
    expect(isResolved(plane.plane.store.list()[0]!, plane.clock.nowMs())).toBe(false);
    await plane.to(900);
    expect(isResolved(plane.plane.store.list()[0]!, plane.clock.nowMs())).toBe(true);
  });

  test('a source that sends again rules, whether it fires or has resolved', async () => {
    await plane.put(posted('alertname=A', lease(4)));
    await restartAt(600);
    await plane.put(posted('alertname=A', { startsAtMs: START_MS, endsAtMs: START_MS + 840_000 }));
    expect(only()).toMatchObject({ endsAtMs: START_MS + 840_000, timeout: false });
    await restartAt(1200);
    await plane.put(posted('alertname=A', { startsAtMs: START_MS, endsAtMs: START_MS + 1_100_000 }));
    expect(only()).toMatchObject({ endsAtMs: START_MS + 1_100_000, timeout: false });
  });

  test('an end that was reached while the program ran stands', async () => {
    await plane.put(posted('alertname=A', lease(1)));
    await plane.to(120);
    await restartAt(121);
    expect(only()).toMatchObject({ endsAtMs: START_MS + MINUTE_MS });
  });

  test('a stated resolve stands', async () => {
    await plane.put(posted('alertname=A', lease(9)));
    await plane.to(60);
    await plane.put(posted('alertname=A', lease(1)));
    await restartAt(61);
    expect(only()).toMatchObject({ endsAtMs: START_MS + MINUTE_MS });
  });

  test('a second crash does not make the given time count as reached', async () => {
    await plane.put(posted('alertname=A', lease(4)));
    await restartAt(600);
    await restartAt(2000);
    expect(only()).toMatchObject({ endsAtMs: START_MS + 2_300_000 });
  });
});

describe('collection', () => {
  test('waits until the end has been told', async () => {
    plane.onFlush = () => Promise.resolve({ kind: 'failed', error: new Error('receiver is down') });
    await plane.put(posted('alertname=A', lease(1)));
    await plane.to(31 * 60);
    expect(plane.plane.store.size).toBe(1);
    plane.onFlush = () => Promise.resolve({ kind: 'done' });
    await plane.to(61 * 60);
    expect(plane.plane.store.size).toBe(0);
    expect(await plane.state.alerts.list()).toEqual([]);
  });

  test('forgets history after the retention', async () => {
    await plane.put(posted('alertname=A', lease(1)));
    await plane.to(121 * 3600);
    expect(await plane.state.history.query({ limit: 10 })).toEqual([]);
  });
});

describe('limit a name', () => {
  test('a new one is dropped, known ones are refreshed, ended ones make room', async () => {
    const limited = await new TestPlane().start(CONFIG, { perAlertnameLimit: 2 });
    const put = async (labels: string, minutes: number): Promise<string> => {
      const [outcome] = await limited.plane.store.put(
        [posted(labels, lease(minutes))],
        limited.clock.nowMs(),
      );
      return outcome!.kind;
    };
    expect(await put('alertname=A n=1', 1)).toBe('stored');
    expect(await put('alertname=A n=2', 10)).toBe('stored');
    expect(await put('alertname=A n=3', 10)).toBe('limited');
    expect(await put('alertname=B n=3', 10)).toBe('stored');
    expect(await put('alertname=A n=1', 2)).toBe('stored');
    await limited.to(121);
    expect(await put('alertname=A n=3', 10)).toBe('stored');
    expect(await put('alertname=A n=4', 10)).toBe('limited');
    const metric = await limited.registry.getSingleMetric('alertmanager_alerts_limited_total')!.get();
    expect(metric.values[0]!.value).toBe(2);
  });

  test('without a limit nothing is remembered', () => {
    const limit = new AlertLimit(0);
    expect(limit.admit('A', '1', 1, 0)).toBe(true);
    limit.release('A', '1');
  });

  test('a released one makes room', () => {
    const limit = new AlertLimit(1);
    expect(limit.admit('A', '1', 9, 0)).toBe(true);
    expect(limit.admit('A', '2', 9, 0)).toBe(false);
    limit.release('A', '1');
    expect(limit.admit('A', '2', 9, 0)).toBe(true);
  });
});
