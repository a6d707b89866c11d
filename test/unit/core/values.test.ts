import fc from 'fast-check';
import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import {
  formatDuration,
  parseDuration,
  parseGoDuration,
  requireDuration,
} from '../../../src/core/duration.ts';
import {
  formatFloatExponent,
  formatFloatGeneral,
  formatFloatPlain,
  formatSampleValue,
  parseFloatText,
} from '../../../src/core/float-text.ts';
import { fnv1a64, fnv1a64Hex } from '../../../src/core/fnv.ts';
import {
  compareText,
  isValidLabelName,
  isValidMetricName,
  Labels,
  sortTexts,
} from '../../../src/core/labels.ts';
import { Matcher, matchesAll } from '../../../src/core/matcher.ts';
import type { MatchOp } from '../../../src/core/matcher.ts';
import {
  durationSchema,
  positiveDurationSchema,
  regexpSchema,
  secretSchema,
  sizeSchema,
  textSchema,
} from '../../../src/core/schema.ts';

describe('durations', () => {
  const rows: [text: string, durationMs: number | undefined, printed?: string][] = [
    ['0', 0, '0s'],
    ['0s', 0, '0s'],
    ['1ms', 1],
    ['1s', 1000],
    ['90s', 90_000, '1m30s'],
    ['1m30s', 90_000],
    ['24h', 86_400_000, '1d'],
    ['1d12h', 129_600_000],
    ['7d', 604_800_000, '1w'],
    ['8d', 691_200_000],
    ['1y', 31_536_000_000],
    ['1y1d', 31_622_400_000, '366d'],
    ['', undefined],
    ['1', undefined],
    ['1s1m', undefined],
    ['-1s', undefined],
    ['1.5h', undefined],
    [' 1s', undefined],
    ['1s ', undefined],
    ['292y', 9_208_512_000_000],
    ['294y', undefined],
    ['99999999999999999999s', undefined],
  ];
  test.each(rows)('%s', (text, durationMs, printed = text) => {
    expect(parseDuration(text)).toBe(durationMs);
    if (durationMs !== undefined) expect(formatDuration(durationMs)).toBe(printed);
  });

  test('what is printed reads the same', () => {
    fc.assert(
      fc.property(fc.nat(9_000_000_000_000), (durationMs) => {
        expect(parseDuration(formatDuration(durationMs))).toBe(durationMs);
      }),
    );
  });

  const go: [text: string, durationMs: number | undefined][] = [
    ['1h30m', 5_400_000],
    ['1.5h', 5_400_000],
    ['-1m', -60_000],
    ['300ms', 300],
    ['1us', 0.001],
    ['.5s', 500],
    ['0', 0],
    ['+5s', 5000],
    ['', undefined],
    ['1', undefined],
    ['1d', undefined],
    ['s', undefined],
    ['.s', undefined],
    ['1.2.3s', undefined],
    ['-', undefined],
  ];
  test.each(go)('Go: %s', (text, durationMs) => {
    expect(parseGoDuration(text)).toBe(durationMs);
  });

  test('the messages are Prometheus’', () => {
    expect(() => requireDuration('')).toThrow('empty duration string');
    expect(() => requireDuration('x')).toThrow('not a valid duration string: "x"');
  });
});

