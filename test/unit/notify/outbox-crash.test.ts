import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Alert } from '../../../src/alerts/index.ts';
import type { Clock } from '../../../src/core/clock.ts';
import { createRegistry } from '../../../src/core/metrics.ts';
import { SeededRandom } from '../../../src/core/seeded-random.ts';
import { VirtualClock } from '../../../src/core/virtual-clock.ts';
import { NotifyMetrics, Outbox } from '../../../src/notify/index.ts';
import type { KeyedLogEntry, NotificationStore, OutboxRow, SendOutcome } from '../../../src/notify/index.ts';
import { Labels } from '../../../src/core/labels.ts';
import { DOWN, MemoryStore, SENT, START_MS, integrationOf, letterAlert, spoken } from './helpers.ts';
import { silentLogger } from '../../../src/core/log.ts';

const REPEAT_MS = 4 * 3_600_000;
const NEVER = new Promise<never>(() => {});

/** Where a process is killed, in the order of one delivery. */
const KILL_POINTS = [
  'before the row is written',
  'after the row is written',
  'after the row is marked as being sent',
  'after the request',
  'after the record',
] as const;
type KillPoint = (typeof KILL_POINTS)[number];

interface Delivery {
  readonly text: string;
  /** The text with each alert's start: the same alert firing anew is another one. */
  readonly identity: string;
  readonly atMs: number;
  readonly flagged: boolean;
}

/** Processes one after the other over the same state; a killed one does nothing any more. */
class Machine {
  readonly clock = new VirtualClock(START_MS);
  readonly state = new MemoryStore();
  readonly deliveries: Delivery[] = [];
  readonly sendResolved: boolean;
  up = true;
  killAt: KillPoint | undefined;
  outbox!: Outbox;
  #process = 0;

  constructor(sendResolved: boolean) {
    this.sendResolved = sendResolved;
  }

  async boot(): Promise<void> {
    const process = ++this.#process;
    const alive = (): boolean => process === this.#process;
    const kill = (point: KillPoint): Promise<never> | undefined => {
      if (!alive()) return NEVER;
      if (this.killAt !== point) return undefined;
      this.killAt = undefined;
      this.#process++;
      return NEVER;
    };
    const state = this.state;
    const store: NotificationStore = {
      findEntry: async (key) => (alive() ? state.findEntry(key) : NEVER),
      listOpenRows: () => state.listOpenRows(),
      purge: async (rowsBeforeMs, nowMs) => (alive() ? state.purge(rowsBeforeMs, nowMs) : NEVER),
      async commit(rows: readonly OutboxRow[], entries: readonly KeyedLogEntry[]) {
        const what = rows[0]?.state;
        if (!alive()) return NEVER;
        if (what === 'pending' && rows[0]?.attempts === 0) await kill('before the row is written');
        if (!alive()) return NEVER;
        await state.commit(rows, entries);
        if (what === 'pending' && rows[0]?.attempts === 0) await kill('after the row is written');
        if (what === 'sending') await kill('after the row is marked as being sent');
        if (what === 'sent') await kill('after the record');
      },
    };
    const registry = createRegistry();
    // A killed process waits for ever; the clock must not wait with it.
    const clock: Clock = {
      nowMs: () => this.clock.nowMs(),
      monotonicMs: () => this.clock.monotonicMs(),
      setTimer: (atMs, fn) => this.clock.setTimer(atMs, fn),
      sleep: (durationMs, signal) => this.clock.sleep(durationMs, signal),
      yieldTurn: () => this.clock.yieldTurn(),
      track: (work) => work,
    };
    this.outbox = new Outbox({
      store,
      clock,
      random: new SeededRandom(process),
      logger: silentLogger,
      metrics: new NotifyMetrics(registry, () => this.clock.nowMs()),
      retentionMs: 120 * 3_600_000,
      maintenanceIntervalMs: 900_000,
      onFailure: (_, error) => {
        throw error;
      },
    });
    this.outbox.setIntegrations([
      integrationOf(
        async (notification): Promise<SendOutcome> => {
          if (!alive()) return NEVER;
          if (!this.up) return DOWN;
          const flagged = this.state.rows.get(notification.id)?.ambiguous ?? false;
          const text = spoken(notification);
          const starts = notification.alerts.map(({ startsAtMs }) => startsAtMs).join(' ');
          const identity = `${text} ${starts}`;
          this.deliveries.push({ text, identity, atMs: this.clock.nowMs(), flagged });
          await kill('after the request');
          return SENT;
        },
        { sendResolved: this.sendResolved },
      ),
    ]);
    await this.outbox.start();
  }

  get isDead(): boolean {
    return this.outbox === undefined || this.#processOf !== this.#process;
  }
  #processOf = 0;

  /** Starts a process when there is none. */
  async revive(): Promise<void> {
    await this.boot();
    this.#processOf = this.#process;
    await this.clock.settle();
  }

  /** A flush and the time to the next; true when the group may forget what was resolved. */
  async flush(alerts: readonly Alert[]): Promise<boolean> {
    const controller = new AbortController();
    let done = false;
    void this.outbox
      .offer(
        {
          key: { groupKey: '{}:{}', receiver: 'team', integration: 'webhook', index: 0 },
          nowMs: this.clock.nowMs(),
          groupLabels: Labels.EMPTY,
          routeLabels: Labels.EMPTY,
          incoming: alerts,
          surviving: alerts,
          sendResolved: this.sendResolved,
          resolveMuted: false,
          repeatIntervalMs: REPEAT_MS,
          attemptTimeoutMs: 300_000,
        },
        controller.signal,
      )
      .then(
        (outcome) => {
          done = outcome.kind !== 'rejected';
        },
        // Cut off before anything was decided: the group keeps its alerts.
        () => undefined,
      );
    await this.clock.advanceBy(20_000);
    controller.abort(new Error('flush deadline'));
    await this.clock.settle();
    return done && !this.isDead;
  }
}

