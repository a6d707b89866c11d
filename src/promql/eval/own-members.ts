import type { FloatHistogram } from '../../core/histogram/float-histogram.ts';
import type { Labels } from '../../core/labels.ts';
import type { OwnPoint, OwnWindow } from '../functions/own-function.ts';
import { ABSENT, HISTOGRAM, type Column, type StepGrid } from './column.ts';
import { withoutMetadata } from './metric-name.ts';
import type { SampleFeed } from './sample-feed.ts';
import type { LookAt } from './selector-source.ts';
import { type EvalContext, type SeriesSource, Status } from './source.ts';

/** One series of a vector argument of a function of our own, over all steps. */
export interface OwnMember {
  /** Without name, type and unit. */
  readonly labels: Labels;
  /** Whether there is anything at a step. */
  has(step: number): boolean;
}

/** A series of an instant vector. */
export class PointMember implements OwnMember {
  readonly labels: Labels;
  readonly #column: Column;

  constructor(labels: Labels, column: Column) {
    this.labels = labels;
    this.#column = column;
  }

  has(step: number): boolean {
    return this.#column.present[step] !== ABSENT;
  }

  /** The float at a step where there is something, NaN for a native histogram. */
  value(step: number): number {
    return this.#column.present[step] === HISTOGRAM ? NaN : this.#column.values[step]!;
  }

  at(step: number): OwnPoint {
    const isHistogram = this.#column.present[step] === HISTOGRAM;
    return {
      labels: this.labels,
      value: this.value(step),
      histogram: isHistogram ? this.#column.histogram(step) : undefined,
    };
  }
}

/** A series of a range vector with the window of each step. */
export class WindowMember implements OwnMember {
  readonly labels: Labels;
  readonly #timestamps: Float64Array;
  readonly #values: Float64Array;
  readonly #histograms: readonly (FloatHistogram | undefined)[] | undefined;
  readonly #lo: Int32Array;
  readonly #hi: Int32Array;

  constructor(feed: SampleFeed, grid: StepGrid, at: LookAt, rangeMs: number) {
    const { timestamps, values, histograms, length } = feed.samples;
    this.labels = withoutMetadata(feed.labels());
    this.#timestamps = timestamps.slice(0, length);
    this.#values = values.slice(0, length);
    this.#histograms = histograms?.slice(0, length);
    this.#lo = new Int32Array(grid.count);
    this.#hi = new Int32Array(grid.count);
    let lo = 0;
    let hi = 0;
    for (let k = 0; k < grid.count; k++) {
      const endMs = at.firstMs + k * at.everyMs;
      while (hi < length && timestamps[hi]! <= endMs) hi++;
      while (lo < hi && timestamps[lo]! <= endMs - rangeMs) lo++;
      this.#lo[k] = lo;
      this.#hi[k] = hi;
    }
  }

  /** How many samples it keeps. */
  get sampleCount(): number {
    return this.#timestamps.length;
  }

  has(step: number): boolean {
    return this.#hi[step]! > this.#lo[step]!;
  }

  at(step: number): OwnWindow {
    const lo = this.#lo[step]!;
    const hi = this.#hi[step]!;
    return {
      labels: this.labels,
      timestamps: this.#timestamps.subarray(lo, hi),
      values: this.#values.subarray(lo, hi),
      histograms: this.#histograms?.slice(lo, hi),
    };
  }
}

/** All series of one vector argument. Call `run` until it is true. */
export type MemberReader<Member extends OwnMember> = {
  readonly members: readonly Member[];
  run(): boolean;
};

/** The series of an instant vector argument. */
export class PointReader implements MemberReader<PointMember> {
  readonly members: PointMember[] = [];
  readonly #source: SeriesSource;
  readonly #context: EvalContext;

  constructor(source: SeriesSource, context: EvalContext) {
    this.#source = source;
    this.#context = context;
  }

  run(): boolean {
    for (;;) {
      const status = this.#source.next();
      if (status === Status.pause) return false;
      if (status === Status.end) return true;
      const column = this.#source.column.clone();
      this.#context.control.hold(column.sampleCount);
      this.members.push(new PointMember(withoutMetadata(this.#source.labels()), column));
    }
  }
}

/** The series of a range vector argument. */
export class WindowReader implements MemberReader<WindowMember> {
  readonly members: WindowMember[] = [];
  readonly #feed: SampleFeed;
  readonly #context: EvalContext;
  readonly #grid: StepGrid;
  readonly #at: LookAt;
  readonly #rangeMs: number;

  constructor(feed: SampleFeed, context: EvalContext, grid: StepGrid, at: LookAt, rangeMs: number) {
    this.#feed = feed;
    this.#context = context;
    this.#grid = grid;
    this.#at = at;
    this.#rangeMs = rangeMs;
  }

  run(): boolean {
    for (;;) {
      const status = this.#feed.next();
      if (status === Status.pause) return false;
      if (status === Status.end) return true;
      const member = new WindowMember(this.#feed, this.#grid, this.#at, this.#rangeMs);
      this.#context.control.hold(member.sampleCount);
      this.members.push(member);
    }
  }
}