describe('float text', () => {
  const rows: [value: number, plain: string, sample: string, exponent: string, general: string][] = [
    [0, '0', '0', '0e+00', '0'],
    [-0, '-0', '-0', '-0e+00', '-0'],
    [1, '1', '1', '1e+00', '1'],
    [-1.5, '-1.5', '-1.5', '-1.5e+00', '-1.5'],
    [100_000, '100000', '100000', '1e+05', '100000'],
    [1_000_000, '1000000', '1000000', '1e+06', '1e+06'],
    [1e20, '100000000000000000000', '100000000000000000000', '1e+20', '1e+20'],
    [1e21, '1000000000000000000000', '1e+21', '1e+21', '1e+21'],
    [1.5e300, `15${'0'.repeat(299)}`, '1.5e+300', '1.5e+300', '1.5e+300'],
    [0.000_1, '0.0001', '0.0001', '1e-04', '0.0001'],
    [0.000_01, '0.00001', '0.00001', '1e-05', '1e-05'],
    [1e-6, '0.000001', '0.000001', '1e-06', '1e-06'],
    [1.5e-7, '0.00000015', '1.5e-07', '1.5e-07', '1.5e-07'],
    [NaN, 'NaN', 'NaN', 'NaN', 'NaN'],
    [Infinity, '+Inf', '+Inf', '+Inf', '+Inf'],
    [-Infinity, '-Inf', '-Inf', '-Inf', '-Inf'],
  ];
  test.each(rows)('%d', (value, plain, sample, exponent, general) => {
    expect([
      formatFloatPlain(value),
      formatSampleValue(value),
      formatFloatExponent(value),
      formatFloatGeneral(value),
    ]).toEqual([plain, sample, exponent, general]);
  });

  test('every form reads back to the same number', () => {
    fc.assert(
      fc.property(fc.double(), (value) => {
        for (const format of [formatFloatPlain, formatSampleValue, formatFloatExponent, formatFloatGeneral]) {
          expect(parseFloatText(format(value))).toBe(value);
        }
        expect(formatFloatPlain(value)).not.toMatch(/e/);
        expect(formatFloatExponent(value)).toMatch(/e[+-]\d\d|Inf|NaN/);
      }),
    );
  });

  const texts: [text: string, value: number | undefined][] = [
    ['1', 1],
    ['+1', 1],
    ['-.5', -0.5],
    ['5.', 5],
    ['1e5', 1e5],
    ['1E-05', 1e-5],
    ['Inf', Infinity],
    ['+inf', Infinity],
    ['-INFINITY', -Infinity],
    ['nan', NaN],
    ['', undefined],
    ['.', undefined],
    ['+', undefined],
    ['1_0', undefined],
    ['0x1p2', undefined],
    ['1e', undefined],
    ['-nan', undefined],
    [' 1', undefined],
    ['1e999', undefined],
    ['١', undefined],
  ];
  test.each(texts)('reads %s', (text, value) => {
    expect(parseFloatText(text)).toBe(value);
  });

  test('takes no longer for hostile text', () => {
    expect(parseFloatText(`${'1'.repeat(1_000_000)}x`)).toBe(undefined);
  });
});

describe('FNV-1a', () => {
  test('known hashes', () => {
    expect(fnv1a64Hex('')).toBe('cbf29ce484222325');
    expect(fnv1a64Hex('a')).toBe('af63dc4c8601ec8c');
    expect(fnv1a64Hex('foobar')).toBe('85944171f73967e8');
  });
  test('is the plain algorithm', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        let hash = 0xcbf29ce484222325n;
        for (const byte of bytes) hash = ((hash ^ BigInt(byte)) * 0x100000001b3n) & 0xffffffffffffffffn;
        const [high, low] = fnv1a64(bytes);
        expect((BigInt(high) << 32n) | BigInt(low)).toBe(hash);
      }),
    );
  });
});

describe('Labels', () => {
  const names = fc.oneof(
    fc.constantFrom('a', 'b', '__name__', '😀', '\uffff'),
    fc.string({ minLength: 1, unit: 'grapheme' }),
  );
  const entries = fc.array(fc.tuple(names, fc.string({ unit: 'grapheme', maxLength: 3 })), { maxLength: 6 });

  test('are a sorted map without empty values', () => {
    fc.assert(
      fc.property(entries, entries, (first, second) => {
        const map = new Map([...first, ...second]);
        const labels = Labels.fromEntries(first).merge(second);
        for (const [name] of map)
          expect(labels.get(name)).toBe(new Map([...Labels.fromEntries(first), ...second]).get(name) ?? '');
        const list = labels.names();
        expect(list).toEqual(list.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))));
        expect([...labels].every(([, value]) => value !== '')).toBe(true);
        expect(Labels.fromEntries([...labels].toReversed()).equals(labels)).toBe(true);
      }),
    );
  });

  test('keys are equal exactly for equal sets', () => {
    fc.assert(
      fc.property(entries, entries, (a, b) => {
        const [x, y] = [Labels.fromEntries(a), Labels.fromEntries(b)];
        const same = JSON.stringify(x.flat) === JSON.stringify(y.flat);
        expect([x.key === y.key, x.equals(y), x.compare(y) === 0]).toEqual([same, same, same]);
        expect(Math.sign(x.compare(y))).toBe(-Math.sign(y.compare(x)) + 0);
      }),
    );
  });

  test('text compares by bytes', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }), (a, b) => {
        expect(compareText(a, b)).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)));
      }),
    );
  });

  test('many texts are sorted by bytes, pairs of surrogates too', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', 'ü', '\uffff', '\u{1f600}') });
    fc.assert(
      fc.property(fc.array(text), (texts) => {
        const byBytes = texts.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
        expect(sortTexts([...texts])).toEqual(byBytes);
      }),
    );
  });

  test('fingerprints are Alertmanager’s own', () => {
    expect(Labels.EMPTY.fingerprint()).toBe('cbf29ce484222325');
    expect(Labels.fromObject({ alertname: 'bar' }).fingerprint()).toBe('4656093b0d152395');
    expect(Labels.fromObject({ zz: '3', y: '1', alertname: 'baz' }).fingerprint()).toBe('336da1ea71e19708');
  });

  const printed: [object: Record<string, string>, text: string][] = [
    [{}, '{}'],
    [{ __name__: 'up' }, 'up'],
    [{ __name__: 'up', b: '"\n\\', a: 'é' }, 'up{a="é", b="\\"\\n\\\\"}'],
    [{ a: '\u0000\u007f' }, '{a="\\x00\\x7f"}'],
    [{ 'a.b': 'c' }, '{"a.b"="c"}'],
  ];
  test.each(printed)('%o', (object, text) => {
    expect(Labels.fromObject(object).toString()).toBe(text);
  });

  test('choosing and leaving out', () => {
    const labels = Labels.fromObject({ a: '1', b: '2', c: '3' });
    expect(labels.without('a', 'x').toObject()).toEqual({ b: '2', c: '3' });
    expect(labels.only(['c', 'a', 'x']).toObject()).toEqual({ a: '1', c: '3' });
    expect(labels.without('x')).toBe(labels);
    expect(labels.with('b', '').names()).toEqual(['a', 'c']);
    expect(labels.without('a', 'b', 'c')).toBe(Labels.EMPTY);
    expect(labels.has('a') && !labels.has('x')).toBe(true);
  });

  test('names', () => {
    expect([isValidLabelName(''), isValidLabelName('a.b'), isValidLabelName('\ud800')]).toEqual([
      false,
      true,
      false,
    ]);
    expect([
      isValidLabelName('a.b', 'legacy'),
      isValidLabelName('a:b', 'legacy'),
      isValidLabelName('_1', 'legacy'),
    ]).toEqual([false, false, true]);
    expect([
      isValidMetricName('a:b', 'legacy'),
      isValidMetricName('1a', 'legacy'),
      isValidMetricName('é'),
    ]).toEqual([true, false, true]);
  });
});

