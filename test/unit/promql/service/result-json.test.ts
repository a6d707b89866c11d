import { describe, expect, test } from 'vitest';
import { FloatHistogram } from '../../../../src/core/histogram/float-histogram.ts';
import { Labels } from '../../../../src/core/labels.ts';
import { VirtualClock } from '../../../../src/core/virtual-clock.ts';
import { LocalQueryService, NO_STATS, QueryMonitor } from '../../../../src/promql/index.ts';
import type { QueryValue } from '../../../../src/promql/index.ts';

const REQUEST = {
  query: 'x',
  startMs: 0,
  endMs: 0,
  stepMs: 0,
  limit: 0,
  perStepStats: false,
  origin: undefined,
};

/** What the API would send of a value, and in how many pieces. */
async function jsonOf(value: QueryValue): Promise<{ readonly text: string; readonly pieces: number }> {
  const clock = new VirtualClock(0);
  const result = () => Promise.resolve({ value, warnings: [], infos: [], stats: NO_STATS });
  const service = new LocalQueryService(
    { instant: result, range: result },
    new QueryMonitor({ clock }),
    clock,
  );
  const answer = await service.answer({ kind: 'instant', ...REQUEST }, new AbortController().signal);
  if (answer.text !== undefined) return { text: Buffer.from(answer.text).toString(), pieces: 1 };
  const parts: Buffer[] = [];
  for await (const piece of answer.pieces) parts.push(Buffer.from(piece));
  return { text: Buffer.concat(parts).toString(), pieces: parts.length };
}

const labels = Labels.fromObject({ __name__: 'h', job: 'ä"\n' });
const HISTOGRAM = new FloatHistogram({
  schema: 0,
  count: 12.5,
  sum: -3,
  zeroThreshold: 0.5,
  zeroCount: 2,
  positiveSpans: new Int32Array([0, 2, 1, 1]),
  positiveBuckets: new Float64Array([3, 0, 1.5]),
  negativeSpans: new Int32Array([1, 1]),
  negativeBuckets: new Float64Array([6]),
});
const HISTOGRAM_TEXT =
  '{"count":"12.5","sum":"-3","buckets":[[1,"-2","-1","6"],[3,"-0.5","0.5","2"],[0,"0.5","1","3"],[0,"4","8","1.5"]]}';

describe('the JSON of an answer', () => {
  // Buckets as util/jsonutil/marshal.go of Prometheus writes them: 0 (lower, upper], 1 [lower, upper), 3 [lower, upper].
  test('with a native histogram', async () => {
    const sample = { labels, tMs: 1500, value: NaN, histogram: HISTOGRAM };
    const { text } = await jsonOf({
      type: 'vector',
      samples: [sample, { labels: Labels.EMPTY, tMs: -1, value: -0 }],
    });
    expect(text).toBe(
      `[{"metric":{"__name__":"h","job":"ä\\"\\n"},"histogram":[1.500,${HISTOGRAM_TEXT}]},{"metric":{},"value":[-0.001,"-0"]}]`,
    );
  });

  test('with a histogram that has no buckets', async () => {
    const histogram = new FloatHistogram({ count: 0, sum: NaN });
    const { text } = await jsonOf({
      type: 'vector',
      samples: [{ labels: Labels.EMPTY, tMs: 0, value: NaN, histogram }],
    });
    expect(text).toBe('[{"metric":{},"histogram":[0,{"count":"0","sum":"NaN"}]}]');
  });

  test('with floats and histograms in one series', async () => {
    const { text } = await jsonOf({
      type: 'matrix',
      series: [
        {
          labels,
          timestamps: new Float64Array([1000, 2000]),
          values: new Float64Array([1e21, Infinity]),
          histograms: { timestamps: new Float64Array([3000]), values: [HISTOGRAM] },
        },
        {
          labels: Labels.EMPTY,
          timestamps: new Float64Array(0),
          values: new Float64Array(0),
          histograms: { timestamps: new Float64Array([1, 2]), values: [HISTOGRAM, HISTOGRAM] },
        },
      ],
    });
    expect(text).toBe(
      `[{"metric":{"__name__":"h","job":"ä\\"\\n"},"values":[[1,"1e+21"],[2,"+Inf"]],"histograms":[[3,${HISTOGRAM_TEXT}]]},` +
        `{"metric":{},"histograms":[[0.001,${HISTOGRAM_TEXT}],[0.002,${HISTOGRAM_TEXT}]]}]`,
    );
  });

  test('of a long matrix comes in pieces that make the same text', async () => {
    const count = 20_000;
    const series = Array.from({ length: 3 }, (_, i) => ({
      labels: Labels.fromObject({ i: String(i) }),
      timestamps: Float64Array.from({ length: count }, (_one, k) => k * 1000),
      values: Float64Array.from({ length: count }, (_one, k) => k / 3),
    }));
    const { text, pieces } = await jsonOf({ type: 'matrix', series });
    expect(pieces).toBeGreaterThan(3);
    const parsed = JSON.parse(text) as { readonly values: readonly unknown[] }[];
    expect(parsed.map(({ values }) => values.length)).toEqual([count, count, count]);
    expect(parsed[2]!.values[1]).toEqual([1, '0.3333333333333333']);
  });
});
