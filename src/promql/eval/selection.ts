import type { Labels } from '../../core/labels.ts';
import { SampleBuffer, type SeriesCursor } from '../../storage/index.ts';
import type { QueryControl } from './control.ts';
import { KeptSamples } from './kept-samples.ts';

/**
 * Walks a selection's series once. `read` gives the raw samples of the present series, stale markers included.
 */
export interface SelectionReader {
  next(): boolean;
  labels(): Labels;
  read(minMs: number, maxMs: number, into: SampleBuffer): void;
  /** As {@link read}, where samples but the newest may be left out. */
  readNewest(minMs: number, maxMs: number, into: SampleBuffer): void;
}

/** A selection that one operator reads: straight from the storage, sample by sample into its buffer. */
class DirectReader implements SelectionReader {
  readonly #cursor: SeriesCursor;
  readonly #control: QueryControl;
  #labels: Labels | undefined;

  constructor(cursor: SeriesCursor, control: QueryControl) {
    this.#cursor = cursor;
    this.#control = control;
  }

  next(): boolean {
    if (!this.#cursor.next()) return false;
    this.#labels = undefined;
    this.#control.seriesRead++;
    return true;
  }

  labels(): Labels {
    this.#labels ??= this.#cursor.labels();
    return this.#labels;
  }

  read(minMs: number, maxMs: number, into: SampleBuffer): void {
    this.#control.samplesRead += this.#cursor.read(minMs, maxMs, into);
  }

  readNewest(minMs: number, maxMs: number, into: SampleBuffer): void {
    const cursor = this.#cursor;
    this.#control.samplesRead += cursor.readNewest?.(minMs, maxMs, into) ?? cursor.read(minMs, maxMs, into);
  }
}

interface SharedSeries {
  readonly labels: Labels;
  readonly samples: KeptSamples;
}

/** Series of a selection that several operators read; each is taken from the storage once, when first wanted. */
class SharedSelection {
  readonly #cursor: SeriesCursor;
  readonly #control: QueryControl;
  readonly #minMs: number;
  readonly #maxMs: number;
  readonly #series: SharedSeries[] = [];
  readonly #buffer = new SampleBuffer();

  constructor(cursor: SeriesCursor, control: QueryControl, minMs: number, maxMs: number) {
    this.#cursor = cursor;
    this.#control = control;
    this.#minMs = minMs;
    this.#maxMs = maxMs;
  }

  at(index: number): SharedSeries | undefined {
    while (this.#series.length <= index) {
      if (!this.#cursor.next()) return undefined;
      const count = this.#cursor.read(this.#minMs, this.#maxMs, this.#buffer);
      this.#control.seriesRead++;
      this.#control.samplesRead += count;
      this.#control.hold(heldSamples(this.#buffer));
      this.#series.push({ labels: this.#cursor.labels(), samples: new KeptSamples(this.#buffer) });
    }
    return this.#series[index];
  }
}

class SharedReader implements SelectionReader {
  readonly #selection: SharedSelection;
  #index = -1;
  #present: SharedSeries | undefined;

  constructor(selection: SharedSelection) {
    this.#selection = selection;
  }

  next(): boolean {
    this.#present = this.#selection.at(++this.#index);
    return this.#present !== undefined;
  }

  labels(): Labels {
    return this.#present!.labels;
  }

  read(minMs: number, maxMs: number, into: SampleBuffer): void {
    this.#present!.samples.read(minMs, maxMs, into);
  }

  readNewest(minMs: number, maxMs: number, into: SampleBuffer): void {
    this.read(minMs, maxMs, into);
  }
}

/**
 * As how many samples a buffer counts when those in memory are limited: a native histogram is as many as its size.
 *
 * @see prometheus promql/engine.go (matrixIterSlice)
 */
export function heldSamples({ length, histograms }: SampleBuffer): number {
  if (histograms === undefined) return length;
  let held = length;
  for (let i = 0; i < length; i++) {
    const histogram = histograms[i];
    if (histogram !== undefined) held += histogram.sampleCount - 1;
  }
  return held;
}

/** A selection with its cursor, and how many operators will read it. */
export interface OpenSelection {
  readonly cursor: SeriesCursor;
  readonly minMs: number;
  readonly maxMs: number;
  readonly uses: number;
}

/** Hands readers of the open selections to operators; each operator takes one. */
export class SelectionReaders {
  readonly #open: readonly OpenSelection[];
  readonly #control: QueryControl;
  readonly #shared = new Map<number, SharedSelection>();

  constructor(open: readonly OpenSelection[], control: QueryControl) {
    this.#open = open;
    this.#control = control;
  }

  reader(index: number): SelectionReader {
    const { cursor, minMs, maxMs, uses } = this.#open[index]!;
    if (uses === 1) return new DirectReader(cursor, this.#control);
    let shared = this.#shared.get(index);
    if (shared === undefined) {
      shared = new SharedSelection(cursor, this.#control, minMs, maxMs);
      this.#shared.set(index, shared);
    }
    return new SharedReader(shared);
  }
}
