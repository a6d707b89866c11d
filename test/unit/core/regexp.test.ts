import fc from 'fast-check';
import { RE2JS } from 're2js';
import { describe, expect, test } from 'vitest';
import { AnchoredRegexp, expandTemplate, quoteRegexp, SearchRegexp } from '../../../src/core/regexp.ts';

function reference(source: string): (text: string) => boolean {
  const compiled = RE2JS.compile(source, RE2JS.DOTALL);
  return (text) => compiled.matches(text);
}

describe('AnchoredRegexp.test', () => {
  const rows: [source: string, yes: string[], no: string[]][] = [
    ['', [''], ['a']],
    ['a', ['a'], ['', 'ab', 'ba', 'A']],
    ['a|b|', ['a', 'b', ''], ['ab', 'c']],
    ['.*', ['', 'a', 'a\nb'], []],
    ['.+', ['a', '\n'], ['']],
    ['foo.*', ['foo', 'foobar', 'foo\n'], ['fo', 'xfoo']],
    ['foo.+', ['foox'], ['foo']],
    ['.*foo', ['foo', 'xfoo'], ['foox']],
    ['.*foo.*', ['foo', 'afoob'], ['fo']],
    ['.+foo.+', ['afoob', 'foofoofoo'], ['foo', 'afoo', 'foob']],
    ['a.*b.*a', ['aba', 'axbxa'], ['ab', 'aa', 'aba ']],
    ['aba.*aba', ['abaaba'], ['ababa', 'aba']],
    ['(?i)Foo|bar.*', ['foo', 'FOO', 'BARx'], ['fo']],
    ['(?i)k', ['k', 'K', '\u212a'], ['x']],
    ['a(b|c)?d', ['ad', 'abd', 'acd'], ['abcd']],
    ['5..', ['500', '5\nx'], ['50', '5000']],
    ['x[1-3]', ['x1', 'x3'], ['x4', 'x']],
    [String.raw`10\.0\..*`, ['10.0.1'], ['10x0.1']],
    ['😀?', ['', '😀'], ['\ud83d']],
    ['.', ['😀', 'x', '\n'], ['xx']],
    ['a.{2}|b', ['axx', 'b'], ['ax']],
    ['^foo$', ['foo'], ['foox']],
  ];
  test.each(rows)('%s', (source, yes, no) => {
    const regexp = new AnchoredRegexp(source);
    for (const text of yes) expect([text, regexp.test(text)]).toEqual([text, true]);
    for (const text of no) expect([text, regexp.test(text)]).toEqual([text, false]);
  });

  test.each(['[a', 'a**', '(', String.raw`\Z`, '(?<=a)b', 'x{2001}', '*', 'a)', '(?i)[b', 'a.**'])(
    'refuses %s',
    (source) => {
      expect(() => new AnchoredRegexp(source)).toThrow(/^error parsing regexp: [^e]/);
    },
  );

  const atoms = [
    'a',
    'b',
    'ab',
    '.*',
    '.+',
    '|',
    '(',
    '(?:',
    ')',
    '?',
    'B',
    '😀',
    '[ab]',
    '[a-c]',
    '\\.',
    '.',
    '+',
    '$',
    'k',
    's',
    '{2}',
    '*?',
  ];
  const sources = fc
    .tuple(fc.constantFrom('', '', '(?i)'), fc.array(fc.constantFrom(...atoms), { maxLength: 9 }))
    .map(([flag, parts]) => flag + parts.join(''));
  const texts = fc
    .array(fc.constantFrom('a', 'b', 'A', 'B', '.', '\n', '😀', 'c', 'K', '\u212a', 'ſ', 'x'), {
      maxLength: 7,
    })
    .map((parts) => parts.join(''));

  test('agrees with plain RE2, in what it accepts and what it matches', () => {
    fc.assert(
      fc.property(sources, fc.array(texts, { minLength: 1, maxLength: 8 }), (source, subjects) => {
        let expected: ((text: string) => boolean) | undefined;
        try {
          expected = reference(source);
        } catch {
          expected = undefined;
        }
        if (expected === undefined) {
          expect(() => new AnchoredRegexp(source)).toThrow(/error parsing regexp/);
          return;
        }
        const regexp = new AnchoredRegexp(source);
        for (const text of [...subjects, ...(regexp.setMatches ?? [])]) {
          const matches = expected(text);
          expect([source, text, regexp.test(text)]).toEqual([source, text, matches]);
          if (matches) expect(text.startsWith(regexp.prefix)).toBe(true);
          if (regexp.setMatches !== undefined) expect(regexp.setMatches.includes(text)).toBe(matches);
          const groups = regexp.exec(text);
          expect(groups !== undefined).toBe(matches);
          if (groups !== undefined) {
            const matcher = RE2JS.compile(source, RE2JS.DOTALL).matcher(text);
            matcher.matches();
            expect(groups).toEqual(groups.map((_, i) => matcher.group(i) ?? ''));
          }
        }
      }),
      { numRuns: 4000 },
    );
  });
});