describe('kill -9', () => {
  const EXPECTED: Record<KillPoint, { readonly texts: string[]; readonly flags: boolean[] }> = {
    'before the row is written': { texts: ['A'], flags: [false] },
    'after the row is written': { texts: ['A'], flags: [false] },
    'after the row is marked as being sent': { texts: ['A'], flags: [true] },
    'after the request': { texts: ['A', 'A'], flags: [false, true] },
    'after the record': { texts: ['A'], flags: [false] },
  };

  it.each(KILL_POINTS)('%s: lost never, doubled only between request and record', async (point) => {
    const machine = new Machine(true);
    machine.killAt = point;
    await machine.revive();
    await machine.flush([letterAlert('A')]);
    expect(machine.isDead).toBe(true);
    await machine.revive();
    await machine.clock.advanceBy(60_000);
    await machine.flush([letterAlert('A')]);
    await machine.flush([letterAlert('A')]);
    expect(machine.deliveries.map(({ text }) => text)).toEqual(EXPECTED[point].texts);
    expect(machine.deliveries.map(({ flagged }) => flagged)).toEqual(EXPECTED[point].flags);
    expect(machine.state.states()).toEqual(['sent']);
  });
});

type Step =
  | { readonly kind: 'fire' | 'resolve'; readonly letter: string }
  | { readonly kind: 'flush' | 'down' | 'up' | 'restart' }
  | { readonly kind: 'kill'; readonly at: KillPoint };

const letter = fc.constantFrom('A', 'B', 'C');
const stepArbitrary: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: letter.map((name): Step => ({ kind: 'fire', letter: name })) },
  { weight: 3, arbitrary: letter.map((name): Step => ({ kind: 'resolve', letter: name })) },
  { weight: 6, arbitrary: fc.constant<Step>({ kind: 'flush' }) },
  { weight: 2, arbitrary: fc.constantFrom<Step>({ kind: 'down' }, { kind: 'up' }) },
  { weight: 1, arbitrary: fc.constant<Step>({ kind: 'restart' }) },
  { weight: 2, arbitrary: fc.constantFrom(...KILL_POINTS).map((at): Step => ({ kind: 'kill', at })) },
);

/** Plays the steps; the group lives as alerts/ does it: it forgets what was resolved in a flush that came through. */
async function play(steps: readonly Step[], sendResolved: boolean) {
  const machine = new Machine(sendResolved);
  await machine.revive();
  const group = new Map<string, Alert>();
  /** Alerts that fired in a flush which came through: somebody must hear of them. */
  const owed = new Set<string>();
  let episode = START_MS - 1_000_000;
  const flush = async (): Promise<void> => {
    if (machine.isDead) await machine.revive();
    const nowMs = machine.clock.nowMs();
    const alerts = [...group.values()];
    const done = await machine.flush(alerts);
    if (!done) return;
    for (const alert of alerts) {
      if (alert.endsAtMs > nowMs) owed.add(alert.fingerprint);
      else if (group.get(alert.fingerprint) === alert) group.delete(alert.fingerprint);
    }
  };
  for (const step of steps) {
    switch (step.kind) {
      case 'fire':
        if (group.get(step.letter)?.endsAtMs !== Infinity) {
          group.set(step.letter, { ...letterAlert(step.letter), startsAtMs: ++episode });
        }
        break;
      case 'resolve':
        if (group.get(step.letter)?.endsAtMs === Infinity) {
          const { startsAtMs } = group.get(step.letter)!;
          group.set(step.letter, { ...letterAlert(step.letter, machine.clock.nowMs()), startsAtMs });
        }
        break;
      case 'flush':
        await flush();
        break;
      case 'down':
        machine.up = false;
        break;
      case 'up':
        machine.up = true;
        break;
      case 'restart':
        await machine.revive();
        break;
      case 'kill':
        machine.killAt = step.at;
        break;
    }
  }
  machine.up = true;
  machine.killAt = undefined;
  for (let i = 0; i < 4; i++) {
    await flush();
    await machine.clock.advanceBy(120_000);
  }
  return { machine, group, owed };
}

describe.each([true, false])('whatever happens, with send_resolved %s', (sendResolved) => {
  it('nothing is lost, and nothing is doubled but flagged', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(stepArbitrary, { maxLength: 40, size: 'max' }), async (steps) => {
        const { machine, group, owed } = await play(steps, sendResolved);
        const { deliveries } = machine;
        const told = new Map<string, boolean>();
        for (const { text } of deliveries) {
          for (const word of text.split(' ')) told.set(word[0]!, !word.endsWith('-'));
        }
        for (const name of owed) expect(told.has(name), `${name} was never mentioned`).toBe(true);
        const firing = [...group.values()].filter(({ endsAtMs }) => endsAtMs === Infinity);
        for (const { fingerprint } of firing) expect(told.get(fingerprint)).toBe(true);
        if (sendResolved) {
          const believed = [...told].filter(([, fires]) => fires).map(([name]) => name);
          expect(believed.sort()).toEqual(firing.map(({ fingerprint }) => fingerprint).sort());
        }
        deliveries.forEach(({ text, identity, atMs, flagged }, i) => {
          const before = deliveries[i - 1];
          if (before?.identity === identity && atMs - before.atMs < REPEAT_MS && sendResolved) {
            expect(flagged, `${text} came twice`).toBe(true);
          }
        });
        expect(machine.state.states()).not.toContain('pending');
        expect(machine.state.states()).not.toContain('sending');
      }),
      { numRuns: 200 },
    );
  });
});