describe('Matcher', () => {
  const rows: [op: MatchOp, value: string, yes: string[], no: string[]][] = [
    ['=', 'a', ['a'], ['', 'b']],
    ['=', '', [''], ['a']],
    ['!=', 'a', ['', 'b'], ['a']],
    ['=~', 'a|b.*', ['a', 'b', 'bc\n'], ['', 'ab']],
    ['!~', 'a|b.*', ['', 'ab'], ['a', 'b']],
    ['=~', '', [''], ['a']],
  ];
  test.each(rows)('%s %s', (op, value, yes, no) => {
    const matcher = new Matcher('n', op, value);
    expect(yes.every((text) => matcher.matches(text))).toBe(true);
    expect(no.some((text) => matcher.matches(text))).toBe(false);
  });
  test('absent labels are empty', () => {
    const labels = Labels.fromObject({ a: '1' });
    expect(matchesAll([new Matcher('a', '=', '1'), new Matcher('b', '=', '')], labels)).toBe(true);
    expect(matchesAll([new Matcher('a', '=', '1'), new Matcher('b', '!=', '')], labels)).toBe(false);
    expect(String(new Matcher('a', '!~', '"\n'))).toBe('a!~"\\"\\n"');
    expect(() => new Matcher('a', '=~', '(')).toThrow('error parsing regexp');
  });
});

describe('schema building blocks', () => {
  const rows: [
    what: { safeParse(value: unknown): { success: boolean; data?: unknown } },
    value: unknown,
    read: unknown,
  ][] = [
    [durationSchema, '1m', 60_000],
    [durationSchema, 0, 0],
    [durationSchema, 5, undefined],
    [durationSchema, '', undefined],
    [positiveDurationSchema, '0', undefined],
    [positiveDurationSchema, '1s', 1000],
    [sizeSchema, '10MB', 10 * 1024 ** 2],
    [sizeSchema, '1.5KiB', 1536],
    [sizeSchema, '0', 0],
    [sizeSchema, '512B', 512],
    [sizeSchema, '5', undefined],
    [sizeSchema, '1 XB', undefined],
    [textSchema, 1, '1'],
    [textSchema, true, 'true'],
    [textSchema, null, undefined],
    [regexpSchema, '(', undefined],
  ];
  test.each(rows)('%#', (schema, value, read) => {
    const result = schema.safeParse(value);
    expect(result.success ? result.data : undefined).toBe(read);
  });
  test('secrets do not show', () => {
    const secret = secretSchema.parse('hunter2');
    expect([String(secret), JSON.stringify({ secret }), inspect({ secret })]).toEqual([
      '<secret>',
      '{"secret":"<secret>"}',
      '{ secret: <secret> }',
    ]);
    expect(secret.reveal()).toBe('hunter2');
  });
});
