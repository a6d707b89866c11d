import type { Clock } from '../../core/clock.ts';
import { QueryError, canceledError } from '../query-engine.ts';

/** What part of a query was going on, for the texts of timeouts and cancellations. */
const EVALUATION = 'expression evaluation';

/** Work units between two looks at the clock; a unit is about one sample visited. */
const UNITS_PER_LOOK = 20_000;

/** Limits of one evaluation. */
export interface ControlOptions {
  readonly clock: Clock;
  /** On the clock's monotonic scale. */
  readonly deadlineMs: number;
  readonly signal: AbortSignal | undefined;
  readonly maxSamples: number;
  /** Longest stretch without giving other work a turn; Infinity in a thread of its own. */
  readonly sliceMs: number;
  /** Work units between two looks at the clock, for tests that want every possible pause. */
  readonly unitsPerLook?: number;
}

/**
 * Watches one evaluation: its time, its being wanted, its samples in memory, and when it should give way. Operators
 * call {@link tick} as they work and {@link hold} / {@link release} for samples they keep.
 */
export class QueryControl {
  readonly #options: ControlOptions;
  readonly #unitsPerLook: number;
  #units = 0;
  /** Nothing was done yet since the last pause: it must not follow another at once. */
  #resumed = false;
  #due = false;
  #sliceEndMs: number;
  #held = 0;
  #peak = 0;
  /** Samples read from storage. */
  samplesRead = 0;
  /** Series read from storage. */
  seriesRead = 0;

  constructor(options: ControlOptions) {
    this.#options = options;
    this.#unitsPerLook = options.unitsPerLook ?? UNITS_PER_LOOK;
    this.#sliceEndMs = options.clock.monotonicMs() + options.sliceMs;
  }

  /** Most samples that were in memory at once. */
  get peakSamples(): number {
    return this.#peak;
  }

  /**
   * Accounts for work done; true asks the caller to pause (see {@link Status}). Throws QueryError of kind `canceled`
   * or `timeout`.
   */
  tick(units: number): boolean {
    // Who asks at a place where it can't pause leaves it to the next.
    if (this.#due) return true;
    this.#units += units;
    if (this.#units < this.#unitsPerLook) return false;
    this.#units = 0;
    this.check();
    if (!this.#resumed) this.#due = this.#options.clock.monotonicMs() >= this.#sliceEndMs;
    this.#resumed = false;
    return this.#due;
  }

  /** Throws when the query is no longer wanted or has run out of time. */
  check(stage: string = EVALUATION): void {
    const { signal, clock, deadlineMs } = this.#options;
    if (signal?.aborted === true) throw canceledError(signal, stage);
    if (clock.monotonicMs() >= deadlineMs) throw new QueryError('timeout', `query timed out in ${stage}`);
  }

  /** Called after a pause: other work had its turn. */
  resume(): void {
    this.check();
    this.#resumed = true;
    this.#due = false;
    this.#sliceEndMs = this.#options.clock.monotonicMs() + this.#options.sliceMs;
  }

  /** Accounts for samples kept in memory. Throws QueryError when there are more than allowed. */
  hold(samples: number): void {
    this.#held += samples;
    if (this.#held > this.#peak) this.#peak = this.#held;
    if (this.#held > this.#options.maxSamples) {
      throw new QueryError(
        'execution',
        'query processing would load too many samples into memory in query execution',
      );
    }
  }

  /** Takes back what {@link hold} counted. */
  release(samples: number): void {
    this.#held -= samples;
  }
}
