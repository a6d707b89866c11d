import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Labels } from '../../../src/core/labels.ts';
import {
  RESOLVED_RETENTION_MS,
  needsSending,
  restoredActiveAtMs,
  stepAlert,
} from '../../../src/rules/alert-state.ts';
import type { AlertElement, RuleAlert } from '../../../src/rules/alert-state.ts';

const MINUTE = 60_000;
const NOW = 1_000 * MINUTE;
const labels = Labels.fromObject({ alertname: 'A', model: 'm' });

function alertOf(fields: Partial<RuleAlert>): RuleAlert {
  return {
    labels,
    annotations: Labels.fromObject({ summary: 'old' }),
    value: 1,
    state: 'pending',
    activeAtMs: NOW - MINUTE,
    firedAtMs: undefined,
    resolvedAtMs: undefined,
    keepFiringSinceMs: undefined,
    lastSentAtMs: undefined,
    ...fields,
  };
}

const element: AlertElement = { labels, annotations: Labels.fromObject({ summary: 'new' }), value: 2 };

/** Every situation an alert can be in when an evaluation begins (`for` 5 m, `keep_firing_for` 3 m). */
type Situation =
  | 'none'
  | 'pending, not due'
  | 'pending, due'
  | 'firing'
  | 'firing, for raised above its age'
  | 'firing, kept, not long'
  | 'firing, kept, long enough'
  | 'inactive, recent'
  | 'inactive, retention just over'
  | 'inactive, old';
type Input = 'element' | 'no element' | 'element, no for' | 'no element, no keep_firing_for';

const situations: Record<Situation, RuleAlert | undefined> = {
  none: undefined,
  'pending, not due': alertOf({ activeAtMs: NOW - 5 * MINUTE + 1 }),
  'pending, due': alertOf({ activeAtMs: NOW - 5 * MINUTE }),
  firing: alertOf({
    state: 'firing',
    activeAtMs: NOW - 20 * MINUTE,
    firedAtMs: NOW - 15 * MINUTE,
    lastSentAtMs: NOW - MINUTE,
  }),
  'firing, for raised above its age': alertOf({
    state: 'firing',
    activeAtMs: NOW - 2 * MINUTE,
    firedAtMs: NOW - MINUTE,
    lastSentAtMs: NOW - MINUTE,
  }),
  'firing, kept, not long': alertOf({
    state: 'firing',
    activeAtMs: NOW - 20 * MINUTE,
    firedAtMs: NOW - 15 * MINUTE,
    keepFiringSinceMs: NOW - 3 * MINUTE + 1,
  }),
  'firing, kept, long enough': alertOf({
    state: 'firing',
    activeAtMs: NOW - 20 * MINUTE,
    firedAtMs: NOW - 15 * MINUTE,
    keepFiringSinceMs: NOW - 3 * MINUTE,
  }),
  'inactive, recent': alertOf({ state: 'inactive', firedAtMs: NOW - 9 * MINUTE, resolvedAtMs: NOW - MINUTE }),
  'inactive, retention just over': alertOf({
    state: 'inactive',
    firedAtMs: 1,
    resolvedAtMs: NOW - RESOLVED_RETENTION_MS,
  }),
  'inactive, old': alertOf({
    state: 'inactive',
    firedAtMs: 1,
    resolvedAtMs: NOW - RESOLVED_RETENTION_MS - 1,
  }),
};

/** What follows: state, then what is particular (new = a new life, kept = fires by keep_firing_for, sent-reset …). */
const table: Record<Situation, Record<Input, string>> = {
  none: {
    element: 'pending new',
    'no element': 'gone',
    'element, no for': 'firing new fired',
    'no element, no keep_firing_for': 'gone',
  },
  'pending, not due': {
    element: 'pending',
    'no element': 'gone',
    'element, no for': 'firing fired',
    'no element, no keep_firing_for': 'gone',
  },
  'pending, due': {
    element: 'firing fired',
    'no element': 'gone',
    'element, no for': 'firing fired',
    'no element, no keep_firing_for': 'gone',
  },
  firing: {
    element: 'firing',
    'no element': 'firing kept-now',
    'element, no for': 'firing',
    'no element, no keep_firing_for': 'inactive resolved',
  },
  'firing, for raised above its age': {
    element: 'pending',
    'no element': 'pending',
    'element, no for': 'firing',
    'no element, no keep_firing_for': 'inactive resolved',
  },
  'firing, kept, not long': {
    element: 'firing',
    'no element': 'firing kept',
    'element, no for': 'firing',
    'no element, no keep_firing_for': 'inactive resolved',
  },
  'firing, kept, long enough': {
    element: 'firing',
    'no element': 'inactive resolved',
    'element, no for': 'firing',
    'no element, no keep_firing_for': 'inactive resolved',
  },
  'inactive, recent': {
    element: 'pending new',
    'no element': 'inactive same',
    'element, no for': 'firing new fired',
    'no element, no keep_firing_for': 'inactive same',
  },
  'inactive, retention just over': {
    element: 'pending new',
    'no element': 'inactive same',
    'element, no for': 'firing new fired',
    'no element, no keep_firing_for': 'inactive same',
  },
  'inactive, old': {
    element: 'pending new',
    'no element': 'gone',
    'element, no for': 'firing new fired',
    'no element, no keep_firing_for': 'gone',
  },
};

function timingOf(input: Input): { forMs: number; keepFiringForMs: number } {
  return {
    forMs: input === 'element, no for' ? 0 : 5 * MINUTE,
    keepFiringForMs: input === 'no element, no keep_firing_for' ? 0 : 3 * MINUTE,
  };
}

