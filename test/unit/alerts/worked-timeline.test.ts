import { expect, test } from 'vitest';
import { SeededRandom } from '../../../src/core/seeded-random.ts';
import { silentLogger } from '../../../src/core/log.ts';
import { NotifyMetrics, Outbox, buildPipeline } from '../../../src/notify/index.ts';
import type { Integration } from '../../../src/notify/index.ts';
import type { FlushParts } from '../../../src/alerts/index.ts';
import { MINUTE_MS, START_MS, TestPlane, configOf, describeAlert, posted } from './helpers.ts';

/** `15:30` → milliseconds since the epoch. */
function time(text: string): number {
  const [minutes, seconds] = text.split(':').map(Number);
  return START_MS + minutes! * MINUTE_MS + seconds! * 1000;
}

function clockText(nowMs: number): string {
  const seconds = (nowMs - START_MS) / 1000;
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}

test('the worked timeline, through the real pipeline', async () => {
  const t = new TestPlane();
  const config = configOf({
    route: '{receiver: r, group_wait: 30s, group_interval: 5m, repeat_interval: 4h}',
  });
  await t.start(config);
  const sent: string[] = [];
  const integration: Integration = {
    kind: 'webhook',
    index: 0,
    receiverName: 'r',
    sendResolved: true,
    receiver: {
      send: async (notification) => {
        const alerts = notification.alerts.map(describeAlert).join(' ');
        sent.push(`${clockText(notification.nowMs)} ${alerts}: ${notification.reason}`);
        return { kind: 'sent' };
      },
    },
  };
  const metrics = new NotifyMetrics(t.registry, () => t.clock.nowMs());
  const onFailure = (_name: string, error: unknown): never => {
    throw error;
  };
  const outbox = new Outbox({
    store: t.state.notifications,
    clock: t.clock,
    random: new SeededRandom(2),
    logger: silentLogger,
    metrics,
    retentionMs: 432_000_000,
    maintenanceIntervalMs: 900_000,
    onFailure,
  });
  outbox.setIntegrations([integration]);
  await outbox.start();
  const createFlush = ({ inhibitor, silences, timeIntervals, marks }: FlushParts) =>
    buildPipeline({
      ready: () => Promise.resolve(),
      inhibitor,
      silences,
      timeIntervals,
      groupMuteMarks: marks,
      outbox,
      integrations: [integration],
      resolveMuted: false,
      metrics,
    });
  await t.plane.reload({ config, createFlush });

  const fires = (name: string, from: string) =>
    posted(`alertname=${name}`, { startsAtMs: time(from), endsAtMs: time('999:00') });
  const ends = (name: string, from: string, at: string) =>
    posted(`alertname=${name}`, { startsAtMs: time(from), endsAtMs: time(at) });
  const at = async (moment: string, ...alerts: ReturnType<typeof posted>[]): Promise<void> => {
    await t.clock.advanceTo(time(moment));
    await t.put(...alerts);
  };

  await at('0:00', fires('A', '0:00'));
  await at('0:20', fires('B', '0:20'));
  await at('2:00', fires('C', '2:00'));
  await at('6:00', ends('B', '0:20', '6:00'));
  await at('9:00', fires('B', '9:00'));
  await at('12:00');
  await t.plane.silences.set(
    {
      matcherSets: [[{ name: 'alertname', op: '=', value: 'A' }]],
      endsAtMs: time('18:00'),
      createdBy: 'me',
      comment: '',
    },
    t.clock.nowMs(),
  );
  // Prometheus goes on sending what has resolved for 15 minutes.
  for (const moment of ['13:00', '14:00', '16:00', '20:00', '27:00'])
    await at(moment, ends('C', '2:00', '13:00'));
  await at('300:00');
  expect(sent).toEqual([
    '0:30 A! B!: first notification',
    '5:30 A! B! C!: new alerts added',
    '15:30 B! C: some alerts resolved',
    '20:30 A! B! C: new alerts added',
    '265:30 A! B!: repeat interval elapsed',
  ]);
});
