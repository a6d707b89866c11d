import { describe, expect, it } from 'vitest';
import type { Alert, Flush, FlushContext } from '../../../src/alerts/index.ts';
import { createRegistry } from '../../../src/core/metrics.ts';
import { SeededRandom } from '../../../src/core/seeded-random.ts';
import { SqliteDatabase } from '../../../src/core/system/sqlite-database.ts';
import { VirtualClock } from '../../../src/core/virtual-clock.ts';
import { NotifyMetrics, Outbox, buildPipeline } from '../../../src/notify/index.ts';
import type { Integration } from '../../../src/notify/index.ts';
import { StateStore } from '../../../src/storage/index.ts';
import {
  DOWN,
  REFUSED,
  RecordingLogger,
  SENT,
  START_MS,
  contextOf,
  integrationOf,
  letterAlert,
  spoken,
} from './helpers.ts';
import type { Behaviour } from './helpers.ts';

interface World {
  readonly flush: Flush;
  readonly said: string[];
  readonly marks: string[];
  readonly metric: (name: string, labels?: Record<string, string>) => Promise<number | undefined>;
  readonly clock: VirtualClock;
}

interface Choices {
  readonly inhibited?: string;
  readonly silenced?: string;
  /** Names of the intervals that contain the tick. */
  readonly intervals?: readonly string[];
  readonly integrations?: readonly Integration[];
  readonly resolveMuted?: boolean;
  readonly behave?: Behaviour;
}

/** The whole pipeline over a real database. */
async function world(choices: Choices = {}): Promise<World> {
  const clock = new VirtualClock(START_MS);
  const registry = createRegistry();
  const metrics = new NotifyMetrics(registry, () => clock.nowMs());
  const store = await StateStore.open(SqliteDatabase.open(':memory:'), START_MS);
  const said: string[] = [];
  const integrations = choices.integrations ?? [
    integrationOf(async (notification, signal) => {
      const outcome = await (choices.behave ?? (() => SENT))(notification, signal);
      if (outcome.kind === 'sent') said.push(spoken(notification));
      return outcome;
    }),
  ];
  const outbox = new Outbox({
    store: store.notifications,
    clock,
    random: new SeededRandom(1),
    logger: new RecordingLogger(),
    metrics,
    retentionMs: 432_000_000,
    maintenanceIntervalMs: 900_000,
    onFailure: (_, error) => {
      throw error;
    },
  });
  outbox.setIntegrations(integrations);
  await outbox.start();
  const marks: string[] = [];
  const muter = (letters = ''): { mutedBy: (alert: Alert) => string[] } => ({
    mutedBy: ({ fingerprint }) => (letters.includes(fingerprint) ? ['id'] : []),
  });
  const flush = buildPipeline({
    ready: async () => undefined,
    inhibitor: muter(choices.inhibited),
    silences: muter(choices.silenced),
    timeIntervals: { containing: (names) => names.filter((name) => choices.intervals?.includes(name)) },
    groupMuteMarks: {
      setMutedBy: (routeId, groupKey, names) => marks.push(`${routeId} ${groupKey} [${names.join()}]`),
    },
    outbox,
    integrations,
    resolveMuted: choices.resolveMuted ?? false,
    metrics,
  });
  return {
    flush,
    said,
    marks,
    clock,
    async metric(name, labels = {}) {
      const all = await registry.getSingleMetric(name)!.get();
      return all.values.find((value) =>
        Object.entries(labels).every(([key, text]) => value.labels[key as never] === text),
      )?.value;
    },
  };
}

function contextWith(route: Partial<FlushContext['route']>): FlushContext {
  const context = contextOf();
  return { ...context, route: { ...context.route, ...route } };
}

const A = letterAlert('A');
const B = letterAlert('B');

