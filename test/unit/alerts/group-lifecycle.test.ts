import fc from 'fast-check';
import { expect, test } from 'vitest';
import { GROUP_LIFECYCLE } from '../../../src/alerts/group-lifecycle.ts';
import type { GroupEvent, GroupPhase, GroupStep } from '../../../src/alerts/group-lifecycle.ts';

// The table of SPEC.md, once more and by hand: phase, event, next phase and action.
const WANTED: Readonly<Record<GroupPhase, Readonly<Record<GroupEvent, string>>>> = {
  waiting: {
    alert: 'waiting accept',
    tick: 'flushing flush',
    settled_left: 'waiting none',
    settled_empty: 'waiting none',
    stop: 'destroyed remove',
  },
  flushing: {
    alert: 'flushing accept',
    tick: 'overdue none',
    settled_left: 'waiting none',
    settled_empty: 'destroyed remove',
    stop: 'destroyed remove',
  },
  overdue: {
    alert: 'overdue accept',
    tick: 'overdue none',
    settled_left: 'flushing flush',
    settled_empty: 'destroyed remove',
    stop: 'destroyed remove',
  },
  destroyed: {
    alert: 'destroyed refuse',
    tick: 'destroyed none',
    settled_left: 'destroyed none',
    settled_empty: 'destroyed none',
    stop: 'destroyed none',
  },
};

const cells = Object.entries(WANTED).flatMap(([phase, events]) =>
  Object.entries(events).map(
    ([event, wanted]) => [phase as GroupPhase, event as GroupEvent, wanted] as const,
  ),
);

test.each(cells)('%s, %s → %s', (phase, event, wanted) => {
  const step = GROUP_LIFECYCLE[phase][event];
  expect(`${step.phase} ${step.action}`).toBe(wanted);
});

test('whatever happens, at most one flush is under way and a group is removed once', () => {
  const events = fc.array(
    fc.constantFrom<GroupEvent>('alert', 'tick', 'settled_left', 'settled_empty', 'stop'),
  );
  fc.assert(
    fc.property(events, (sequence) => {
      let phase: GroupPhase = 'waiting';
      let flushing = false;
      let removed = 0;
      for (const event of sequence) {
        if (event.startsWith('settled')) {
          if (!flushing) continue;
          flushing = false;
        }
        const step: GroupStep = GROUP_LIFECYCLE[phase][event];
        phase = step.phase;
        if (step.action === 'flush') {
          expect(flushing).toBe(false);
          flushing = true;
        }
        if (step.action === 'remove') removed++;
        expect(removed).toBe(phase === 'destroyed' ? 1 : 0);
      }
    }),
  );
});
