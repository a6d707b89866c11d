import type { Labels } from '../../core/labels.ts';
import { SampleBuffer } from '../../storage/index.ts';
import type { SelectionReader } from './selection.ts';
import { Column, FLOAT, type StepGrid } from './column.ts';
import { rawStale } from './stale-samples.ts';
import { type EvalContext, type SeriesSource, Status } from './source.ts';

/** Where a selector looks: for step k at `firstMs + k * everyMs`; `everyMs` is 0 under the @ modifier. */
export interface LookAt {
  readonly firstMs: number;
  readonly everyMs: number;
}

/**
 * Writes for each step the newest sample at or before its time and less than `lookbackMs` old; a stale marker ends the
 * series. `asTime` writes the sample's time in seconds in place of its value. Returns how many steps have a value.
 *
 * O(samples + steps).
 */
function lookUp(samples: SampleBuffer, at: LookAt, lookbackMs: number, asTime: boolean, out: Column): number {
  const { timestamps, values, length } = samples;
  const { values: outValues, present } = out;
  const steps = outValues.length;
  let found = 0;
  let next = 0;
  for (let k = 0; k < steps; k++) {
    const referenceMs = at.firstMs + k * at.everyMs;
    while (next < length && timestamps[next]! <= referenceMs) next++;
    const last = next - 1;
    if (last < 0 || timestamps[last]! <= referenceMs - lookbackMs || rawStale(samples, last)) {
      present[k] = 0;
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
  readonly #asTime: boolean;
  readonly #samples = new SampleBuffer();

  /** `asTime` gives the samples' times in seconds: `timestamp(selector)`. */
  constructor(reader: SelectionReader, context: EvalContext, grid: StepGrid, at: LookAt, asTime: boolean) {
    this.column = new Column(grid.count);
    this.#reader = reader;
    this.#context = context;
    this.#at = at;
    this.#minMs = at.firstMs - context.lookbackMs + 1;
    this.#maxMs = at.firstMs + (grid.count - 1) * at.everyMs;
    this.#asTime = asTime;
  }

  labels(): Labels {
    return this.#reader.labels();
  }

  next(): Status {
    const { control, lookbackMs } = this.#context;
    for (;;) {
      if (control.tick(this.#samples.length + this.column.values.length + 10)) return Status.pause;
      if (!this.#reader.next()) return Status.end;
      this.#reader.read(this.#minMs, this.#maxMs, this.#samples);
      if (this.#samples.length === 0) continue;
      control.hold(this.#samples.length);
      const found = lookUp(this.#samples, this.#at, lookbackMs, this.#asTime, this.column);
      control.release(this.#samples.length);
      if (found > 0) return Status.series;
    }
  }
}
