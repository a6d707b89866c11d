import { parseBucketBound } from '../functions/bucket-bound.ts';
import type { Labels } from '../../core/labels.ts';
import type { Position } from '../parser/ast.ts';
import { Column, ColumnShelf, FLOAT, HISTOGRAM, type StepGrid } from './column.ts';
import { mergeColumn } from './kept-source.ts';
import { type EvalContext, type SeriesSource, Status } from './source.ts';

const BUCKET_LABEL = 'le';

/** The series of one bucket of a classic histogram. */
export interface ClassicBucket {
  readonly bound: number;
  readonly column: Column;
}

/** One histogram: classic, native, or at some steps the one and at some the other. */
export interface HistogramAtHand {
  /** Without the `le` of buckets, with the name. */
  readonly labels: Labels;
  /** In order of their bounds. */
  readonly buckets: ClassicBucket[];
  native: Column | undefined;
}

/** Whether `labels` without `le` are those of the histogram. */
function isBucketOf({ flat }: Labels, { flat: histogram }: Labels): boolean {
  let at = 0;
  for (let i = 0; i < flat.length; i += 2) {
    if (flat[i] === BUCKET_LABEL) continue;
    if (flat[i] !== histogram[at] || flat[i + 1] !== histogram[at + 1]) return false;
    at += 2;
  }
  return at === histogram.length;
}

/**
 * Sorts a stream of series into histograms: floats are buckets by their `le`, native histograms stand for themselves.
 *
 * @see prometheus promql/engine.go resetHistograms
 */
export class HistogramSeries {
  /** Those met so far; complete when {@link run} was true. Native ones of their own come first, as in Prometheus. */
  histograms: readonly HistogramAtHand[] = [];
  readonly #input: SeriesSource;
  readonly #context: EvalContext;
  readonly #grid: StepGrid;
  readonly #position: Position;
  readonly #byKey = new Map<string, HistogramAtHand>();
  readonly #shelf: ColumnShelf;
  /** That of the last bucket: series come in order of their labels, so it is mostly the next one's too. */
  #last: HistogramAtHand | undefined;

  /** `position` is where notes about the input point. */
  constructor(input: SeriesSource, context: EvalContext, grid: StepGrid, position: Position) {
    this.#input = input;
    this.#context = context;
    this.#grid = grid;
    this.#shelf = new ColumnShelf(grid.count);
    this.#position = position;
  }

  /** Takes the input in; false asks for a pause. */
  run(): boolean {
    for (;;) {
      const status = this.#input.next();
      if (status === Status.pause) return false;
      if (status === Status.end) break;
      const { column } = this.#input;
      this.#context.control.hold(column.sampleCount);
      if (column.histograms === undefined) {
        this.#addBucket(column);
        continue;
      }
      this.#addNative(this.#only(column, HISTOGRAM));
      if (column.present.includes(FLOAT)) this.#addBucket(this.#only(column, FLOAT));
    }
    const all = [...this.#byKey.values()];
    for (const { buckets } of all) {
      buckets.sort((a, b) => (a.bound === b.bound ? 0 : a.bound < b.bound ? -1 : 1));
    }
    const isNative = ({ native }: HistogramAtHand): boolean => native !== undefined;
    this.histograms = [...all.filter(isNative), ...all.filter((histogram) => !isNative(histogram))];
    return true;
  }

  #only(column: Column, kind: number): Column {
    const some = new Column(this.#grid.count);
    for (let k = 0; k < some.present.length; k++) if (column.present[k] === kind) some.copyStep(column, k);
    return some;
  }

  #entry(labels: Labels): HistogramAtHand {
    let entry = this.#byKey.get(labels.key);
    if (entry === undefined) {
      entry = { labels, buckets: [], native: undefined };
      this.#byKey.set(labels.key, entry);
    }
    return entry;
  }

  #addBucket(column: Column): void {
    const labels = this.#input.labels();
    const le = labels.get(BUCKET_LABEL);
    const bound = parseBucketBound(le);
    if (bound === undefined) {
      const name = this.#context.delayedNameRemoval ? labels.metricName : '';
      this.#context.annotations.badBucketLabel(name, le, this.#position);
      return;
    }
    if (this.#last === undefined || !isBucketOf(labels, this.#last.labels)) {
      this.#last = this.#entry(labels.without(BUCKET_LABEL));
    }
    this.#last.buckets.push({ bound, column: this.#shelf.clone(column) });
  }

  #addNative(column: Column): void {
    const entry = this.#entry(this.#input.labels());
    if (entry.native === undefined) entry.native = column;
    else mergeColumn(entry.native, column);
  }
}
