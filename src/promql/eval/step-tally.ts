import type { SampleBuffer } from '../../storage/index.ts';
import type { Windows } from '../functions/range-kernel.ts';
import { type Column, ABSENT, HISTOGRAM, type StepGrid, stepTime } from './column.ts';

/** Samples, in all and at each step of the query when that is wanted. */
interface Counts {
  total: number;
  readonly steps: Float64Array | undefined;
}

/** At which step of the query each step's reading counts, -1 at none; a number is the one for all steps. */
type ReadingStep = number | Int32Array;

/** How what is counted at a step counts for the query. */
interface Account {
  /** Undefined in subqueries: of those only the result is looked at. */
  readonly looked: Counts | undefined;
  readonly read: Counts;
  /** How often each sample that is looked at counts: at so many steps from the first on; 1 at the step named. */
  readonly repeats: number;
  /** Whether all steps are the query's only one. */
  readonly isFolded: boolean;
  /** Undefined where steps are the query's own. */
  readonly readingStep: ReadingStep | undefined;
}

/**
 * Counts samples as Prometheus' statistics have them. Looked at is a sample at every step that does; what a subquery
 * reads for itself is not looked at, only its result. Read is a sample once: by the first of the windows that hold it,
 * and when many steps share an evaluation, by the first of them. What a subquery reads is read by the first step whose
 * window it is in.
 *
 * @see prometheus util/stats/query_stats.go QuerySamples
 */
export class StepTally {
  readonly #account: Account;

  private constructor(account: Account) {
    this.#account = account;
  }

  /** Counts for a query of `stepCount` steps, step by step if `perStep`. */
  static create(stepCount: number, perStep: boolean): StepTally {
    const counts = (): Counts => ({ total: 0, steps: perStep ? new Float64Array(stepCount) : undefined });
    return new StepTally({
      looked: counts(),
      read: counts(),
      repeats: 1,
      isFolded: false,
      readingStep: undefined,
    });
  }

  /** Samples that the steps looked at. */
  get total(): number {
    return this.#account.looked?.total ?? 0;
  }

  /** {@link total} at each step. */
  get steps(): Float64Array | undefined {
    return this.#account.looked?.steps;
  }

  /** Samples that were read. */
  get totalRead(): number {
    return this.#account.read.total;
  }

  /** {@link totalRead} at each step. */
  get stepsRead(): Float64Array | undefined {
    return this.#account.read.steps;
  }

  /** For what is evaluated at one step and looked at by all `stepCount` steps. */
  repeated(stepCount: number): StepTally {
    const { isFolded, repeats } = this.#account;
    return new StepTally({
      ...this.#account,
      repeats: isFolded ? repeats : Math.max(1, stepCount),
      readingStep: this.#readingStep(0),
    });
  }

  /** For what the only step of the query looks at, whatever steps it has of its own. */
  folded(): StepTally {
    return new StepTally({ ...this.#account, repeats: 1, isFolded: true, readingStep: this.#readingStep(0) });
  }

  /**
   * For a subquery with the steps `inner`, whose result a range function looks at in windows of `rangeMs` that end
   * `offsetMs` before each step of `outer`. A step of the subquery counts at the first step of `outer` that is not
   * before it; not at all when that one's window begins after it.
   */
  subquery(inner: StepGrid, outer: StepGrid, offsetMs: number, rangeMs: number): StepTally {
    const account = { ...this.#account, looked: undefined, repeats: 1, isFolded: false };
    if (outer.count <= 1) return new StepTally({ ...account, readingStep: this.#readingStep(0) });
    const readingStep = new Int32Array(inner.count);
    for (let step = 0; step < inner.count; step++) {
      const tMs = stepTime(inner, step) + offsetMs;
      const after = Math.ceil((tMs - outer.startMs) / outer.stepMs);
      const outerStep = Math.min(Math.max(0, after), outer.count - 1);
      readingStep[step] = tMs <= stepTime(outer, outerStep) - rangeMs ? -1 : this.#readingStep(outerStep);
    }
    return new StepTally({ ...account, readingStep });
  }

  /** Counts the values of a column; `found` is how many there are. */
  addColumn(column: Column, found: number): void {
    if (!this.#isByStep && column.histograms === undefined) {
      this.#look(0, found);
      this.#read(0, found);
      return;
    }
    for (let k = 0; k < column.present.length; k++) {
      const kind = column.present[k]!;
      if (kind === ABSENT) continue;
      const count = kind === HISTOGRAM ? column.histogram(k).sampleCount : 1;
      this.#look(k, count);
      this.#read(k, count);
    }
  }

  /**
   * Counts the samples in windows of one length that move on evenly; `found` is how many there are in all. They are not
   * `read` when they are a subquery's result.
   */
  addWindows(samples: SampleBuffer, { lo, hi }: Windows, found: number, read: boolean): void {
    const { histograms } = samples;
    if (!this.#isByStep && histograms === undefined) {
      this.#look(0, found);
      // Windows that overlap leave nothing out between the first and the last.
      if (read && lo.length > 0) this.#read(0, Math.min(found, hi.at(-1)! - lo[0]!));
      return;
    }
    let seen = 0;
    for (let k = 0; k < lo.length; k++) {
      this.#look(k, sizeOf(samples, lo[k]!, hi[k]!));
      if (read) this.#read(k, sizeOf(samples, Math.max(seen, lo[k]!), hi[k]!));
      seen = hi[k]!;
    }
  }

  /** Counts samples that a step both reads and looks at. */
  add(step: number, count: number): void {
    this.#look(step, count);
    this.#read(step, count);
  }

  /** Whether it matters at which step a sample counts. */
  get #isByStep(): boolean {
    const { read, readingStep } = this.#account;
    return read.steps !== undefined || typeof readingStep === 'object';
  }

  #readingStep(step: number): number {
    const { readingStep } = this.#account;
    if (readingStep === undefined) return step;
    return typeof readingStep === 'number' ? readingStep : readingStep[step]!;
  }

  #look(step: number, count: number): void {
    const { looked, repeats, isFolded } = this.#account;
    if (looked === undefined) return;
    looked.total += count * repeats;
    const { steps } = looked;
    if (steps === undefined) return;
    if (repeats > 1) for (let k = 0; k < repeats; k++) steps[k]! += count;
    else steps[isFolded ? 0 : step]! += count;
  }

  #read(step: number, count: number): void {
    const { read } = this.#account;
    const at = this.#readingStep(step);
    if (at < 0) return;
    read.total += count;
    if (read.steps !== undefined) read.steps[at]! += count;
  }
}

/** How many samples are in [from, to); a histogram counts as many as its size. */
function sizeOf({ histograms }: SampleBuffer, from: number, to: number): number {
  if (from >= to) return 0;
  let size = to - from;
  for (let i = from; histograms !== undefined && i < to; i++) size += (histograms[i]?.sampleCount ?? 1) - 1;
  return size;
}
