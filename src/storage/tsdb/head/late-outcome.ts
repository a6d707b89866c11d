import { equalHistograms } from '../../../core/histogram/equality.ts';
import { AppendOutcome } from '../../seam.ts';
import type { StoredSample } from '../stored-sample.ts';

/** What becomes of a sample that is not newer than the last one of its series, where none is taken out of order. */
export function lateOutcome(sample: StoredSample, last: StoredSample, isEqualTime: boolean): AppendOutcome {
  if (!isEqualTime) return AppendOutcome.outOfOrder;
  return sample.startMs === last.startMs && haveSameValue(sample, last)
    ? AppendOutcome.same
    : AppendOutcome.duplicate;
}

function haveSameValue(a: StoredSample, b: StoredSample): boolean {
  if (a.histogram === undefined || b.histogram === undefined) {
    return a.histogram === b.histogram && a.low === b.low && a.high === b.high;
  }
  return equalHistograms(a.histogram, b.histogram);
}
