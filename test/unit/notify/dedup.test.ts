import { describe, expect, it } from 'vitest';
import { needsUpdate } from '../../../src/notify/index.ts';
import type { NotificationReason } from '../../../src/notify/index.ts';

const NOW_MS = 1_000_000;
const REPEAT_MS = 1000;

const ENTRIES = ['no entry', 'nothing told', 'A firing', 'A resolved', 'A firing, R resolved'] as const;
const AGES = ['fresh', 'due', 'over'] as const;

type Entry = (typeof ENTRIES)[number];
type Present = 'nothing' | 'A' | 'B' | 'A and B';

function entryOf(entry: Entry, ageMs: number) {
  if (entry === 'no entry') return undefined;
  const timestampMs = NOW_MS - ageMs;
  const firing = entry.startsWith('A firing') ? ['A'] : [];
  const resolved = entry === 'A resolved' ? ['A'] : entry.endsWith('R resolved') ? ['R'] : [];
  return { timestampMs, firing, resolved, muted: [], expiresAtMs: 0 };
}

const FIRST: NotificationReason = 'first notification';
const NEW: NotificationReason = 'new alerts added';
const SOME: NotificationReason = 'some alerts resolved';
const ALL: NotificationReason = 'all alerts resolved';

/** Every combination of entry and present firing set, with no resolved alerts and inside the repeat interval. */
const FIRING_TABLE: Record<Entry, Record<Present, NotificationReason | undefined>> = {
  'no entry': { nothing: undefined, A: FIRST, B: FIRST, 'A and B': FIRST },
  'nothing told': { nothing: undefined, A: FIRST, B: FIRST, 'A and B': FIRST },
  'A firing': { nothing: ALL, A: undefined, B: NEW, 'A and B': NEW },
  'A resolved': { nothing: undefined, A: FIRST, B: FIRST, 'A and B': FIRST },
  'A firing, R resolved': { nothing: ALL, A: undefined, B: NEW, 'A and B': NEW },
};

const SETS: Record<Present, string[]> = { nothing: [], A: ['A'], B: ['B'], 'A and B': ['A', 'B'] };

describe('needsUpdate', () => {
  for (const entry of ENTRIES) {
    for (const [present, expected] of Object.entries(FIRING_TABLE[entry]) as [
      Present,
      NotificationReason | undefined,
    ][]) {
      for (const sendResolved of [true, false]) {
        for (const age of AGES) {
          const ageMs = { fresh: 1, due: REPEAT_MS, over: REPEAT_MS + 1 }[age];
          // The repeat applies to nothing but a known, still firing set; the bound itself does not repeat.
          const repeats = entry.startsWith('A firing') && present === 'A' && age === 'over';
          const reason = repeats ? 'repeat interval elapsed' : expected;
          it(`${entry}, ${present} fires, send_resolved ${sendResolved}, ${age}: ${reason}`, () => {
            const firing = new Set(SETS[present]);
            expect(
              needsUpdate({
                entry: entryOf(entry, ageMs),
                firing,
                resolved: new Set(),
                sendResolved,
                repeatIntervalMs: REPEAT_MS,
                nowMs: NOW_MS,
              }),
            ).toBe(reason);
          });
        }
      }
    }
  }

  it.each([
    ['a newly resolved one beside a firing one', ['A'], ['R'], 'A firing', true, SOME],
    ['the same with send_resolved off', ['A'], ['R'], 'A firing', false, undefined],
    ['one that is known to be resolved', ['A'], ['R'], 'A firing, R resolved', true, undefined],
    ['everything resolved', [], ['A'], 'A firing', true, ALL],
    ['everything resolved with send_resolved off, to clear the log', [], ['A'], 'A firing', false, ALL],
    ['resolved without having fired', [], ['R'], 'no entry', true, undefined],
    ['resolved again after everything was told', [], ['R'], 'A resolved', true, undefined],
    ['new and resolved: new wins', ['A', 'B'], ['R'], 'A firing', true, NEW],
  ] as const)('%s', (_, firing, resolved, entry, sendResolved, expected) => {
    expect(
      needsUpdate({
        entry: entryOf(entry, 1),
        firing: new Set(firing),
        resolved: new Set(resolved),
        sendResolved,
        repeatIntervalMs: REPEAT_MS,
        nowMs: NOW_MS,
      }),
    ).toBe(expected);
  });
});
