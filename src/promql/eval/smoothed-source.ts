import type { Labels } from '../../core/labels.ts';
import { CounterResetHint, type FloatHistogram } from '../../core/histogram/float-histogram.ts';
import { interpolatedHistogram } from '../functions/extended-histogram-rate.ts';
import { interpolated } from '../functions/extended-rate.ts';
import { RangeNotes } from '../functions/range-notes.ts';
import type { SampleBuffer } from '../../storage/index.ts';
import type { Position } from '../parser/ast.ts';
import { Column, FLOAT, hasAny, type StepGrid } from './column.ts';
import { SelectionFeed } from './sample-feed.ts';
import type { SelectionReader } from './selection.ts';
import type { LookAt } from './selector-source.ts';
import { type EvalContext, type SeriesSource, Status } from './source.ts';
import { findWindows, makeWindows } from './windows.ts';
import type { Windows } from '../functions/range-kernel.ts';

/** An instant selector with `smoothed`, what {@link SmoothedSource} needs of it. */
export interface SmoothedSelector {
  readonly at: LookAt;
  /** Where annotations point. */
  readonly position: Position;
}

/**
 * The series of an instant selector under `smoothed`: at each step the value between the samples around its time, each
 * less than the lookback delta away. Where none follows, the last value stays.
 *
 * @see prometheus promql/engine.go smoothSeries
 */
export class SmoothedSource implements SeriesSource {
  readonly column: Column;
  readonly dropName = false;
  readonly #feed: SelectionFeed;
  readonly #context: EvalContext;
  readonly #windows: Windows;
  readonly #notes: RangeNotes;

  constructor(
    reader: SelectionReader,
    context: EvalContext,
    grid: StepGrid,
    { at, position }: SmoothedSelector,
  ) {
    const { lookbackMs } = context;
    const maxMs = at.firstMs + (grid.count - 1) * at.everyMs + lookbackMs;
    this.column = new Column(grid.count);
    this.#context = context;
    this.#feed = new SelectionFeed(reader, context, at.firstMs - lookbackMs + 1, maxMs);
    this.#notes = new RangeNotes(context.annotations, position, () => this.#feed.labels().metricName);
    this.#windows = makeWindows({
      grid,
      at,
      rangeMs: lookbackMs,
      beforeMs: 0,
      afterMs: lookbackMs,
      scalars: [],
    });
  }

  labels(): Labels {
    return this.#feed.labels();
  }

  next(): Status {
    for (;;) {
      const status = this.#feed.next();
      if (status !== Status.series) return status;
      const { samples } = this.#feed;
      findWindows(samples, this.#windows);
      this.column.clear();
      const steps = this.column.values.length;
      for (let k = 0; k < steps; k++) this.#step(samples, k);
      this.#context.control.tick(steps);
      if (hasAny(this.column.present)) return Status.series;
    }
  }

  #step(samples: SampleBuffer, step: number): void {
    const { lo, hi, firstEndMs, endStepMs } = this.#windows;
    const { timestamps, values, histograms } = samples;
    const from = lo[step]!;
    const to = hi[step]!;
    if (from === to) return;
    const tMs = firstEndMs + step * endStepMs;
    const isHistogram = histograms !== undefined && histograms[from] !== undefined;
    if (histograms !== undefined && isMixed(histograms, from, to)) {
      this.#notes.mixedFloatsHistograms();
      return;
    }
    let next = from;
    while (next < to && timestamps[next]! < tMs) next++;
    if (isHistogram) {
      const result = this.#histogram(samples, histograms, next, from, to, tMs);
      if (result !== undefined) this.column.setHistogram(step, result);
      return;
    }
    let value: number;
    if (next < to && timestamps[next] === tMs) value = values[next]!;
    else if (next === from) return;
    else value = next < to ? interpolated(samples, next - 1, tMs, false) : values[next - 1]!;
    this.column.values[step] = value;
    this.column.present[step] = FLOAT;
  }

  #histogram(
    { timestamps }: SampleBuffer,
    histograms: readonly (FloatHistogram | undefined)[],
    next: number,
    from: number,
    to: number,
    tMs: number,
  ): FloatHistogram | undefined {
    if (next < to && timestamps[next] === tMs) return histograms[next];
    if (next === from) return undefined;
    const before = histograms[next - 1]!;
    const { gauge, unknown } = CounterResetHint;
    // What the sample said of its predecessor isn't true of this copy of it.
    if (next === to) return before.with({ counterResetHint: unknown });
    const after = histograms[next]!;
    const isCounter = before.counterResetHint !== gauge || after.counterResetHint !== gauge;
    if (before.usesCustomBuckets !== after.usesCustomBuckets) {
      this.#notes.mixedExponentialCustom();
      return undefined;
    }
    return interpolatedHistogram(
      { tMs: timestamps[next - 1]!, histogram: before },
      { tMs: timestamps[next]!, histogram: after },
      tMs,
      isCounter,
      this.#notes,
    );
  }
}

function isMixed(histograms: readonly (FloatHistogram | undefined)[], from: number, to: number): boolean {
  const isHistogram = histograms[from] !== undefined;
  for (let i = from + 1; i < to; i++) if ((histograms[i] !== undefined) !== isHistogram) return true;
  return false;
}
