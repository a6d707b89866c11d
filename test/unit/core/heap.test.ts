import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Heap } from '../../../src/core/heap.ts';

test('gives items back in order, whatever the order they came in', () => {
  fc.assert(
    fc.property(fc.array(fc.option(fc.integer(), { nil: undefined })), (steps) => {
      const heap = new Heap<number>((a, b) => a < b);
      const plain: number[] = [];
      // A number is put in, undefined takes one out.
      for (const step of steps) {
        if (step === undefined) {
          expect(heap.pop()).toBe(plain.shift());
          continue;
        }
        heap.push(step);
        plain.push(step);
        plain.sort((a, b) => a - b);
        expect(heap.peek()).toBe(plain[0]);
      }
      expect(heap.size).toBe(plain.length);
      for (const item of plain) expect(heap.pop()).toBe(item);
    }),
  );
});
