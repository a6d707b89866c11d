import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LineSplitter } from '../../../../src/discovery/kubernetes/line-splitter.ts';

describe('lines of a watch', () => {
  test('are the same wherever the bytes are cut, also within characters', () => {
    const line = fc.string({ unit: 'grapheme', maxLength: 40 }).filter((text) => !/[\n\r]/.test(text));
    fc.assert(
      fc.property(
        fc.array(line),
        fc.array(fc.integer({ min: 0, max: 4000 })),
        fc.boolean(),
        (lines, cuts, ends) => {
          const bytes = new TextEncoder().encode(lines.join('\n') + (ends ? '\n' : ''));
          const splitter = new LineSplitter(10_000);
          const found: string[] = [];
          const places = [...cuts.map((cut) => cut % (bytes.length + 1)), 0, bytes.length].sort(
            (a, b) => a - b,
          );
          for (let i = 1; i < places.length; i++) {
            found.push(...splitter.push(bytes.subarray(places[i - 1], places[i])));
          }
          // What has no end yet is no line.
          const expected = (ends ? lines : lines.slice(0, -1)).map((text) => text.trim());
          expect(found).toEqual(expected.filter((text) => text !== ''));
        },
      ),
      { seed: 1, numRuns: 500 },
    );
  });

  test('without an end are refused as soon as they are too long, and no more is held', () => {
    const splitter = new LineSplitter(1000);
    expect([...splitter.push(new Uint8Array(1000).fill(97))]).toEqual([]);
    expect(() => [...splitter.push(new Uint8Array(1).fill(97))]).toThrow('a line of more than 1000 bytes');
  });

  test('with an end are refused too when they are too long', () => {
    const splitter = new LineSplitter(3);
    expect([...splitter.push(Buffer.from('abc\n'))]).toEqual(['abc']);
    expect(() => [...splitter.push(Buffer.from('abcd\n'))]).toThrow('more than 3 bytes');
  });
});
