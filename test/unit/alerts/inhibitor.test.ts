import { describe, expect, test } from 'vitest';
import { Inhibitor } from '../../../src/alerts/index.ts';
import type { Alert } from '../../../src/alerts/index.ts';
import { receiveAlert } from '../../../src/alerts/merge.ts';
import { configOf, labelsOf, posted } from './helpers.ts';

const NOW = 1000;

function inhibitorOf(rules: string): Inhibitor {
  return new Inhibitor(configOf({ route: 'receiver: r', inhibit: rules }).inhibitRules);
}

/** `!` behind the labels: ended. */
function alertOf(text: string): Alert {
  const ended = text.endsWith('!');
  return receiveAlert(
    posted(text.replace('!', ''), { startsAtMs: 1, endsAtMs: ended ? NOW : NOW + 1 }),
    0,
    1,
  );
}

const SEVERITY = '[{source_matchers: [s=critical], target_matchers: [s=warning], equal: [job, dc]}]';

describe('whether an alert is inhibited', () => {
  const cases: readonly (readonly [rules: string, stored: string[], target: string, inhibited: boolean])[] = [
    [SEVERITY, ['s=critical job=a'], 's=warning job=a', true],
    [SEVERITY, ['s=critical job=a'], 's=warning job=b', false],
    [SEVERITY, ['s=critical job=a'], 's=info job=a', false],
    [SEVERITY, ['s=critical job=a!'], 's=warning job=a', false],
    [SEVERITY, [], 's=warning job=a', false],
    // A missing label is an empty one: all `equal` labels absent on both sides is equality.
    [SEVERITY, ['s=critical'], 's=warning', true],
    [SEVERITY, ['s=critical job=a dc='], 's=warning job=a', true],
    [SEVERITY, ['s=critical job=a dc=x'], 's=warning job=a', false],
    [
      '[{source_matchers: [s=critical], target_matchers: [s=warning]}]',
      ['s=critical job=a'],
      's=warning job=b',
      true,
    ],
    // Empty matchers match everything.
    ['[{}]', ['x=y'], 'a=b', false],
    ['[{source_matchers: [x=y]}]', ['x=y'], 'a=b', true],
    ['[{source_matchers: [x=y]}]', ['x=y'], 'x=y', false],
    // An ended source hides no other one with the same key.
    [SEVERITY, ['s=critical job=a n=1', 's=critical job=a n=2!'], 's=warning job=a', true],
    [SEVERITY, ['s=critical job=a n=1!', 's=critical job=a n=2'], 's=warning job=a', true],
    // Several rules.
    [
      `[{source_matchers: [n=1], target_matchers: [n=3]}, {source_matchers: [n=2], target_matchers: [n=3]}]`,
      ['n=2'],
      'n=3',
      true,
    ],
  ];
  test.each(cases)('%s, stored %s: %s', (rules, stored, target, inhibited) => {
    const inhibitor = inhibitorOf(rules);
    for (const alert of stored) inhibitor.alertStored(alertOf(alert));
    const by = inhibitor.mutedBy({ labels: labelsOf(target) }, { nowMs: NOW });
    expect(by.length > 0).toBe(inhibited);
  });
});

describe('alerts that satisfy both sides', () => {
  const rules = '[{source_matchers: [s=~"a|b"], target_matchers: [s=~"b|c"]}]';
  const inhibited = (stored: string[], target: string): boolean => {
    const inhibitor = inhibitorOf(rules);
    for (const alert of stored) inhibitor.alertStored(alertOf(alert));
    return inhibitor.mutedBy({ labels: labelsOf(target) }, { nowMs: NOW }).length > 0;
  };
  test.each([
    [['s=b'], 's=b', false],
    [['s=b n=1', 's=b n=2'], 's=b n=1', false],
    [['s=a'], 's=b', true],
    [['s=b'], 's=c', true],
    // A two-sided source does not hide a one-sided one.
    [['s=b n=1', 's=a n=2'], 's=b n=3', true],
    [['s=a n=2', 's=b n=1'], 's=b n=3', true],
  ])('stored %s: %s', (stored, target, wanted) => {
    expect(inhibited(stored, target)).toBe(wanted);
  });
});

test('the answer is the source’s fingerprint, and a source that is collected inhibits no more', () => {
  const inhibitor = inhibitorOf(SEVERITY);
  const [first, second] = [alertOf('s=critical job=a n=1'), alertOf('s=critical job=a n=2')];
  inhibitor.alertStored(first);
  inhibitor.alertStored(second);
  const target = { labels: labelsOf('s=warning job=a') };
  expect(inhibitor.mutedBy(target, { nowMs: NOW })).toEqual([first.fingerprint]);
  inhibitor.alertsCollected([first]);
  expect(inhibitor.mutedBy(target, { nowMs: NOW })).toEqual([second.fingerprint]);
  inhibitor.alertsCollected([second]);
  expect(inhibitor.mutedBy(target, { nowMs: NOW })).toEqual([]);
});

test('a source counts until its end, without being stored again', () => {
  const inhibitor = inhibitorOf(SEVERITY);
  inhibitor.alertStored(alertOf('s=critical'));
  const target = { labels: labelsOf('s=warning') };
  expect(inhibitor.mutedBy(target, { nowMs: NOW })).toHaveLength(1);
  expect(inhibitor.mutedBy(target, { nowMs: NOW + 1 })).toEqual([]);
});
