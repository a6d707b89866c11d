import type { SampleBuffer } from '../../storage/index.ts';
import type { Windows } from '../functions/range-kernel.ts';
import { type Column, ABSENT, HISTOGRAM } from './column.ts';

/** The counts themselves, one for a query. */
interface Counts {
  total: number;
  /** For each step of the query, when that is wanted. */
  readonly steps: Float64Array | undefined;
}

/**
 * Counts the samples that the steps of a query look at: one at every step that does, as Prometheus' statistics have it.
 * What a subquery reads for itself is not counted, only what is looked at of its result.
 *
 * @see prometheus util/stats/query_stats.go QuerySamples.TotalSamples
 */
export class StepTally {
  readonly #counts: Counts;
  /** How often each sample counts: at so many steps from the first on; 1 counts at the step that is named. */
  readonly #repeats: number;
  readonly #isFolded: boolean;

  private constructor(counts: Counts, repeats: number, isFolded: boolean) {
    this.#counts = counts;
    this.#repeats = repeats;
    this.#isFolded = isFolded;
  }

  /** Counts for a query of `stepCount` steps, step by step if `perStep`. */
  static create(stepCount: number, perStep: boolean): StepTally {
    return new StepTally({ total: 0, steps: perStep ? new Float64Array(stepCount) : undefined }, 1, false);
  }

  get total(): number {
    return this.#counts.total;
  }

  get steps(): Float64Array | undefined {
    return this.#counts.steps;
  }

  /** For what is evaluated at one step and looked at by all `stepCount` steps. */
  repeated(stepCount: number): StepTally {
    return this.#isFolded ? this : new StepTally(this.#counts, Math.max(1, stepCount), false);
  }

  /** For what the only step of the query looks at, whatever steps it has of its own. */
  folded(): StepTally {
    return new StepTally(this.#counts, 1, true);
  }

  /** Counts the values of a column; `found` is how many there are. */
  addColumn(column: Column, found: number): void {
    if (this.#counts.steps === undefined && column.histograms === undefined) {
      this.add(0, found);
      return;
    }
    for (let k = 0; k < column.present.length; k++) {
      const kind = column.present[k]!;
      if (kind !== ABSENT) this.add(k, kind === HISTOGRAM ? column.histogram(k).sampleCount : 1);
    }
  }

  /** Counts the samples in windows; `found` is how many there are in all. */
  addWindows(samples: SampleBuffer, { lo, hi }: Windows, found: number): void {
    const { histograms } = samples;
    if (this.#counts.steps === undefined && histograms === undefined) {
      this.add(0, found);
      return;
    }
    for (let k = 0; k < lo.length; k++) {
      let count = hi[k]! - lo[k]!;
      for (let i = lo[k]!; histograms !== undefined && i < hi[k]!; i++) {
        count += (histograms[i]?.sampleCount ?? 1) - 1;
      }
      this.add(k, count);
    }
  }

  /** Counts samples at a step. */
  add(step: number, count: number): void {
    this.#counts.total += count * this.#repeats;
    const { steps } = this.#counts;
    if (steps === undefined) return;
    if (this.#repeats > 1) for (let k = 0; k < this.#repeats; k++) steps[k]! += count;
    else steps[this.#isFolded ? 0 : step]! += count;
  }
}
