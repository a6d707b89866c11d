import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { gzipSync } from 'node:zlib';
import { InflateError, gunzippers } from '../../../src/core/compression/gunzip.ts';
import type { Gunzipper } from '../../../src/core/compression/gunzip.ts';

const made = gunzippers.make();

/** What comes of it, errors included. */
function outcome(gunzipper: Gunzipper, packed: Uint8Array, room: number): unknown {
  const into = new Uint8Array(room);
  try {
    const count = gunzipper.unpack(packed, into);
    return count < 0 ? 'no room' : Buffer.from(into.subarray(0, count)).toString('hex');
  } catch (error) {
    if (!(error instanceof InflateError)) throw error;
    return [error.code, error.message];
  }
}

test('this Node has the insides that are known', () => {
  expect(made).not.toBe(gunzippers.plain);
});

const bodies = fc.oneof(
  fc.uint8Array({ maxLength: 300 }),
  fc
    .tuple(fc.uint8Array({ minLength: 1, maxLength: 40 }), fc.integer({ min: 1, max: 400 }))
    .map(([part, times]) => Buffer.concat(Array.from({ length: times }, () => part))),
);

describe('the quick way does what the documented one does', () => {
  test('with one member or several, and too little room', () => {
    fc.assert(
      fc.property(
        fc.array(bodies, { minLength: 1, maxLength: 3 }),
        fc.integer({ min: -3, max: 50 }),
        (parts, spare) => {
          const packed = Buffer.concat(parts.map((part) => gzipSync(part)));
          const whole = Buffer.concat(parts);
          const room = whole.length + spare;
          if (room < 1) return;
          expect(outcome(made, packed, room)).toEqual(spare > 0 ? whole.toString('hex') : 'no room');
        },
      ),
      { numRuns: 500 },
    );
  });

  test('with broken and short bodies, one after the other', () => {
    fc.assert(
      fc.property(
        bodies,
        fc.nat(),
        fc.integer({ min: 0, max: 255 }),
        fc.nat(),
        (body, place, change, cut) => {
          const packed = new Uint8Array(gzipSync(body));
          packed[place % packed.length]! ^= change;
          const short = packed.subarray(0, cut % (packed.length + 1));
          const room = body.length + 1000;
          for (const bytes of [packed, short]) {
            const found = outcome(made, bytes, room);
            // What is broken may become large; then either notices first.
            if (found !== 'no room') expect(found).toEqual(outcome(gunzippers.plain, bytes, room));
          }
          expect(outcome(made, gzipSync(body), body.length + 1)).toBe(Buffer.from(body).toString('hex'));
        },
      ),
      { numRuns: 1000 },
    );
  });

  test('with any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        expect(outcome(made, bytes, 5000)).toEqual(outcome(gunzippers.plain, bytes, 5000));
      }),
      { numRuns: 2000 },
    );
  });
});