describe('buildPipeline', () => {
  it('delivers what nothing holds back', async () => {
    const w = await world();
    expect(await w.flush(contextOf(), [A, B])).toEqual({ kind: 'done' });
    expect(w.said).toEqual(['A B']);
    expect(await w.metric('alertmanager_notifications_total', { integration: 'webhook' })).toBe(1);
    expect(await w.metric('alertmanager_notification_requests_total', { integration: 'webhook' })).toBe(1);
    expect(await w.metric('alertmanager_notifications_suppressed_total', { reason: 'silence' })).toBe(0);
  });

  it.each([
    ['inhibited', 'inhibition'],
    ['silenced', 'silence'],
  ] as const)('%s alerts are held back and counted', async (by, reason) => {
    const w = await world({ [by]: 'A' });
    expect(await w.flush(contextOf(), [A, B])).toEqual({ kind: 'done' });
    expect(w.said).toEqual(['B']);
    expect(await w.metric('alertmanager_notifications_suppressed_total', { reason })).toBe(1);
  });

  it.each([
    ['inside a mute interval', { muteTimeIntervals: ['night', 'day'] }, [], ['{} {}:{} [night]']],
    ['outside every active interval', { activeTimeIntervals: ['day'] }, [], ['{} {}:{} [day]']],
    ['inside an active interval', { activeTimeIntervals: ['night'] }, ['A'], ['{} {}:{} []']],
    ['outside a mute interval', { muteTimeIntervals: ['day'] }, ['A'], ['{} {}:{} []']],
    [
      'active and muted: both must agree',
      { activeTimeIntervals: ['night'], muteTimeIntervals: ['night'] },
      [],
      ['{} {}:{} []', '{} {}:{} [night]'],
    ],
  ])('%s', async (_, route, said, marks) => {
    const w = await world({ intervals: ['night'] });
    expect(await w.flush(contextWith(route), [A])).toEqual({ kind: 'done' });
    expect(w.said).toEqual(said);
    expect(w.marks).toEqual(marks);
  });

  it('what is muted while its notification waits is taken back', async () => {
    let up = false;
    const w = await world({ behave: () => (up ? SENT : DOWN) });
    const controller = new AbortController();
    const first = w.flush({ ...contextOf(), signal: controller.signal }, [A]);
    await w.clock.settle();
    controller.abort(new Error('deadline'));
    expect(await first).toEqual({ kind: 'done' });
    // Inside an interval that mutes, so that nothing is left of the group.
    const muted = contextWith({ activeTimeIntervals: ['day'] });
    expect(await w.flush(muted, [A])).toEqual({ kind: 'done' });
    up = true;
    await w.clock.advanceBy(120_000);
    expect(w.said).toEqual([]);
  });

  it('resolve_muted tells the end of what was told', async () => {
    const w = await world({ resolveMuted: true });
    await w.flush(contextOf(), [A]);
    await w.clock.advanceBy(300_000);
    const night = { ...contextWith({ activeTimeIntervals: ['day'] }), nowMs: START_MS + 300_000 };
    await w.flush(night, [letterAlert('A', START_MS + 200_000)]);
    expect(w.said).toEqual(['A', 'A-']);
  });

  it('integrations go beside each other; one failing does not keep the others', async () => {
    const said: string[] = [];
    const integrations = [
      integrationOf(() => REFUSED, { index: 0 }),
      integrationOf(() => REFUSED, { kind: 'slack' }),
      integrationOf(
        (notification) => {
          said.push(spoken(notification));
          return SENT;
        },
        { index: 1 },
      ),
      integrationOf(() => SENT, { receiverName: 'others' }),
    ];
    const w = await world({ integrations });
    const outcome = await w.flush(contextOf(), [A]);
    expect(outcome.kind).toBe('failed');
    expect(outcome.kind === 'failed' && String(outcome.error)).toContain(
      'team/webhook[0]: not delivered: unexpected status code 400; team/slack[0]: not delivered',
    );
    expect(said).toEqual(['A']);
    const labels = { integration: 'slack', reason: 'clientError' };
    expect(await w.metric('alertmanager_notifications_failed_total', labels)).toBe(1);
  });

  it('a receiver without integrations swallows alerts', async () => {
    const w = await world();
    expect(await w.flush(contextWith({ receiver: 'nobody' }), [A])).toEqual({ kind: 'done' });
    expect(w.said).toEqual([]);
  });

  it('a flush that ran out of time is done: the row lives on', async () => {
    let up = false;
    const w = await world({ behave: () => (up ? SENT : DOWN) });
    const controller = new AbortController();
    const work = w.flush({ ...contextOf(), signal: controller.signal }, [A]);
    await w.clock.advanceBy(10_000);
    controller.abort(new Error('deadline'));
    expect(await work).toEqual({ kind: 'done' });
    const labels = { integration: 'webhook', reason: 'serverError' };
    expect(await w.metric('alertmanager_notifications_failed_total', labels)).toBe(1);
    expect(await w.metric('tocsin_outbox_pending_notifications')).toBe(1);
    expect(await w.metric('tocsin_outbox_oldest_age_seconds')).toBe(10);
    up = true;
    await w.clock.advanceBy(90_000);
    expect(w.said).toEqual(['A']);
    expect(await w.metric('tocsin_outbox_pending_notifications')).toBe(0);
  });
});