function describeStep(before: RuleAlert | undefined, after: RuleAlert | undefined): string {
  if (after === undefined) return 'gone';
  const words: string[] = [after.state];
  if (after === before) return `${after.state} same`;
  if (after.activeAtMs === NOW) words.push('new');
  if (after.firedAtMs === NOW) words.push('fired');
  if (after.resolvedAtMs === NOW) words.push('resolved');
  if (after.state === 'firing' && after.keepFiringSinceMs !== undefined) {
    words.push(after.keepFiringSinceMs === NOW ? 'kept-now' : 'kept');
  }
  return words.join(' ');
}

describe('one step of an alert', () => {
  const rows = Object.entries(table).flatMap(([situation, inputs]) =>
    Object.entries(inputs).map(([input, wanted]) => [situation, input, wanted] as const),
  );

  test.each(rows)('%s, %s: %s', (situation, input, wanted) => {
    const before = situations[situation as Situation];
    const found = input.startsWith('element') ? element : undefined;
    expect(describeStep(before, stepAlert(before, found, timingOf(input as Input), NOW))).toBe(wanted);
  });

  test('value and annotations are those of the last element, and stay without one', () => {
    const timing = timingOf('element');
    const after = stepAlert(situations.firing, element, timing, NOW)!;
    expect([after.value, after.annotations.get('summary'), after.lastSentAtMs]).toEqual([
      2,
      'new',
      NOW - MINUTE,
    ]);
    const kept = stepAlert(situations.firing, undefined, timing, NOW)!;
    expect([kept.value, kept.annotations.get('summary')]).toEqual([1, 'old']);
  });

  test('going back to pending forgets that it fired and was sent', () => {
    const after = stepAlert(
      situations['firing, for raised above its age'],
      element,
      timingOf('element'),
      NOW,
    )!;
    expect([after.firedAtMs, after.lastSentAtMs, after.keepFiringSinceMs]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });

  test('invariants hold over random lives', () => {
    const event = fc.record({ present: fc.boolean(), passMs: fc.integer({ min: 1, max: 20 * MINUTE }) });
    const timing = fc.record({
      forMs: fc.constantFrom(0, MINUTE, 10 * MINUTE),
      keepFiringForMs: fc.constantFrom(0, MINUTE, 30 * MINUTE),
    });
    fc.assert(
      fc.property(timing, fc.array(event, { minLength: 1, maxLength: 40 }), (rule, events) => {
        let nowMs = NOW;
        let alert: RuleAlert | undefined;
        for (const { present, passMs } of events) {
          nowMs += passMs;
          const before = alert;
          alert = stepAlert(alert, present ? element : undefined, rule, nowMs);
          if (present) expect(alert?.state).toMatch(/pending|firing/);
          if (alert === undefined) {
            expect(before?.state).not.toBe('firing');
            continue;
          }
          expect(alert.resolvedAtMs !== undefined).toBe(alert.state === 'inactive');
          expect(alert.firedAtMs === undefined).toBe(alert.state === 'pending');
          if (alert.state === 'firing') expect(nowMs - alert.activeAtMs).toBeGreaterThanOrEqual(rule.forMs);
          if (alert.state === 'pending') expect(nowMs - alert.activeAtMs).toBeLessThan(rule.forMs);
          if (before?.state === 'firing' && alert.state === 'inactive')
            expect(alert.resolvedAtMs).toBe(nowMs);
        }
      }),
    );
  });
});

describe('sending', () => {
  const resend = MINUTE;
  test.each<[string, Partial<RuleAlert>, boolean]>([
    ['pending', { state: 'pending' }, false],
    ['firing, never sent', { state: 'firing' }, true],
    ['firing, sent just now', { state: 'firing', lastSentAtMs: NOW }, false],
    ['firing, sent exactly one delay ago', { state: 'firing', lastSentAtMs: NOW - resend }, false],
    ['firing, sent longer ago', { state: 'firing', lastSentAtMs: NOW - resend - 1 }, true],
    ['resolved since the last time', { state: 'inactive', resolvedAtMs: NOW, lastSentAtMs: NOW - 1 }, true],
    ['resolved and sent', { state: 'inactive', resolvedAtMs: NOW - 5, lastSentAtMs: NOW - 5 }, false],
    [
      'resolved and sent long ago',
      { state: 'inactive', resolvedAtMs: 1, lastSentAtMs: NOW - 2 * resend },
      true,
    ],
  ])('%s', (_name, fields, wanted) => {
    expect(needsSending(alertOf(fields), NOW, resend)).toBe(wanted);
  });
});

describe('restoring', () => {
  const HOUR = 60 * MINUTE;
  const base = { nowMs: NOW, forMs: HOUR, graceMs: 10 * MINUTE };
  test.each([
    [
      'downtime does not count',
      { downAtMs: NOW - 20 * MINUTE, activeAtMs: NOW - 40 * MINUTE },
      NOW - 20 * MINUTE,
    ],
    [
      'the grace period remains',
      { downAtMs: NOW - 2 * MINUTE, activeAtMs: NOW - 57 * MINUTE },
      NOW - 50 * MINUTE,
    ],
    ['it fired before', { downAtMs: NOW - 2 * MINUTE, activeAtMs: NOW - 70 * MINUTE }, NOW - 70 * MINUTE],
    ['it was just due', { downAtMs: NOW - 5 * MINUTE, activeAtMs: NOW - 65 * MINUTE }, NOW - 65 * MINUTE],
  ])('%s', (_name, times, wanted) => {
    expect(restoredActiveAtMs({ ...base, ...times })).toBe(wanted);
  });
});
