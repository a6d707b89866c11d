import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseYaml } from '../../../src/core/yaml.ts';
import { locateInYaml } from '../../../src/rules/yaml-text-position.ts';

/** The file from the place on that is found for the first `mark` of the value. */
function restAt(text: string, mark: string): string | undefined {
  const document = parseYaml(text, 'f');
  const { expr } = document.value as { expr: string };
  const found = locateInYaml(text, document.position(['expr']), expr, expr.indexOf(mark));
  if (found === undefined) return undefined;
  return text.split('\n')[found.line - 1]!.slice(found.column - 1);
}

describe('places in scalars', () => {
  test.each([
    ['plain', 'expr: a + b + c', 'c', 'c'],
    ['plain over lines', 'expr: a +\n  b\n\n  + c # no', 'c', 'c # no'],
    ['single quotes', `expr: 'a{b=''x''} + c'`, 'c', `c'`],
    ['double quotes', String.raw`expr: "a{b=\"x\\y\"} + c"`, 'c', 'c"'],
    ['double quotes over lines', 'expr: "a\n  + c"', 'c', 'c"'],
    ['literal block', 'expr: |\n  a +\n    b\n    + c', 'c', 'c'],
    ['literal block with a head of its own', 'expr: |2- # why\n    a\n  + c', 'c', 'c'],
    ['folded block', 'expr: >-\n  a +\n  b\n\n  + c', 'c', 'c'],
    ['folded block with deeper lines', 'expr: >\n  a\n    + b\n  + c', 'c', 'c'],
    ['windows line ends', 'expr: |\r\n  a\r\n  + c\r\n', 'c', 'c\r'],
    ['other escapes', String.raw`expr: "a\x20+ c"`, 'c', undefined],
    ['an escaped line end', 'expr: "a \\\n  + c"', 'c', undefined],
  ])('%s', (_name, text, mark, rest) => {
    expect(restAt(text, mark)).toBe(rest);
  });

  test('the end of a value is behind its last character', () => {
    const text = 'expr: |\n  a +\n\nmore: 1';
    expect(locateInYaml(text, { line: 1, column: 7 }, 'a +\n', 4)).toEqual({ line: 2, column: 6 });
  });

  test('every word of any folding stands where it is said to be', () => {
    const word = fc.stringMatching(/^[a-z]{1,4}$/);
    const gap = fc.constantFrom(' ', '\n', '\n\n', '  ');
    const head = fc.constantFrom('|', '>', '|-', '>-', '>+');
    fc.assert(
      fc.property(head, fc.array(fc.tuple(word, gap), { minLength: 1, maxLength: 8 }), (block, parts) => {
        const body = parts.map(([text, space], i) => `${text}${i}x${space}`).join('');
        const text = `expr: ${block}\n  ${body.replaceAll('\n', '\n  ')}\n`;
        parts.forEach(([name], i) =>
          expect(restAt(text, `${name}${i}x`)).toMatch(new RegExp(`^${name}${i}x`)),
        );
      }),
    );
  });
});
