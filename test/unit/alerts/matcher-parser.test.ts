import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Matcher } from '../../../src/core/matcher.ts';
import type { LogFields, Logger } from '../../../src/core/log.ts';
import { silentLogger } from '../../../src/core/log.ts';
import { MatcherParser, formatMatcher, formatMatchers } from '../../../src/alerts/index.ts';
import type { MatcherMode, MatcherParseResult } from '../../../src/alerts/index.ts';

const [utf8, classic, fallback] = (['utf8', 'classic', 'fallback'] as const).map(
  (mode) => new MatcherParser(mode),
);

function shown(result: MatcherParseResult): string {
  return result.kind === 'error' ? `error: ${result.reason}` : formatMatchers(result.matchers);
}

describe('parsing lists of matchers', () => {
  const cases: readonly (readonly [input: string, utf8: string, classic: string])[] = [
    ['', '{}', '{}'],
    ['{}', '{}', '{}'],
    ['foo="bar"', '{foo="bar"}', '{foo="bar"}'],
    ['{foo=bar}', '{foo="bar"}', '{foo="bar"}'],
    ['{foo=bar,}', '{foo="bar"}', '{foo="bar"}'],
    [' foo = "bar" , dings != bums ', '{foo="bar",dings!="bums"}', '{foo="bar",dings!="bums"}'],
    ['{foo=~"[a-z]+",bar!~x}', '{foo=~"[a-z]+",bar!~"x"}', '{foo=~"[a-z]+",bar!~"x"}'],
    ['foo="a,b"', '{foo="a,b"}', '{foo="a,b"}'],
    [String.raw`foo="a\"b\\c\n"`, String.raw`{foo="a\"b\\c\n"}`, String.raw`{foo="a\"b\\c\n"}`],
    ['foo="🙂"', '{foo="🙂"}', '{foo="🙂"}'],
    // Where the two syntaxes differ.
    ['foo=', 'error: end of input: expected label value', '{foo=""}'],
    [
      'foo',
      "error: end of input: expected an operator such as '=', '!=', '=~' or '!~'",
      'error: bad matcher format: foo',
    ],
    ['{foo=bar', 'error: 0:8: end of input: expected close brace', '{foo="bar"}'],
    ['foo=bar}', 'error: 0:8: }: expected opening brace', '{foo="bar"}'],
    ['foo=bar baz', 'error: 8:11: unexpected baz: expected a comma or close brace', '{foo="bar baz"}'],
    ['"a b"=c', '{"a b"="c"}', 'error: bad matcher format: "a b"=c'],
    ['Σ=x', '{Σ="x"}', 'error: bad matcher format: Σ=x'],
    [String.raw`foo="\d"`, String.raw`error: 4:8: "\d": invalid input`, String.raw`{foo="\\d"}`],
    [String.raw`foo="\xf0\x9f\x99\x82"`, '{foo="🙂"}', String.raw`{foo="\\xf0\\x9f\\x99\\x82"}`],
    [String.raw`foo="\u0041\U0001F642\101"`, '{foo="A🙂A"}', String.raw`{foo="\\u0041\\U0001F642\\101"}`],
    [String.raw`foo="\xff"`, String.raw`error: 4:10: "\xff": invalid input`, String.raw`{foo="\\xff"}`],
    ['foo==x', 'error: 4:5: unexpected =: expected label value', '{foo="=x"}'],
    [
      'foo="bar',
      'error: 4:8: "bar: missing end "',
      'error: matcher value contains unescaped double quote: "bar',
    ],
    [
      'foo=b"ar',
      'error: 5:8: "ar: missing end "',
      'error: matcher value contains unescaped double quote: b"ar',
    ],
    [
      'foo=bar,,',
      'error: 8:9: unexpected ,: expected a matcher or close brace after comma',
      'error: bad matcher format: ',
    ],
    ['{foo=bar}}', 'error: 9:10: }: expected end of input', '{foo="bar}"}'],
    ["foo='x'", "error: 4:5: ': invalid input", `{foo="'x'"}`],
    ['foo!x', "error: 3:4: !: expected one of '=~'", 'error: bad matcher format: foo!x'],
    [',', 'error: 0:1: unexpected ,: expected label name', 'error: bad matcher format: '],
  ];
  test.each(cases)('%s', (input, wantedUtf8, wantedClassic) => {
    expect(shown(utf8!.parseMatchers(input, 'test'))).toBe(wantedUtf8);
    expect(shown(classic!.parseMatchers(input, 'test'))).toBe(wantedClassic);
    // UTF-8 wins where only it can read the input or both agree; else the classic reading or the classic error.
    const oneFails = wantedClassic.startsWith('error: ') && !wantedUtf8.startsWith('error: ');
    expect(shown(fallback!.parseMatchers(input, 'test'))).toBe(oneFails ? wantedUtf8 : wantedClassic);
  });

  test('an invalid expression is an error of the parser', () => {
    for (const parser of [utf8!, classic!, fallback!]) {
      expect(parser.parseMatchers('foo=~"("', 'test')).toMatchObject({ kind: 'error' });
    }
  });
});

