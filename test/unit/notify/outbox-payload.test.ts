import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Labels } from '../../../src/core/labels.ts';
import { readPayload } from '../../../src/notify/outbox-lane.ts';
import { decodePayload, encodePayload } from '../../../src/notify/outbox-payload.ts';
import type { OutboxPayload } from '../../../src/notify/outbox-payload.ts';
import type { OutboxRow } from '../../../src/notify/index.ts';
import { START_MS, alertOf } from './helpers.ts';

const labels = fc
  .dictionary(fc.string({ minLength: 1 }), fc.string(), { maxKeys: 4, noNullPrototype: true })
  .map((object) => Labels.fromObject(object));

const payload: fc.Arbitrary<OutboxPayload> = fc.record({
  reason: fc.constantFrom('first notification' as const, 'all alerts resolved' as const),
  groupLabels: labels,
  routeLabels: labels,
  alerts: fc.array(
    fc
      .record({ own: labels, annotations: labels, endsAtMs: fc.constantFrom(Infinity, START_MS - 5) })
      .map(({ own, annotations, endsAtMs }) => ({ ...alertOf({}, { annotations, endsAtMs }), labels: own })),
    { minLength: 1, maxLength: 3 },
  ),
  log: fc.record({
    firing: fc.array(fc.string()),
    resolved: fc.array(fc.string()),
    muted: fc.array(fc.string()),
  }),
  repeatIntervalMs: fc.nat(),
  attemptTimeoutMs: fc.nat(),
});

describe('payload of an outbox row', () => {
  it('comes back as it was', () => {
    fc.assert(
      fc.property(payload, (original) => {
        const decoded = decodePayload(encodePayload(original, START_MS));
        expect(JSON.stringify(decoded)).toBe(JSON.stringify(original));
        expect(decoded.alerts.map(({ endsAtMs }) => endsAtMs)).toEqual(
          original.alerts.map(({ endsAtMs }) => endsAtMs),
        );
      }),
      { numRuns: 200 },
    );
  });

  it('an alert whose end lies ahead is kept without an end, so that it cannot flip on the way', () => {
    const original: OutboxPayload = {
      reason: 'first notification',
      groupLabels: Labels.EMPTY,
      routeLabels: Labels.EMPTY,
      alerts: [alertOf({ a: 'b' }, { endsAtMs: START_MS + 1 })],
      log: { firing: [], resolved: [], muted: [] },
      repeatIntervalMs: 1,
      attemptTimeoutMs: 1,
    };
    expect(decodePayload(encodePayload(original, START_MS)).alerts[0]!.endsAtMs).toBe(Infinity);
  });

  it('whatever a row holds, reading it does not throw', () => {
    const anything = fc.oneof(fc.string(), fc.json(), fc.constant('{"version":1}'));
    fc.assert(
      fc.property(anything, (text) => {
        expect(readPayload({ payload: text } as OutboxRow)).toBeUndefined();
      }),
    );
  });
});
