import type { Labels } from '../../core/labels.ts';
import type { Annotations } from '../annotations.ts';
import type { OwnFunctions } from '../functions/own-function.ts';
import { Column, ColumnShelf, type StepGrid } from './column.ts';
import type { QueryControl } from './control.ts';

/** What {@link SeriesSource.next} answers. */
export const Status = {
  /** There is no further series. */
  end: 0,
  /** The source stands on a series. */
  series: 1,
  /**
   * Nothing yet: other work should get a turn, then `next` is to be called again. Every operator passes it on and
   * keeps its state, so that only the one who drives the evaluation ever waits.
   */
  pause: 2,
} as const;
export type Status = (typeof Status)[keyof typeof Status];

/**
 * A stream of series, each over all steps of a grid. After `next()` answered `series`, `labels()`, `column` and
 * `dropName` speak of that series until the next call; whoever keeps a column clones it.
 *
 * Two series of a stream may have equal labels when they have no step in common (they came from two metrics whose
 * names were dropped); whoever needs whole series merges them.
 */
export interface SeriesSource {
  readonly column: Column;
  /** With delayed name removal: the metric name is to be taken away at the end. */
  readonly dropName: boolean;
  labels(): Labels;
  next(): Status;
}

/** What every operator of one evaluation shares. */
export interface EvalContext {
  readonly control: QueryControl;
  readonly annotations: Annotations;
  readonly lookbackMs: number;
  /** The feature `promql-delayed-name-removal`. */
  readonly delayedNameRemoval: boolean;
  /** The feature `type-and-unit-labels`: what a counter is says its `__type__`. */
  readonly typeAndUnitLabels: boolean;
  /** The feature `use-start-timestamps`. */
  readonly useStartTimestamps: boolean;
  /** Functions that Prometheus doesn't have; none when absent. */
  readonly ownFunctions?: OwnFunctions | undefined;
}

/** A series that was kept. */
export interface KeptSeries {
  readonly labels: Labels;
  readonly column: Column;
  readonly dropName: boolean;
}

/** A stream of nothing. */
export class EmptySource implements SeriesSource {
  readonly column = new Column(0);
  readonly dropName = false;

  labels(): Labels {
    throw new Error('bug in tocsin: an empty source has no series');
  }

  next(): Status {
    return Status.end;
  }
}

/**
 * Draws everything from a source and keeps it. Call {@link run} until it doesn't answer `pause`; the samples are held
 * in the control's account.
 */
export class Collector {
  readonly series: KeptSeries[] = [];
  readonly #source: SeriesSource;
  readonly #context: EvalContext;
  #shelf: ColumnShelf | undefined;
  #done = false;

  constructor(source: SeriesSource, context: EvalContext) {
    this.#source = source;
    this.#context = context;
  }

  /** True when everything is there; false asks for a pause. */
  run(): boolean {
    while (!this.#done) {
      const status = this.#source.next();
      if (status === Status.pause) return false;
      if (status === Status.end) {
        this.#done = true;
        break;
      }
      this.#shelf ??= new ColumnShelf(this.#source.column.values.length);
      const column = this.#shelf.clone(this.#source.column);
      this.#context.control.hold(column.sampleCount);
      this.series.push({ labels: this.#source.labels(), column, dropName: this.#source.dropName });
    }
    return true;
  }
}

/**
 * The values of a scalar expression at all steps. Its source gives one series that is present everywhere (or, for an
 * empty grid, none).
 */
export class ScalarValues {
  readonly values: Float64Array;
  readonly #source: SeriesSource;
  #done = false;

  constructor(source: SeriesSource, grid: StepGrid) {
    this.#source = source;
    this.values = new Float64Array(grid.count);
  }

  /** True when {@link values} is there; false asks for a pause. */
  run(): boolean {
    while (!this.#done) {
      const status = this.#source.next();
      if (status === Status.pause) return false;
      if (status === Status.series) this.values.set(this.#source.column.values);
      else this.#done = true;
    }
    return true;
  }
}

/** {@link ScalarValues.run} of several; true when all are there. */
export function runScalars(scalars: readonly ScalarValues[]): boolean {
  for (const scalar of scalars) if (!scalar.run()) return false;
  return true;
}
