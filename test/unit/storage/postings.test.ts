import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  RefScratch,
  haveCommon,
  intersect,
  subtract,
  unite,
} from '../../../src/storage/tsdb/head/postings.ts';

const ascending = (refs: Iterable<number>): Uint32Array => Uint32Array.from(refs).sort();

/** Lists close together, far apart, and at the end of what a ref can be. */
const refList = fc
  .oneof(
    fc.uniqueArray(fc.integer({ min: 1, max: 300 })),
    fc.uniqueArray(fc.integer({ min: 1, max: 2 ** 32 - 1 })),
    fc.uniqueArray(fc.integer({ min: 2 ** 32 - 200, max: 2 ** 32 - 1 })),
  )
  .map(ascending);

test('lists of refs are joined, met and subtracted as sets are', () => {
  fc.assert(
    fc.property(refList, refList, (a, b) => {
      const [left, right] = [new Set(a), new Set(b)];
      expect(intersect(a, b)).toEqual(ascending(left.intersection(right)));
      expect(subtract(a, b)).toEqual(ascending(left.difference(right)));
      expect(haveCommon(a, b)).toBe(!left.isDisjointFrom(right));
    }),
    { numRuns: 500 },
  );
});

test('lists without common refs are united in order', () => {
  fc.assert(
    fc.property(refList, fc.integer({ min: 1, max: 8 }), (all, parts) => {
      const lists = Array.from({ length: parts }, (_, part) => all.filter((_ref, i) => i % parts === part));
      expect(unite(lists)).toEqual(all);
      expect(unite([...lists, new Uint32Array(0)])).toEqual(all);
    }),
    { numRuns: 500 },
  );
});

test('room that is used again holds the same lists until it is given up', () => {
  const scratch = new RefScratch();
  fc.assert(
    fc.property(fc.array(fc.tuple(refList, refList), { maxLength: 6 }), (pairs) => {
      scratch.reset();
      const met = pairs.map(([a, b]) => intersect(a, b, scratch.take));
      const left = pairs.map(([a, b]) => subtract(a, b, scratch.take));
      const halves = pairs.map(([a]) =>
        unite([a.filter((_, i) => i % 2 === 0), a.filter((_, i) => i % 2 === 1)], scratch.take),
      );
      for (const [i, [a, b]] of pairs.entries()) {
        expect(met[i]).toEqual(intersect(a, b));
        expect(left[i]).toEqual(subtract(a, b));
        expect(halves[i]).toEqual(a);
      }
    }),
  );
  expect(scratch.take(1 << 20)).toHaveLength(1 << 20);
});
