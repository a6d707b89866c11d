import type { FloatHistogram } from '../../core/histogram/float-histogram.ts';
import type { RichSample } from '../seam.ts';
import { areStaleBits, staleHigh } from '../stale.ts';

/** A sample as chunks and the log have it: a histogram, or a float by its bits (of a histogram, those of NaN). */
export interface StoredSample {
  readonly low: number;
  readonly high: number;
  readonly histogram: FloatHistogram | undefined;
  readonly startMs: number;
}

const floatBox = new Float64Array(1);
const wordBox = new Uint32Array(floatBox.buffer);

/** The stored form of a sample; a stale marker that was quieted on its way gets its proper bits. */
export function storedSample({ value, histogram, startMs }: RichSample): StoredSample {
  floatBox[0] = histogram === undefined ? value : NaN;
  if (areStaleBits(wordBox[0]!, wordBox[1]!)) wordBox[1] = staleHigh;
  return { low: wordBox[0]!, high: wordBox[1]!, histogram, startMs };
}
