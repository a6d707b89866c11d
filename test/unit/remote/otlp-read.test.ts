import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { TocsinError } from '../../../src/core/errors.ts';
import { anyText } from '../../../src/storage/remote/otlp/any-value.ts';
import type { AnyValue } from '../../../src/storage/remote/otlp/any-value.ts';
import { readOtlpJson } from '../../../src/storage/remote/otlp/read-json.ts';
import { readOtlp } from '../../../src/storage/remote/otlp/read-proto.ts';
import { OTLP_CASES } from '../../fixtures/otlp/cases.ts';
import { OTLP_REQUEST, encode } from './encode.ts';

/** Does nothing but throw our own error. */
function onlyOurError(read: () => unknown): void {
  try {
    read();
  } catch (error) {
    expect(error).toBeInstanceOf(TocsinError);
  }
}

/** As a reader of the JSON sees a reader of the bytes: the latter knows of fields that a kind does not have. */
function plain(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (key, one: unknown) =>
      key === 'temporality' || key === 'isMonotonic' ? undefined : one,
    ),
  );
}

describe('OTLP requests', () => {
  test.each(OTLP_CASES)('of "$name" are the same as bytes and as JSON', ({ body }) => {
    const fromBytes = readOtlp(encode(OTLP_REQUEST, body));
    expect(plain(fromBytes)).toEqual(plain(readOtlpJson(JSON.stringify(body))));
  });

  test('say what temporality they have, by number and by name', () => {
    const kinds = (aggregationTemporality: unknown): unknown => ({
      resourceMetrics: [
        { scopeMetrics: [{ metrics: [{ name: 'a', sum: { aggregationTemporality, isMonotonic: true } }] }] },
      ],
    });
    const expected = { kind: 'sum', points: [], temporality: 2, isMonotonic: true };
    for (const read of [
      readOtlp(encode(OTLP_REQUEST, kinds(2))),
      readOtlpJson(JSON.stringify(kinds(2))),
      readOtlpJson(JSON.stringify(kinds('AGGREGATION_TEMPORALITY_CUMULATIVE'))),
    ]) {
      expect(read[0]?.scopes[0]?.metrics[0]?.data).toEqual(expected);
    }
  });

  test('may have names with underscores, and numbers of 64 bits as numbers', () => {
    const text =
      '{"resource_metrics":[{"scope_metrics":[{"metrics":[{"name":"a","gauge":{"data_points":[{"time_unix_nano":1790000000001999999,"as_int":"7","unknown":{}}]}}]}]}]}';
    const [point] = readOtlpJson(text)[0]!.scopes[0]!.metrics[0]!.data!.points;
    expect(point).toMatchObject({ tMs: 1_790_000_000_001, value: 7 });
  });

  test('of arbitrary bytes throw only our error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => onlyOurError(() => readOtlp(bytes))),
      { numRuns: 300 },
    );
  });

  test('that are damaged throw only our error', () => {
    const whole = encode(OTLP_REQUEST, OTLP_CASES[0]!.body);
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }),
        fc.nat(whole.length),
        (changes, length) => {
          const bytes = whole.slice(0, length);
          for (const [at, byte] of changes) if (at < length) bytes[at] = byte;
          onlyOurError(() => readOtlp(bytes));
        },
      ),
      { numRuns: 200 },
    );
  });

  test('of arbitrary JSON throw only our error', () => {
    const names = [
      'resourceMetrics',
      'scopeMetrics',
      'metrics',
      'gauge',
      'dataPoints',
      'attributes',
      'value',
      'asInt',
    ];
    const json = fc.letrec<{ value: unknown }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 8 },
        fc.jsonValue({ maxDepth: 1 }),
        fc.array(tie('value'), { maxLength: 2 }),
        fc.dictionary(fc.constantFrom(...names), tie('value'), { maxKeys: 3 }),
      ),
    }));
    fc.assert(
      fc.property(json.value, (value) => onlyOurError(() => readOtlpJson(JSON.stringify(value)))),
      { numRuns: 300 },
    );
  });

  test('with values that lie too deep are refused, however deep', () => {
    let value: unknown = { intValue: 1 };
    for (let i = 0; i < 200; i++) value = { arrayValue: { values: [value] } };
    const body = { resourceMetrics: [{ resource: { attributes: [{ key: 'a', value }] } }] };
    expect(() => readOtlp(encode(OTLP_REQUEST, body))).toThrow('more than 128 deep');
    expect(() => readOtlpJson(JSON.stringify(body))).toThrow('more than 128 deep');
  });
});

describe('the text of an attribute', () => {
  test.each<[value: AnyValue, text: string]>([
    [undefined, ''],
    ['<a>', '<a>'],
    [true, 'true'],
    [9_007_199_254_740_993n, '9007199254740993'],
    [-0, '-0'],
    [1e21, '1e+21'],
    [1e-7, '1e-7'],
    [Infinity, 'Infinity'],
    [-Infinity, '-Infinity'],
    [NaN, 'NaN'],
    [new Uint8Array([255, 0]), '/wA='],
    [[1, [undefined, '\u2028"'], new Uint8Array([1])], String.raw`[1,[null,"\u2028\""],"AQ=="]`],
    [
      new Map<string, AnyValue>([
        ['b', 1n],
        ['a', new Map()],
      ]),
      '{"a":{},"b":1}',
    ],
    [[NaN], ''],
  ])('%#', (value, text) => {
    expect(anyText(value)).toBe(text);
  });
});
