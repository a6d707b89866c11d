import { assert } from '../../core/errors.ts';
import type { FloatHistogram } from '../../core/histogram/float-histogram.ts';
import type { Labels } from '../../core/labels.ts';
import type { FunctionSignature } from '../parser/ast.ts';
import { PROMQL_FUNCTIONS, type FunctionTable } from '../parser/functions.ts';

/** With this the names of functions begin that Prometheus doesn't have. */
export const OWN_PREFIX = 'ml_';

/** One series of an instant vector at one step. */
export interface OwnPoint {
  /** All labels of the series but the metric's name, type and unit. */
  readonly labels: Labels;
  /** NaN when there is a histogram. */
  readonly value: number;
  readonly histogram: FloatHistogram | undefined;
}

/** The samples of one series in the window of one step; only valid during the call. */
export interface OwnWindow {
  /** All labels of the series but the metric's name, type and unit. */
  readonly labels: Labels;
  readonly timestamps: Float64Array;
  /** NaN where there is a histogram. */
  readonly values: Float64Array;
  /** As many as there are values; undefined when all samples are floats. */
  readonly histograms: readonly (FloatHistogram | undefined)[] | undefined;
}

/** The arguments of a function of our own for one group of series at one step. */
export interface OwnInput {
  /** The evaluation time. */
  readonly tMs: number;
  /** A scalar argument; `fallback` where the call leaves it out. */
  scalar(index: number, fallback?: number): number;
  /** A text argument; '' where the call leaves it out. */
  text(index: number): string;
  /** The only series of an instant vector argument. */
  value(index: number): number;
  /** The series of an instant vector argument: one, or with a member label each member that has a value. */
  points(index: number): readonly OwnPoint[];
  /** The series of a range vector argument: one, or with a member label each member that has samples. */
  windows(index: number): readonly OwnWindow[];
}

/**
 * A function that Prometheus doesn't have. The series of its arguments find each other by equal labels (name, type and
 * unit aside), as operators match them; it is computed for each group and step at which every vector argument has a
 * series, and its result has the labels of the group.
 */
export interface OwnFunction extends FunctionSignature {
  /**
   * The label that tells the series of one group apart, for functions of distributions: `le`, or a text argument (by
   * its index) that names it. Undefined where each argument has one series in a group.
   */
  readonly memberLabel: string | { readonly argument: number } | undefined;
  /** The result, undefined for none. What it computes after which source belongs in the comment above it. */
  readonly compute: (input: OwnInput) => number | undefined;
}

/** The functions of our own that an engine has, by name. */
export class OwnFunctions {
  readonly #byName = new Map<string, OwnFunction>();
  /** What a parser may accept: Prometheus' functions and these. */
  readonly signatures: FunctionTable;

  /** Names must be new and begin with {@link OWN_PREFIX}. */
  constructor(functions: readonly OwnFunction[]) {
    for (const one of functions) {
      assert(one.name.startsWith(OWN_PREFIX), `${one.name} must begin with ${OWN_PREFIX}`);
      assert(!this.#byName.has(one.name), `there must be one function called ${one.name}`);
      assert(one.returnType === 'vector', `${one.name} must give a vector`);
      this.#byName.set(one.name, one);
    }
    this.signatures = new Map<string, FunctionSignature>([...PROMQL_FUNCTIONS, ...this.#byName]);
  }

  /** A function by name. */
  get(name: string): OwnFunction | undefined {
    return this.#byName.get(name);
  }
}
