import type { Labels } from '../core/labels.ts';
import type { Matcher } from '../core/matcher.ts';
import type { StepGrid } from './eval/column.ts';
import type { Grouping } from './eval/grouping.ts';
import type { ScalarOp } from './eval/binary-scalar.ts';
import type { LookAt } from './eval/selector-source.ts';
import type { AccumulatedOp } from './functions/accumulators.ts';
import type { Position, SetOp, VectorMatching } from './parser/ast.ts';

/**
 * What a query does, with every time known: plain data, so that it can be evaluated wherever the samples can be read.
 * Each node gives series over its own grid; scalars are one series without labels, present at every step.
 */

interface Node<Kind extends string> {
  readonly kind: Kind;
  readonly grid: StepGrid;
  /** The series may differ in nothing but their metric names, so that dropping the name may make some equal. */
  readonly namesMayDiffer: boolean;
}

/** Series read from the storage; see {@link Plan.selections}. */
interface SelectorPlan extends Node<'selector'> {
  readonly selection: number;
  readonly at: LookAt;
  /** The samples' times in seconds in place of their values. */
  readonly asTime: boolean;
}

/** What a function of ranges is applied to. */
export type RangeInput =
  | { readonly kind: 'selection'; readonly selection: number }
  | { readonly kind: 'subquery'; readonly input: PlanNode; readonly mayRepeatLabels: boolean };

/** A function of ranges. */
export interface RangePlan extends Node<'range'> {
  readonly func: string;
  readonly input: RangeInput;
  readonly inputNamesMayDiffer: boolean;
  readonly at: LookAt;
  readonly rangeMs: number;
  readonly scalars: readonly PlanNode[];
  /** Where the first argument is: annotations point there. */
  readonly position: Position;
}

/** A function of an instant vector, value by value; `-` is negation. */
export interface MapPlan extends Node<'map'> {
  readonly func: string;
  readonly input: PlanNode;
  readonly scalars: readonly PlanNode[];
}

/** An operator between a vector and a scalar. */
interface VectorScalarPlan extends Node<'vectorScalar'> {
  readonly op: ScalarOp;
  readonly vector: PlanNode;
  readonly scalar: PlanNode;
  readonly scalarLeft: boolean;
  readonly returnBool: boolean;
}

/** An operator between two vectors. */
interface VectorVectorPlan extends Node<'vectorVector'> {
  readonly op: ScalarOp;
  readonly lhs: PlanNode;
  readonly rhs: PlanNode;
  readonly matching: VectorMatching;
  readonly returnBool: boolean;
}

/** `and`, `or`, `unless`. */
interface SetPlan extends Node<'set'> {
  readonly op: SetOp;
  readonly lhs: PlanNode;
  readonly rhs: PlanNode;
  readonly matching: VectorMatching;
}

/** An operator between two scalars. */
interface ScalarScalarPlan extends Node<'scalarScalar'> {
  readonly op: ScalarOp;
  readonly lhs: PlanNode;
  readonly rhs: PlanNode;
}

/** An aggregation that gives one series a group. */
interface AggregatePlan extends Node<'aggregate'> {
  readonly op: AccumulatedOp;
  readonly input: PlanNode;
  readonly grouping: Grouping;
  readonly parameter: PlanNode | undefined;
  readonly parameterPosition: Position | undefined;
}

/** `topk`, `bottomk`. */
interface RankPlan extends Node<'rank'> {
  readonly largest: boolean;
  readonly input: PlanNode;
  readonly grouping: Grouping;
  readonly k: PlanNode;
}

/** `count_values`. */
interface CountValuesPlan extends Node<'countValues'> {
  readonly label: string;
  readonly input: PlanNode;
  readonly grouping: Grouping;
}

/** `histogram_quantile`, `histogram_fraction`. */
interface HistogramPlan extends Node<'histogram'> {
  readonly input: PlanNode;
  readonly scalars: readonly PlanNode[];
  readonly position: Position;
  /** Where φ is; undefined for a fraction. */
  readonly phiPosition: Position | undefined;
}

/** `label_replace` and `label_join`, with their text arguments. */
interface LabelPlan extends Node<'label'> {
  readonly func: 'label_replace' | 'label_join';
  readonly input: PlanNode;
  readonly texts: readonly string[];
}

/** `absent` and `absent_over_time`. */
interface AbsentPlan extends Node<'absent'> {
  readonly input: PlanNode;
  readonly labels: Labels;
}

/** `sort`, `sort_desc`. */
export interface SortPlan extends Node<'sort'> {
  readonly input: PlanNode;
  readonly descending: boolean;
  readonly position: Position;
}

/** A part of a query. */
export type PlanNode =
  | (Node<'number'> & { readonly value: number })
  | Node<'time'>
  /** A part of the evaluation time's date, `hour()`. */
  | (Node<'date'> & { readonly func: string })
  | Node<'empty'>
  /** The input, evaluated at one step, at all steps. */
  | (Node<'repeat'> & { readonly input: PlanNode })
  /** The only value of a vector. */
  | (Node<'scalarOf'> & { readonly input: PlanNode })
  | SelectorPlan
  | RangePlan
  | MapPlan
  | VectorScalarPlan
  | VectorVectorPlan
  | SetPlan
  | ScalarScalarPlan
  | AggregatePlan
  | RankPlan
  | CountValuesPlan
  | HistogramPlan
  | LabelPlan
  | AbsentPlan
  | SortPlan;

/** One selection from the storage, possibly for several selectors. */
export interface SelectionPlan {
  readonly matchers: readonly Matcher[];
  readonly minMs: number;
  readonly maxMs: number;
  /** How many nodes read it. */
  readonly uses: number;
}

/** What the whole query gives. */
export type PlanRoot =
  | { readonly kind: 'scalar' | 'vector'; readonly node: PlanNode }
  | { readonly kind: 'string'; readonly value: string }
  /** The raw samples in (minMs, maxMs]. */
  | { readonly kind: 'samples'; readonly selection: number; readonly minMs: number; readonly maxMs: number }
  /** A subquery's steps. */
  | { readonly kind: 'subquery'; readonly node: PlanNode };

/** A whole query. */
export interface Plan {
  readonly root: PlanRoot;
  readonly grid: StepGrid;
  readonly selections: readonly SelectionPlan[];
  /** For each number that nodes call `selection`: which of {@link selections} it is. */
  readonly selectionOf: readonly number[];
}
