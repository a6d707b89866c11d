import { describe, expect, test } from 'vitest';
import { Labels } from '../../../src/core/labels.ts';
import { compareAlerts, compareLabelSets } from '../../../src/alerts/index.ts';
import type { Alert } from '../../../src/alerts/index.ts';
import { alertProblem, mergeAlerts, receiveAlert } from '../../../src/alerts/merge.ts';
import { labelsOf, posted } from './helpers.ts';

describe('receiving', () => {
  test.each([
    ['neither time', {}, { startsAtMs: 1000, endsAtMs: 1300, timeout: true }],
    ['only a start', { startsAtMs: 500 }, { startsAtMs: 500, endsAtMs: 1300, timeout: true }],
    ['only an end', { endsAtMs: 900 }, { startsAtMs: 900, endsAtMs: 900, timeout: false }],
    ['both', { startsAtMs: 1, endsAtMs: 2 }, { startsAtMs: 1, endsAtMs: 2, timeout: false }],
  ])('%s', (_name, times, wanted) => {
    expect(receiveAlert(posted('alertname=A', times), 1000, 300)).toMatchObject({
      ...wanted,
      updatedAtMs: 1000,
    });
  });

  test('the fingerprint is Alertmanager’s', () => {
    expect(receiveAlert(posted(''), 0, 1).fingerprint).toBe('cbf29ce484222325');
  });
});

describe('validation', () => {
  const legacy = (name: string): boolean => /^[a-z]+$/.test(name);
  test.each([
    [posted(''), 'at least one label pair required'],
    [posted('a=b', { startsAtMs: 2, endsAtMs: 1 }), 'start time must be before end time'],
    [
      { ...posted('a=b'), labels: Labels.fromObject({ 'a.b': 'c' }) },
      'invalid label set: invalid name "a.b"',
    ],
    [
      { ...posted('a=b'), labels: Labels.fromObject({ a: '\ud800' }) },
      String.raw`invalid label set: invalid value "\ud800"`,
    ],
    [
      { ...posted('a=b'), annotations: Labels.fromObject({ 'x y': 'z' }) },
      'invalid annotations: invalid name "x y"',
    ],
    [posted('a=b', { startsAtMs: 1, endsAtMs: 1 }), undefined],
  ])('%#', (alert, problem) => {
    expect(alertProblem(receiveAlert(alert, 0, 1), legacy)).toBe(problem);
  });
});

describe('merging', () => {
  interface Times {
    readonly from: number;
    readonly to: number;
    readonly timeout?: boolean;
  }
  const at = ({ from, to, timeout = false }: Times, updatedAtMs: number): Alert => ({
    ...receiveAlert(posted('a=b', { startsAtMs: from, endsAtMs: to }), updatedAtMs, 1),
    timeout,
    generatorUrl: `at ${updatedAtMs}`,
  });
  const NOW = 100;
  const cases: readonly (readonly [
    name: string,
    old: Times,
    arrived: Times,
    wanted: readonly [number, number],
  ])[] = [
    ['refresh that extends the end', { from: 10, to: 120 }, { from: 10, to: 150 }, [10, 150]],
    ['equal ranges: replacement', { from: 10, to: 120 }, { from: 10, to: 120 }, [10, 120]],
    [
      'later start, later end: the earliest start stays',
      { from: 10, to: 120 },
      { from: 50, to: 150 },
      [10, 150],
    ],
    ['resolve sets the end', { from: 10, to: 150 }, { from: 10, to: 90 }, [10, 90]],
    ['both resolved: the later end wins', { from: 10, to: 95 }, { from: 20, to: 80 }, [10, 95]],
    ['firing: a later stated end survives', { from: 10, to: 200 }, { from: 10, to: 150 }, [10, 200]],
    [
      'firing: a later end from the timeout does not',
      { from: 10, to: 200, timeout: true },
      { from: 10, to: 150 },
      [10, 150],
    ],
    ['no overlap: replacement', { from: 10, to: 40 }, { from: 50, to: 150 }, [50, 150]],
    ['touching ranges don’t overlap', { from: 10, to: 50 }, { from: 50, to: 150 }, [50, 150]],
    ['an enclosing range replaces', { from: 20, to: 50 }, { from: 10, to: 150 }, [10, 150]],
    ['an old range inside the new one replaces', { from: 10, to: 90 }, { from: 10, to: 150 }, [10, 150]],
    ['earlier start with an overlap', { from: 20, to: 150 }, { from: 10, to: 120 }, [10, 150]],
  ];
  test.each(cases)('%s', (_name, old, arrived, [from, to]) => {
    const merged = mergeAlerts(at(old, 1), at(arrived, 2), NOW);
    expect([merged.startsAtMs, merged.endsAtMs, merged.generatorUrl]).toEqual([from, to, 'at 2']);
  });

  test('one that was updated earlier is the older one whatever the order', () => {
    const merged = mergeAlerts(at({ from: 10, to: 150 }, 5), at({ from: 20, to: 90 }, 3), NOW);
    expect(merged).toMatchObject({ startsAtMs: 10, endsAtMs: 150, generatorUrl: 'at 5' });
  });
});

describe('order', () => {
  const alert = (labels: string): Alert => receiveAlert(posted(labels), 0, 1);
  test('of alerts: job, instance, then labels; those with job and instance first', () => {
    const sorted = ['instance=i1 z=1', 'job=j2', 'job=j1 instance=i2', 'z=1', 'job=j1 instance=i1', 'job=j1'];
    const order = sorted
      .map(alert)
      .toSorted(compareAlerts)
      .map(({ labels }) => labels.toString());
    expect(order).toEqual([
      '{instance="i1", job="j1"}',
      '{instance="i2", job="j1"}',
      '{job="j1"}',
      '{job="j2"}',
      '{instance="i1", z="1"}',
      '{z="1"}',
    ]);
  });

  test.each([
    ['', 'a=1', -1],
    ['b=1', 'a=1 c=1', -1],
    ['a=1', 'a=2', -1],
    // The set that lacks the first differing name comes first.
    ['b=1', 'a=1', -1],
    ['a=1 b=1', 'a=1 c=1', 1],
    ['a=1', 'a=1', 0],
  ])('of label sets {%s} {%s}', (a, b, sign) => {
    expect(Math.sign(compareLabelSets(labelsOf(a), labelsOf(b)))).toBe(sign);
    expect(Math.sign(compareLabelSets(labelsOf(b), labelsOf(a)))).toBe(sign === 0 ? 0 : -sign);
  });
});