describe('parsing one matcher', () => {
  const cases: readonly (readonly [input: string, fallback: string, classic: string])[] = [
    ['foo=bar', '{foo="bar"}', '{foo="bar"}'],
    ['{foo=bar}', 'error: unexpected open or close brace: {foo=bar}', 'error: bad matcher format: {foo=bar}'],
    ['foo=bar}', 'error: unexpected open or close brace: foo=bar}', '{foo="bar}"}'],
    ['foo=bar,baz=x', '{foo="bar,baz=x"}', '{foo="bar,baz=x"}'],
    ['"a"=b,', '{a="b"}', 'error: bad matcher format: "a"=b,'],
    ['', 'error: bad matcher format: ', 'error: bad matcher format: '],
  ];
  test.each(cases)('%s', (input, wantedFallback, wantedClassic) => {
    expect(shown(fallback!.parseMatcher(input, 'test'))).toBe(wantedFallback);
    expect(shown(classic!.parseMatcher(input, 'test'))).toBe(wantedClassic);
  });

  test('more or fewer than one are refused', () => {
    expect(shown(utf8!.parseMatcher('a=b,c=d', 'test'))).toBe('error: expected 1 matcher, found 2');
    expect(shown(utf8!.parseMatcher(' ', 'test'))).toBe('error: no matchers');
  });
});

describe('warnings', () => {
  function parseLogging(input: string): [string, LogFields][] {
    const lines: [string, LogFields][] = [];
    const logger: Logger = { ...silentLogger, warn: (fields, message) => void lines.push([message, fields]) };
    new MatcherParser('fallback', logger).parseMatchers(input, 'config');
    return lines;
  }

  test('an input that only the classic syntax reads comes with a suggestion', () => {
    const [[message, fields]] = parseLogging('foo=') as [[string, LogFields]];
    expect(message).toContain('classic syntax only');
    expect(fields).toMatchObject({ input: 'foo=', origin: 'config', suggestion: 'foo=""' });
  });

  test('an input that the two read differently is warned about and read the classic way', () => {
    expect(parseLogging(String.raw`foo="\x41"`)).toMatchObject([
      [expect.stringContaining('differently'), { origin: 'config' }],
    ]);
    expect(shown(fallback!.parseMatchers(String.raw`foo="\x41"`, 'test'))).toBe(String.raw`{foo="\\x41"}`);
  });

  test.each(['foo=bar', '"a b"=c', 'foo', ''])('%s needs none', (input) => {
    expect(parseLogging(input)).toEqual([]);
  });
});

describe('properties', () => {
  const piece = fc.oneof(
    fc.constantFrom(
      '{',
      '}',
      ',',
      '=',
      '!=',
      '=~',
      '!~',
      '!',
      '"',
      '\\',
      ' ',
      '\n',
      'foo',
      '\\x',
      "'",
      '`',
      '🙂',
      '(',
    ),
    fc.string({ maxLength: 3, unit: 'binary' }),
  );
  const input = fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join(''));

  test('no input makes a parser throw', () => {
    const modes: MatcherMode[] = ['utf8', 'classic', 'fallback'];
    fc.assert(
      fc.property(input, fc.constantFrom(...modes), (text, mode) => {
        const parser = new MatcherParser(mode);
        expect(['ok', 'error']).toContain(parser.parseMatchers(text, 'test').kind);
        expect(['ok', 'error']).toContain(parser.parseMatcher(text, 'test').kind);
      }),
      { numRuns: 3000 },
    );
  });

  test('the fallback gives what one of the two gives, and the classic reading wherever there is one that differs', () => {
    fc.assert(
      fc.property(input, (text) => {
        const [inUtf8, inClassic] = [utf8!, classic!].map((parser) =>
          shown(parser.parseMatchers(text, 'test')),
        );
        const wanted = inClassic!.startsWith('error: ')
          ? inUtf8!.startsWith('error: ')
            ? inClassic
            : inUtf8
          : inClassic;
        expect(shown(fallback!.parseMatchers(text, 'test'))).toBe(wanted);
      }),
      { numRuns: 2000 },
    );
  });

  test('what is printed is read as the same, by both parsers where the name allows', () => {
    const value = fc.string({ unit: 'binary', maxLength: 8 }).filter((text) => text.isWellFormed());
    const name = fc.oneof(
      fc.constantFrom('foo', 'job'),
      value.filter((text) => text !== ''),
    );
    fc.assert(
      fc.property(name, fc.constantFrom('=' as const, '!=' as const), value, (label, op, text) => {
        const printed = formatMatcher(new Matcher(label, op, text));
        expect(utf8!.parseMatchers(printed, 'test')).toMatchObject({
          kind: 'ok',
          matchers: [{ name: label, op, value: text }],
        });
        if (!/^[a-z]+$/.test(label)) return;
        expect(classic!.parseMatchers(printed, 'test')).toMatchObject({
          matchers: [{ name: label, op, value: text }],
        });
      }),
      { numRuns: 1000 },
    );
  });
});