describe('what an index can use', () => {
  const rows: [source: string, set: string[] | undefined, prefix: string][] = [
    ['a', ['a'], 'a'],
    ['ab|ac', ['ab', 'ac'], 'a'],
    ['a(b|c)d', ['abd', 'acd'], 'a'],
    ['x[12]?', ['x1', 'x2', 'x'], 'x'],
    ['foo.*', undefined, 'foo'],
    ['foo.*|foobar', undefined, 'foo'],
    ['foo[0-9]+', undefined, 'foo'],
    ['fooo?[0-9]+', undefined, 'foo'],
    ['foo[0-9]+|bar', undefined, ''],
    ['(?i)foo', undefined, ''],
    ['.*', undefined, ''],
    ['', [''], ''],
  ];
  test.each(rows)('%s', (source, set, prefix) => {
    const regexp = new AnchoredRegexp(source);
    expect(regexp.setMatches).toEqual(set);
    expect(regexp.prefix).toBe(prefix);
  });
});

describe('expandTemplate', () => {
  const rows: [source: string, text: string, template: string, expected: string][] = [
    ['(.*)', 'x', '$1', 'x'],
    ['(.*)', 'x', '${1}y', 'xy'],
    ['(.*)', 'x', '$1y', ''],
    ['(.*)', 'x', '$$1', '$1'],
    ['(.*)', 'x', '$', '$'],
    ['(.*)', 'x', '${', '${'],
    ['(.*)', 'x', '${1', '${1'],
    ['(.*)', 'x', '$-', '$-'],
    ['(.*)', 'x', '$2', ''],
    ['(.*)', 'x', '$01', ''],
    ['(.*)', 'x', '$0', 'x'],
    ['a(.+)z', 'abcz', '<$1>', '<bc>'],
    ['(?P<host>[^:]+)(:(?P<port>\\d+))?', 'h:80', '${host}-$port', 'h-80'],
    ['(?P<host>[^:]+)(:(?P<port>\\d+))?', 'h', '${host}-$port', 'h-'],
    ['(?<x>a)', 'a', '$x$nope', 'a'],
    ['(a)(b)?', 'a', '$1$2$1', 'aa'],
    ['(a)(b)?', 'a', '${1}${2}${1}', 'aa'],
  ];
  test.each(rows)('%s on %s with %s', (source, text, template, expected) => {
    const regexp = new AnchoredRegexp(source);
    expect(expandTemplate(template, regexp, regexp.exec(text)!)).toBe(expected);
  });
});

describe('SearchRegexp.replaceAll', () => {
  const rows: [source: string, text: string, template: string, expected: string][] = [
    ['a', 'banana', 'o', 'bonono'],
    ['a*', 'baac', 'x', 'xbxcx'],
    ['', 'ab', '-', '-a-b-'],
    ['(.)b', 'abcb', '$1$1', 'aacc'],
    ['(.)b', 'abcb', '$1_', ''],
    ['(.)b', 'abcb', '${1}_', 'a_c_'],
    ['^a', 'aa', '', 'a'],
    ['', '😀', '-', '-😀-'],
    ['x', 'abc', 'y', 'abc'],
  ];
  test.each(rows)('%s in %s', (source, text, template, expected) => {
    expect(new SearchRegexp(source).replaceAll(text, template)).toBe(expected);
  });

  test('quoted text matches only itself', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        expect(new AnchoredRegexp(quoteRegexp(text)).test(text)).toBe(true);
        expect(new SearchRegexp(quoteRegexp(text)).test(`x${text}y`)).toBe(true);
      }),
    );
  });
});
