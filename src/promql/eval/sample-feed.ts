import { CounterResetHint, type FloatHistogram } from '../../core/histogram/float-histogram.ts';
import type { Labels } from '../../core/labels.ts';
import { SampleBuffer } from '../../storage/index.ts';
import { ABSENT, HISTOGRAM, stepTime, type StepGrid } from './column.ts';
import { heldSamples, type SelectionReader } from './selection.ts';
import { removeStale } from './stale-samples.ts';
import { type EvalContext, type SeriesSource, Status } from './source.ts';

/** Series as samples, for functions of ranges; `samples` are without stale markers and valid until `next()`. */
export interface SampleFeed {
  readonly samples: SampleBuffer;
  readonly dropName: boolean;
  labels(): Labels;
  next(): Status;
}

/** The series of a range selector. */
export class SelectionFeed implements SampleFeed {
  readonly samples = new SampleBuffer();
  readonly dropName = false;
  readonly #reader: SelectionReader;
  readonly #context: EvalContext;
  readonly #minMs: number;
  readonly #maxMs: number;
  #held = 0;

  constructor(reader: SelectionReader, context: EvalContext, minMs: number, maxMs: number) {
    this.#reader = reader;
    this.#context = context;
    this.#minMs = minMs;
    this.#maxMs = maxMs;
  }

  labels(): Labels {
    return this.#reader.labels();
  }

  next(): Status {
    const { control } = this.#context;
    control.release(this.#held);
    this.#held = 0;
    this.samples.clear();
    for (;;) {
      if (control.tick(10)) return Status.pause;
      if (!this.#reader.next()) return Status.end;
      this.#reader.read(this.#minMs, this.#maxMs, this.samples);
      removeStale(this.samples);
      if (this.samples.length === 0) continue;
      this.#held = heldSamples(this.samples);
      control.hold(this.#held);
      return Status.series;
    }
  }
}

/**
 * The steps of a subquery may leave out the sample at which a counter was reset, or show it several times: so what it
 * says of its predecessor isn't true of them.
 *
 * @see prometheus promql/engine.go evalSubquery
 */
function withoutResetHint(histogram: FloatHistogram): FloatHistogram {
  const { gauge, unknown } = CounterResetHint;
  const hint = histogram.counterResetHint;
  return hint === gauge || hint === unknown ? histogram : histogram.with({ counterResetHint: unknown });
}

/** The series that a subquery's expression gives, its steps as samples. */
export class SubqueryFeed implements SampleFeed {
  readonly samples: SampleBuffer;
  readonly #source: SeriesSource;
  readonly #grid: StepGrid;

  constructor(source: SeriesSource, grid: StepGrid) {
    this.#source = source;
    this.#grid = grid;
    this.samples = new SampleBuffer(Math.max(1, grid.count));
  }

  get dropName(): boolean {
    return this.#source.dropName;
  }

  labels(): Labels {
    return this.#source.labels();
  }

  next(): Status {
    const status = this.#source.next();
    if (status !== Status.series) return status;
    const { values, present, histograms } = this.#source.column;
    this.samples.clear();
    const { timestamps, values: into } = this.samples;
    let length = 0;
    for (let k = 0; k < values.length; k++) {
      if (present[k] === ABSENT) continue;
      timestamps[length] = stepTime(this.#grid, k);
      if (present[k] === HISTOGRAM) this.samples.setHistogram(length, withoutResetHint(histograms![k]!));
      else into[length] = values[k]!;
      length++;
    }
    this.samples.length = length;
    return Status.series;
  }
}
