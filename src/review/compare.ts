import { testText } from '../core/histogram/text.ts';
import type { ExpectedAlert, ExpectedSample } from './config.ts';

const bits = new DataView(new ArrayBuffer(8));

/** By labels, then annotations. */
export function sortAlerts(alerts: readonly ExpectedAlert[]): ExpectedAlert[] {
  return alerts.toSorted((a, b) => a.labels.compare(b.labels) || a.annotations.compare(b.annotations));
}

/** By labels. */
export function sortSamples(samples: readonly ExpectedSample[]): ExpectedSample[] {
  return samples.toSorted((a, b) => a.labels.compare(b.labels));
}

/** Whether two sorted lists of alerts are equal. */
export function sameAlerts(a: readonly ExpectedAlert[], b: readonly ExpectedAlert[]): boolean {
  return (
    a.length === b.length &&
    a.every(
      ({ labels, annotations }, i) => labels.equals(b[i]!.labels) && annotations.equals(b[i]!.annotations),
    )
  );
}

/**
 * Whether two sorted lists of samples are equal; `fuzzy` takes neighbouring floats for equal. Histograms are equal when
 * they are written down in the same way.
 */
export function sameSamples(
  a: readonly ExpectedSample[],
  b: readonly ExpectedSample[],
  fuzzy: boolean,
): boolean {
  return (
    a.length === b.length &&
    a.every((sample, i) => sample.labels.equals(b[i]!.labels) && sameValue(sample, b[i]!, fuzzy))
  );
}

function sameValue(a: ExpectedSample, b: ExpectedSample, fuzzy: boolean): boolean {
  if (a.histogram === undefined && b.histogram === undefined) return sameFloat(a.value, b.value, fuzzy);
  if (a.histogram === undefined || b.histogram === undefined) return false;
  return testText(a.histogram) === testText(b.histogram);
}

/** Equal, or with `fuzzy` neighbours. NaN equals NaN (in promtool it does not, so it cannot be expected there). */
function sameFloat(a: number, b: number, fuzzy: boolean): boolean {
  if (a === b || (Number.isNaN(a) && Number.isNaN(b))) return true;
  if (!fuzzy || Number.isNaN(a) || Number.isNaN(b)) return false;
  const distance = ordinal(a) - ordinal(b);
  return distance === 1n || distance === -1n;
}

/** Place of a float among all floats, both zeros at 0. */
function ordinal(value: number): bigint {
  bits.setFloat64(0, Math.abs(value));
  const magnitude = bits.getBigUint64(0);
  return value < 0 ? -magnitude : magnitude;
}
