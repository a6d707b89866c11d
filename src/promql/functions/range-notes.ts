import type { Annotations, HistogramOperation } from '../annotations.ts';
import type { Position } from '../parser/ast.ts';

/** The notes that functions of ranges make, about the series at hand. */
export class RangeNotes {
  readonly #annotations: Annotations;
  readonly #position: Position;
  readonly #metricName: () => string;

  /** `metricName` gives the name of the series at hand, '' where it has none; `position` is the range's. */
  constructor(annotations: Annotations, position: Position, metricName: () => string) {
    this.#annotations = annotations;
    this.#position = position;
    this.#metricName = metricName;
  }

  mixedFloatsHistograms(): void {
    this.#annotations.mixedFloatsHistograms(this.#metricName(), this.#position);
  }

  histogramsIgnored(): void {
    this.#annotations.histogramIgnoredInMixedRange(this.#metricName(), this.#position);
  }

  mixedExponentialCustom(): void {
    this.#annotations.mixedExponentialCustom(this.#metricName(), this.#position);
  }

  notCounter(): void {
    this.#annotations.nativeHistogramNotCounter(this.#metricName(), this.#position);
  }

  notGauge(): void {
    this.#annotations.nativeHistogramNotGauge(this.#metricName(), this.#position);
  }

  counterResetCollision(operation: HistogramOperation): void {
    this.#annotations.counterResetCollision(operation, this.#position);
  }

  customBucketsReconciled(operation: HistogramOperation): void {
    this.#annotations.customBucketsReconciled(operation, this.#position);
  }

  startTimeOverlap(): void {
    this.#annotations.startTimeOverlap(this.#metricName(), this.#position);
  }
}
