import fc from 'fast-check';
import { expect, test } from 'vitest';
import { START_MS, TestPlane, configOf, posted } from './helpers.ts';

const WAIT = 30;
const INTERVAL = 100;
const CONFIG = configOf({ route: '{receiver: r, group_by: [job], group_wait: 30s, group_interval: 100s}' });

interface Put {
  readonly kind: 'put';
  readonly job: string;
  readonly name: string;
  /** Seconds that the alert began before now, and ends after now (0 or less: resolved). */
  readonly ago: number;
  readonly left: number;
}

type Step =
  | Put
  | { readonly kind: 'wait'; readonly seconds: number }
  | { readonly kind: 'receivers'; readonly work: boolean };

const steps = fc.array(
  fc.oneof<fc.Arbitrary<Step>[]>(
    fc.record({
      kind: fc.constant('put' as const),
      job: fc.constantFrom('a', 'b'),
      name: fc.constantFrom('X', 'Y', 'Z'),
      ago: fc.integer({ min: 0, max: 60 }),
      left: fc.constantFrom(0, 0, 20, 150, 10_000),
    }),
    fc.record({ kind: fc.constant('wait' as const), seconds: fc.integer({ min: 1, max: 160 }) }),
    fc.record({ kind: fc.constant('receivers' as const), work: fc.boolean() }),
  ),
  { maxLength: 25 },
);

/** The same rules, said as plainly as possible: one second after the other. */
class PlainDispatcher {
  readonly log: string[] = [];
  working = true;
  readonly #groups = new Map<string, { due: number; alerts: Map<string, number> }>();
  readonly #stored = new Map<string, { from: number; to: number }>();

  put(now: number, { job, name, ago, left }: Put): void {
    const merged = this.#merge(`${job}/${name}`, now, { from: now - ago, to: now + left });
    let group = this.#groups.get(job);
    if (group === undefined) {
      group = { due: merged.from + WAIT < now ? now : now + WAIT, alerts: new Map() };
      this.#groups.set(job, group);
    }
    group.alerts.set(name, merged.to);
  }

  tick(now: number): void {
    for (const [job, group] of this.#groups) {
      if (group.due !== now) continue;
      group.due = now + INTERVAL;
      const names = [...group.alerts].map(([name, to]) => (to > now ? `${name}!` : name)).toSorted();
      this.log.push(`${now} ${job}: ${names.join(' ')}`);
      if (!this.working) continue;
      for (const [name, to] of group.alerts) if (to <= now) group.alerts.delete(name);
      if (group.alerts.size === 0) this.#groups.delete(job);
    }
  }

  #merge(key: string, now: number, arrived: { from: number; to: number }): { from: number; to: number } {
    const old = this.#stored.get(key);
    let kept = arrived;
    const overlaps =
      old !== undefined &&
      ((arrived.to > old.from && arrived.to < old.to) || (arrived.from > old.from && arrived.from < old.to));
    if (overlaps) {
      const bothEnded = arrived.to <= now && old.to <= now;
      const to = arrived.to > now || bothEnded ? Math.max(old.to, arrived.to) : arrived.to;
      kept = { from: Math.min(old.from, arrived.from), to };
    }
    this.#stored.set(key, kept);
    return kept;
  }
}

test('the dispatcher does what the plain one does', async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (sequence) => {
      const t = await new TestPlane().start(CONFIG, { gcIntervalMs: 1e9 });
      const plain = new PlainDispatcher();
      let working = true;
      t.onFlush = async () => (working ? { kind: 'done' } : { kind: 'failed', error: new Error('down') });
      let now = 0;
      const advance = async (seconds: number): Promise<void> => {
        for (const end = now + seconds; now < end;) {
          plain.tick(now);
          now++;
        }
        // What is due at `now` itself ticks after what is put at `now`.
        await t.clock.advanceTo(START_MS + now * 1000 - 1);
      };
      for (const step of sequence) {
        if (step.kind === 'wait') await advance(step.seconds);
        else if (step.kind === 'receivers') plain.working = working = step.work;
        else {
          plain.put(now, step);
          const nowMs = START_MS + now * 1000;
          const times = { startsAtMs: nowMs - step.ago * 1000, endsAtMs: nowMs + step.left * 1000 };
          await t.plane.store.put([posted(`alertname=${step.name} job=${step.job}`, times)], nowMs);
        }
      }
      await advance(400);
      const log = t.flushes.map(({ at, context, alerts }) => {
        const names = alerts.split(' ').toSorted().join(' ');
        return `${at} ${context.groupLabels.get('job')}: ${names}`;
      });
      expect(log.map(ordered)).toEqual(plain.log.map(ordered));
      t.crash();
    }),
    { numRuns: 60 },
  );

  /** Groups that are due in the same second may flush in either order. */
  function ordered(line: string, i: number, lines: readonly string[]): string {
    const second = line.slice(0, line.indexOf(' '));
    const same = lines.filter((other) => other.startsWith(`${second} `)).toSorted();
    const first = lines.findIndex((other) => other.startsWith(`${second} `));
    return same[i - first]!;
  }
});
