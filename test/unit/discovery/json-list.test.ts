import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { splitJsonList } from '../../../src/discovery/json-list.ts';

/** What a text means when it is split: the items, or undefined when it is not JSON or no list. */
function itemsOf(text: string, partCharacters: number): unknown[] | undefined {
  const parts = splitJsonList(text, partCharacters);
  if (parts === undefined) return undefined;
  try {
    return [...parts].flatMap((part) => JSON.parse(part) as unknown[]);
  } catch {
    return undefined;
  }
}

/** What it means as a whole. */
function wanted(text: string): unknown[] | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

describe('splitting a JSON list', () => {
  test('gives parts of whole items', () => {
    const text = '[{"a":[1,2]},"x,y\\"],[", {"b":"\\\\"} ,3]';
    expect([...splitJsonList(text, 1)!]).toEqual([
      '[{"a":[1,2]}]',
      '["x,y\\"],["]',
      '[ {"b":"\\\\"} ]',
      '[3]',
    ]);
    expect([...splitJsonList(text)!]).toEqual([text]);
  });

  test.each([
    '[]',
    ' [ ] \n',
    '[1]',
    '[1,]',
    '[1, ]',
    '[,1]',
    '[1,,2]',
    '[1],[2]',
    '[1}{,2]',
    '["a,b',
    '[',
    ']',
    '',
    'null',
    '{}',
    '[1]x',
    '[[],[[]]]',
  ])('%j means the same split and whole', (text) => {
    expect(itemsOf(text, 1)).toEqual(wanted(text));
  });

  test('lists of all sorts mean the same, broken ones too', () => {
    const anyText = fc.oneof(
      fc.array(fc.jsonValue()).map((value) => JSON.stringify(value)),
      fc.array(fc.jsonValue()).map((value) => JSON.stringify(value, null, 1)),
    );
    const broken = fc
      .tuple(anyText, fc.nat(), fc.constantFrom('', ',', '"', '[', ']', '{', '}', '\\', ' '), fc.nat(2))
      .map(([text, at, put, cut]) => {
        const from = at % (text.length + 1);
        return text.slice(0, from) + put + text.slice(from + cut);
      });
    fc.assert(
      fc.property(fc.oneof(anyText, broken), fc.integer({ min: 1, max: 20 }), (text, partCharacters) => {
        expect(itemsOf(text, partCharacters)).toEqual(wanted(text));
      }),
      { seed: 7, numRuns: 3000 },
    );
  });
});
