import { CounterResetHint, FloatHistogram } from './float-histogram.ts';

/**
 * What a histogram was when its counting began: nothing observed, in buckets of the same kind, after a reset.
 *
 * @see prometheus tsdb/head_append.go AppendHistogramSTZeroSample
 */
export function emptyHistogram({ schema, zeroThreshold, customValues }: FloatHistogram): FloatHistogram {
  return new FloatHistogram({
    schema,
    zeroThreshold,
    customValues,
    counterResetHint: CounterResetHint.reset,
  });
}
