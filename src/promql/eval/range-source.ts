import type { Labels } from '../../core/labels.ts';
import type { RangeFunction, Windows } from '../functions/range-kernel.ts';
import type { RangeNotes } from '../functions/range-notes.ts';
import { Column, hasAny, type StepGrid } from './column.ts';
import type { NameDropper } from './metric-name.ts';
import type { SampleFeed } from './sample-feed.ts';
import type { LookAt } from './selector-source.ts';
import { type EvalContext, runScalars, type ScalarValues, type SeriesSource, Status } from './source.ts';
import type { StepTally } from './step-tally.ts';
import { findWindows, makeWindows, RichView } from './windows.ts';

/** Samples that a kernel visits in one stretch; longer work is cut by steps so that it can pause. */
const UNITS_PER_STRETCH = 100_000;

/** What a range function is applied to and how. */
export interface RangeCall {
  readonly feed: SampleFeed;
  readonly grid: StepGrid;
  readonly at: LookAt;
  readonly rangeMs: number;
  /** How much earlier and later than the range windows begin and end. */
  readonly beforeMs: number;
  readonly afterMs: number;
  readonly func: RangeFunction;
  readonly notes: RangeNotes;
  readonly scalars: readonly ScalarValues[];
  /** Absent for the functions that keep the name (`last_over_time`, `first_over_time`). */
  readonly dropper: NameDropper | undefined;
  /** Told of every series that has a result, for annotations. */
  readonly onSeries: ((input: SampleFeed, floats: Windows, result: Column) => void) | undefined;
  /** Whether the samples come from storage, not from a subquery. */
  readonly isRead: boolean;
  /** Counts what the windows hold. */
  readonly tally: StepTally | undefined;
}

/** A function of ranges, series by series. */
export class RangeSource implements SeriesSource {
  readonly column: Column;
  dropName = false;
  readonly #call: RangeCall;
  readonly #context: EvalContext;
  readonly #windows: Windows;
  readonly #wantsStarts: boolean;
  /** The parts of the series at hand, when it has more than floats. */
  #rich: RichView | undefined;
  #view: RichView | undefined;
  #labels: Labels | undefined;
  /** Next step of the series at hand; the number of steps when it is done with. */
  #step: number;
  #stretch = 0;
  #unitsPerStep = 0;

  constructor(call: RangeCall, context: EvalContext) {
    this.column = new Column(call.grid.count);
    this.#call = call;
    this.#context = context;
    this.#windows = makeWindows({ ...call, scalars: call.scalars.map((scalar) => scalar.values) });
    this.#wantsStarts = context.useStartTimestamps === true && call.func.wantsStarts;
    this.#step = call.grid.count;
  }

  labels(): Labels {
    this.#labels ??= this.#outputLabels();
    return this.#labels;
  }

  next(): Status {
    if (!runScalars(this.#call.scalars)) return Status.pause;
    for (;;) {
      if (this.#step === this.column.values.length) {
        const status = this.#begin();
        if (status !== Status.series) return status;
      }
      if (!this.#compute()) return Status.pause;
      if (!hasAny(this.column.present)) continue;
      const { feed, dropper, onSeries } = this.#call;
      this.dropName = feed.dropName || dropper !== undefined;
      // Collisions must show even when nobody asks for labels.
      if (dropper?.needsLabels === true) this.#labels = this.#outputLabels();
      onSeries?.(feed, this.#rich?.floats ?? this.#windows, this.column);
      return Status.series;
    }
  }

  #outputLabels(): Labels {
    const labels = this.#call.feed.labels();
    return this.#call.dropper === undefined ? labels : this.#call.dropper.drop(labels, this.column);
  }

  #begin(): Status {
    const status = this.#call.feed.next();
    if (status !== Status.series) return status;
    this.#labels = undefined;
    this.column.clear();
    const { samples } = this.#call.feed;
    const units = findWindows(samples, this.#windows);
    this.#call.tally?.addWindows(samples, this.#windows, units, this.#call.isRead);
    this.#windows.starts = this.#wantsStarts ? samples.starts : undefined;
    this.#rich = undefined;
    if (samples.histograms !== undefined || this.#windows.starts !== undefined) {
      this.#view ??= new RichView(this.#windows, this.#call.notes);
      this.#view.fill(samples);
      this.#rich = this.#view;
    }
    const steps = this.column.values.length;
    this.#stretch =
      units <= UNITS_PER_STRETCH ? steps : Math.max(1, Math.floor((steps * UNITS_PER_STRETCH) / units));
    this.#unitsPerStep = steps === 0 ? 0 : 1 + units / steps;
    this.#step = 0;
    return Status.series;
  }

  /** Runs the kernel over the remaining steps; false asks for a pause. */
  #compute(): boolean {
    const steps = this.column.values.length;
    const { floats, rich } = this.#call.func;
    while (this.#step < steps) {
      const to = Math.min(steps, this.#step + this.#stretch);
      if (this.#rich === undefined) floats(this.#windows, this.column, this.#step, to);
      else rich(this.#rich, this.column, this.#step, to);
      const pause = this.#context.control.tick((to - this.#step) * this.#unitsPerStep);
      this.#step = to;
      if (pause && to < steps) return false;
    }
    return true;
  }
}
