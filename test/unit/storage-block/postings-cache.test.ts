import fc from 'fast-check';
import { expect, test } from 'vitest';
import { PostingsCache } from '../../../src/storage/tsdb/block/postings-cache.ts';

const MAX_BYTES = 400;

test('a list is its own file’s, and there are never more than fit', () => {
  const step = fc.oneof(
    fc.record({ file: fc.nat(2), place: fc.nat(5), length: fc.nat(60) }),
    fc.record({ forget: fc.nat(2) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const cache = new PostingsCache(MAX_BYTES);
      const files = [0, 1, 2].map(() => cache.register());
      const put = new Map<string, Uint32Array>();
      for (const [index, next] of steps.entries()) {
        if ('forget' in next) {
          cache.forget(files[next.forget]!);
          for (const key of put.keys()) if (key.startsWith(`${next.forget} `)) put.delete(key);
          files[next.forget] = cache.register();
        } else if (cache.get(files[next.file]!, next.place * 4) === undefined) {
          const list = new Uint32Array(next.length).fill(index);
          cache.put(files[next.file]!, next.place * 4, list);
          put.set(`${next.file} ${next.place}`, list);
        }
        let bytes = 0;
        for (let file = 0; file < 3; file++) {
          for (let place = 0; place < 6; place++) {
            const found = cache.get(files[file]!, place * 4);
            bytes += found?.byteLength ?? 0;
            if (found !== undefined) expect(found).toBe(put.get(`${file} ${place}`));
          }
        }
        expect(cache.bytes).toBe(bytes);
        expect(bytes).toBeLessThanOrEqual(MAX_BYTES);
      }
    }),
  );
});

test('what was not read for longest goes, and a list that is too large does not come in', () => {
  const cache = new PostingsCache(MAX_BYTES);
  const file = cache.register();
  for (const place of [0, 4]) cache.put(file, place, new Uint32Array(50));
  expect(cache.get(file, 0)).toBeDefined();
  cache.put(file, 8, new Uint32Array(50));
  expect([0, 4, 8].map((place) => cache.get(file, place) !== undefined)).toEqual([true, false, true]);
  cache.put(file, 12, new Uint32Array(51));
  expect(cache.get(file, 12)).toBeUndefined();
});

test('the list of a matcher is kept by file, goes with it, and must be small', () => {
  const cache = new PostingsCache(MAX_BYTES);
  const files = [cache.register(), cache.register()] as const;
  const list = new Uint32Array(12);
  cache.putMatched(files[0], '+pod=~"a.*"', list);
  cache.putMatched(files[1], '+pod=~"a.*"', new Uint32Array(13));
  expect(cache.getMatched(files[0], '+pod=~"a.*"')).toBe(list);
  expect(cache.getMatched(files[0], '-pod=~"a.*"')).toBeUndefined();
  expect(cache.getMatched(files[1], '+pod=~"a.*"')).toBeUndefined();
  cache.forget(files[0]);
  expect(cache.bytes).toBe(0);
  expect(cache.getMatched(cache.register(), '+pod=~"a.*"')).toBeUndefined();
});
