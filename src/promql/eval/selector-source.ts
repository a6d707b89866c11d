import type { Labels } from '../../core/labels.ts';
import { SampleBuffer, isStale } from '../../storage/index.ts';
import { heldSamples, type SelectionReader } from './selection.ts';
import { ABSENT, Column, FLOAT, type StepGrid } from './column.ts';

import { type EvalContext, type SeriesSource, Status } from './source.ts';
import type { StepTally } from './step-tally.ts';

/** Where a selector looks: for step k at `firstMs + k * everyMs`; `everyMs` is 0 under the @ modifier. */
export interface LookAt {
  readonly firstMs: number;
  readonly everyMs: number;
}

/** What is shown of the samples that a selector finds; times are in seconds. */
export type Shown = 'value' | 'time' | 'startTime';

/** Index of the newest sample at or before each step's time and less than `lookbackMs` old, -1 where there is none. */
function newest(samples: SampleBuffer, at: LookAt, lookbackMs: number, found: Int32Array): void {
  const { timestamps, length } = samples;
  let next = 0;
  for (let k = 0; k < found.length; k++) {
    const referenceMs = at.firstMs + k * at.everyMs;
    while (next < length && timestamps[next]! <= referenceMs) next++;
    const last = next - 1;
    const gone = last < 0 || timestamps[last]! <= referenceMs - lookbackMs || isStale(samples.values[last]!);
    found[k] = gone ? -1 : last;
  }
}

/** {@link lookUp} for what isn't a plain value. */
function lookUpRich(
  samples: SampleBuffer,
  at: LookAt,
  lookbackMs: number,
  shown: Shown,
  out: Column,
): number {
  const indexes = new Int32Array(out.values.length);
  newest(samples, at, lookbackMs, indexes);
  const { values, histograms, starts } = samples;
  out.clear();
  let found = 0;
  for (let k = 0; k < indexes.length; k++) {
    const index = indexes[k]!;
    if (index < 0) continue;
    found++;
    const histogram = shown === 'value' ? histograms?.[index] : undefined;
    if (histogram !== undefined) {
      out.setHistogram(k, histogram);
      continue;
    }
    if (shown === 'value') out.values[k] = values[index]!;
    else out.values[k] = (starts?.[index] ?? 0) / 1000;
    out.present[k] = FLOAT;
  }
  return found;
}

/**
 * Writes for each step the newest sample at or before its time and less than `lookbackMs` old; a stale marker ends the
 * series. Returns how many steps have a value.
 *
 * O(samples + steps).
 */
function lookUp(samples: SampleBuffer, at: LookAt, lookbackMs: number, shown: Shown, out: Column): number {
  if (shown === 'startTime' || (shown === 'value' && samples.histograms !== undefined)) {
    return lookUpRich(samples, at, lookbackMs, shown, out);
  }
  const asTime = shown === 'time';
  out.histograms = undefined;
  const { timestamps, values, length } = samples;
  const { values: outValues, present } = out;
  const steps = outValues.length;
  let found = 0;
  let next = 0;
  for (let k = 0; k < steps; k++) {
    const referenceMs = at.firstMs + k * at.everyMs;
    while (next < length && timestamps[next]! <= referenceMs) next++;
    const last = next - 1;
    if (last < 0 || timestamps[last]! <= referenceMs - lookbackMs || isStale(values[last]!)) {
      present[k] = ABSENT;
      continue;
    }
    outValues[k] = asTime ? timestamps[last]! / 1000 : values[last]!;
    present[k] = FLOAT;
    found++;
  }
  return found;
}

/** The series of an instant selector. */
export class SelectorSource implements SeriesSource {
  readonly column: Column;
  readonly dropName = false;
  readonly #reader: SelectionReader;
  readonly #context: EvalContext;
  readonly #at: LookAt;
  readonly #minMs: number;
  readonly #maxMs: number;
  readonly #shown: Shown;
  readonly #tally: StepTally | undefined;
  readonly #samples = new SampleBuffer();

  /** `tally` counts what is found. */
  constructor(
    reader: SelectionReader,
    context: EvalContext,
    grid: StepGrid,
    { at, shown }: { readonly at: LookAt; readonly shown: Shown },
    tally: StepTally | undefined,
  ) {
    this.#tally = tally;
    this.column = new Column(grid.count);
    this.#reader = reader;
    this.#context = context;
    this.#at = at;
    this.#minMs = at.firstMs - context.lookbackMs + 1;
    this.#maxMs = at.firstMs + (grid.count - 1) * at.everyMs;
    this.#shown = shown;
  }

  labels(): Labels {
    return this.#reader.labels();
  }

  next(): Status {
    const { control, lookbackMs, useStartTimestamps } = this.#context;
    if (this.#shown === 'startTime' && useStartTimestamps !== true) return Status.end;
    for (;;) {
      if (control.tick(this.#samples.length + this.column.values.length + 10)) return Status.pause;
      if (!this.#reader.next()) return Status.end;
      if (this.column.values.length === 1) this.#reader.readNewest(this.#minMs, this.#maxMs, this.#samples);
      else this.#reader.read(this.#minMs, this.#maxMs, this.#samples);
      if (this.#samples.length === 0) continue;
      const held = heldSamples(this.#samples);
      control.hold(held);
      const found = lookUp(this.#samples, this.#at, lookbackMs, this.#shown, this.column);
      control.release(held);
      if (found === 0) continue;
      this.#tally?.addColumn(this.column, found);
      return Status.series;
    }
  }
}
