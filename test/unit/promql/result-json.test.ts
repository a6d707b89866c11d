import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatSampleValue } from '../../../src/core/float-text.ts';
import { FloatHistogram } from '../../../src/core/histogram/float-histogram.ts';
import { Labels } from '../../../src/core/labels.ts';
import type { QueryValue } from '../../../src/promql/index.ts';
import { JsonBytes } from '../../../src/promql/service/json-bytes.ts';
import { writeResult } from '../../../src/promql/service/result-json.ts';

function textOf(value: QueryValue): string {
  const bytes = new JsonBytes(new ArrayBuffer(16));
  const work = writeResult(value, bytes);
  let text = '';
  const decoder = new TextDecoder();
  while (work.next().done !== true) text += decoder.decode(bytes.copy(), { stream: true });
  return text + decoder.decode(bytes.copy());
}

const labels = Labels.fromObject({ __name__: 'm', model: 'größe "1"\n', zone: 'a' });

describe('the JSON of results', () => {
  test.each<[string, QueryValue, string]>([
    ['scalar', { type: 'scalar', tMs: 1500, value: 2 }, '[1.500,"2"]'],
    ['scalar before 1970', { type: 'scalar', tMs: -1, value: -0 }, '[-0.001,"-0"]'],
    ['string', { type: 'string', tMs: 1000, value: '"ü"' }, '[1,"\\"ü\\""]'],
    ['empty vector', { type: 'vector', samples: [] }, '[]'],
    ['empty matrix', { type: 'matrix', series: [] }, '[]'],
    [
      'vector',
      {
        type: 'vector',
        samples: [
          { labels, tMs: 1000, value: NaN },
          { labels: Labels.EMPTY, tMs: 1000, value: 0.25 },
        ],
      },
      '[{"metric":{"__name__":"m","model":"größe \\"1\\"\\n","zone":"a"},"value":[1,"NaN"]},{"metric":{},"value":[1,"0.25"]}]',
    ],
    [
      'vector with a histogram',
      {
        type: 'vector',
        samples: [
          {
            labels: Labels.EMPTY,
            tMs: 1000,
            value: NaN,
            histogram: new FloatHistogram({
              count: 6,
              sum: 7.5,
              zeroCount: 1,
              zeroThreshold: 0.5,
              positiveSpans: new Int32Array([0, 2]),
              positiveBuckets: new Float64Array([2, 3]),
            }),
          },
        ],
      },
      '[{"metric":{},"histogram":[1,{"count":"6","sum":"7.5","buckets":[[3,"-0.5","0.5","1"],[0,"0.5","1","2"],[0,"1","2","3"]]}]}]',
    ],
    [
      'matrix of series with other times',
      {
        type: 'matrix',
        series: [
          {
            labels: Labels.EMPTY,
            timestamps: new Float64Array([0, 1000, 3000]),
            values: new Float64Array([1, -12345, 1e21]),
          },
          {
            labels: Labels.EMPTY,
            timestamps: new Float64Array([500, 3000, 4000]),
            values: new Float64Array([Infinity, 1e-7, 999999999]),
          },
        ],
      },
      '[{"metric":{},"values":[[0,"1"],[1,"-12345"],[3,"1e+21"]]},{"metric":{},"values":[[0.500,"+Inf"],[3,"1e-07"],[4,"999999999"]]}]',
    ],
  ])('%s', (_name, value, expected) => {
    expect(textOf(value)).toBe(expected);
  });

  test('any values and times come out as their texts', () => {
    const value = fc.oneof(
      fc.double(),
      fc.integer(),
      fc.integer({ min: -1_000_000_000_001, max: 1_000_000_000_001 }),
      fc.constantFrom(0, -0, 9, 10, 99, 100, 1e9, 1e9 - 1, -1e9, 0.1),
    );
    const times = fc.uniqueArray(fc.integer({ min: -5000, max: 5000 }), { maxLength: 20 });
    fc.assert(
      fc.property(
        fc.array(times),
        value,
        fc.array(value, { minLength: 20, maxLength: 20 }),
        (all, _v, list) => {
          const series = all.map((some) => ({
            labels: Labels.EMPTY,
            timestamps: Float64Array.from(some).sort(),
            values: Float64Array.from(list.slice(0, some.length)),
          }));
          const parsed = JSON.parse(textOf({ type: 'matrix', series })) as { values?: [number, string][] }[];
          expect(parsed.map(({ values = [] }) => values)).toEqual(
            series.map(({ timestamps, values }) =>
              [...timestamps].map((tMs, i) => [tMs === 0 ? 0 : tMs / 1000, formatSampleValue(values[i]!)]),
            ),
          );
        },
      ),
    );
  });
});
