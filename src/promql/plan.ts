import type { Labels } from '../core/labels.ts';
import type { Matcher } from '../core/matcher.ts';
import type { SelectPurpose } from '../storage/index.ts';
import type { StepGrid } from './eval/column.ts';
import type { Grouping } from './eval/grouping.ts';
import type { LookAt, Shown } from './eval/selector-source.ts';
import type { AccumulatedOp } from './functions/accumulators.ts';
import type { ElementOp, Position, SetOp, VectorMatching, VectorSelector } from './parser/ast.ts';

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
export interface SelectorPlan extends Node<'selector'> {
  readonly selection: number;
  readonly at: LookAt;
  readonly shown: Shown;
  /** Interpolated between the samples around a step's time. */
  readonly smoothed: boolean;
  /** Native histograms are read without buckets. */
  readonly statsOnly: boolean;
  /** Where annotations point. */
  readonly position: Position;
}

/** How a selector looks beyond its range: by the lookback delta, backwards (`anchored`) or both ways (`smoothed`). */
export type Extended = VectorSelector['extended'];

/** What a function of ranges is applied to. */
export type RangeInput =
  | {
      readonly kind: 'selection';
      readonly selection: number;
      /** Native histograms are read without buckets. */
      readonly statsOnly: boolean;
    }
  | { readonly kind: 'subquery'; readonly input: PlanNode; readonly mayRepeatLabels: boolean };

/** A function of ranges. */
export interface RangePlan extends Node<'range'> {
  readonly func: string;
  readonly input: RangeInput;
  readonly inputNamesMayDiffer: boolean;
  readonly at: LookAt;
  readonly rangeMs: number;
  readonly extended: Extended;
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
  readonly op: ElementOp;
  readonly vector: PlanNode;
  readonly scalar: PlanNode;
  readonly scalarLeft: boolean;
  readonly returnBool: boolean;
  readonly position: Position;
}

/** An operator between two vectors. */
interface VectorVectorPlan extends Node<'vectorVector'> {
  readonly op: ElementOp;
  readonly lhs: PlanNode;
  readonly rhs: PlanNode;
  readonly matching: VectorMatching;
  readonly returnBool: boolean;
  /** Series of the "many" side may differ in nothing but their metric names. */
  readonly manyNamesMayDiffer: boolean;
  readonly position: Position;
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
  readonly op: ElementOp;
  readonly lhs: PlanNode;
  readonly rhs: PlanNode;
}

/** The scalar in front of an aggregation's vector, and where it is. */
interface AggregationParameter {
  readonly node: PlanNode;
  readonly position: Position;
}

/** An aggregation that gives one series a group. */
export interface AggregatePlan extends Node<'aggregate'> {
  readonly op: AccumulatedOp;
  readonly input: PlanNode;
  readonly grouping: Grouping;
  readonly parameter: AggregationParameter | undefined;
  readonly inputPosition: Position;
}

/** `topk`, `bottomk`. */
export interface RankPlan extends Node<'rank'> {
  readonly op: 'topk' | 'bottomk';
  readonly input: PlanNode;
  readonly grouping: Grouping;
  readonly parameter: AggregationParameter;
  readonly position: Position;
}

/** `limitk`, `limit_ratio`. */
export interface LimitPlan extends Node<'limit'> {
  readonly op: 'limitk' | 'limit_ratio';
  readonly input: PlanNode;
  readonly grouping: Grouping;
  readonly parameter: AggregationParameter;
}

/** `count_values`. */
interface CountValuesPlan extends Node<'countValues'> {
  readonly label: string;
  readonly input: PlanNode;
  readonly grouping: Grouping;
}

/** `histogram_quantile`, `histogram_fraction`, `histogram_quantiles`. */
export interface HistogramPlan extends Node<'histogram'> {
  readonly func: 'histogram_quantile' | 'histogram_fraction' | 'histogram_quantiles';
  readonly input: PlanNode;
  /** φ, or lower and upper, or each φ. */
  readonly scalars: readonly PlanNode[];
  readonly position: Position;
  /** Where each φ is; empty for a fraction. */
  readonly phiPositions: readonly Position[];
  /** The label that tells several quantiles apart; undefined where there is one. */
  readonly quantileLabel: string | undefined;
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

/** `sort` and `sort_desc`, and with labels `sort_by_label` and `sort_by_label_desc`. */
export interface SortPlan extends Node<'sort'> {
  readonly input: PlanNode;
  readonly descending: boolean;
  /** Labels to sort by, undefined for sorting by value. */
  readonly byLabels: readonly string[] | undefined;
  /** In a range query, where sorting does nothing but give a note. */
  readonly inRange: boolean;
  readonly position: Position;
}

/** `info`: labels of info metrics on the series that they are about. */
export interface InfoPlan extends Node<'info'> {
  readonly input: PlanNode;
  /** The info metrics' series. */
  readonly selection: number;
  readonly at: LookAt;
  /** What makes a series an info metric's by its name: those aren't given labels. */
  readonly nameMatchers: readonly Matcher[];
  /** Matchers of the labels that are wanted; all labels when there are none. */
  readonly labelMatchers: readonly Matcher[];
}

/** A function of scalars. */
interface ScalarCallPlan extends Node<'scalarCall'> {
  readonly func: string;
  readonly scalars: readonly PlanNode[];
}

/** An argument of a function of our own. */
export type OwnArgument =
  | { readonly kind: 'scalar'; readonly node: PlanNode }
  | { readonly kind: 'string'; readonly text: string }
  | { readonly kind: 'vector'; readonly node: PlanNode }
  | {
      readonly kind: 'matrix';
      readonly input: RangeInput;
      readonly at: LookAt;
      readonly rangeMs: number;
    };

/** A function of our own, by its name in the table of them. */
export interface OwnPlan extends Node<'own'> {
  readonly func: string;
  readonly args: readonly OwnArgument[];
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
  | LimitPlan
  | CountValuesPlan
  | HistogramPlan
  | LabelPlan
  | AbsentPlan
  | SortPlan
  | InfoPlan
  | ScalarCallPlan
  | OwnPlan;

/** One selection from the storage, possibly for several selectors. */
export interface SelectionPlan {
  readonly matchers: readonly Matcher[];
  readonly minMs: number;
  readonly maxMs: number;
  /** What its samples are for; undefined when that is several things. */
  readonly purpose: SelectPurpose | undefined;
  /** How many nodes read it. */
  readonly uses: number;
}

/** What the whole query gives. */
export type PlanRoot =
  | { readonly kind: 'scalar' | 'vector'; readonly node: PlanNode }
  | { readonly kind: 'string'; readonly value: string }
  /** The raw samples in (minMs, maxMs]. */
  | {
      readonly kind: 'samples';
      readonly selection: number;
      readonly minMs: number;
      readonly maxMs: number;
      readonly extended: Extended;
    }
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

/** Nodes that never give two series with equal labels. */
const DISTINCT_KINDS: ReadonlySet<PlanNode['kind']> = new Set([
  'selector',
  'range',
  'aggregate',
  'countValues',
  'empty',
]);

/** Whether a node may give several series with equal labels, which have no step in common then. */
export function mayRepeatLabels(node: PlanNode): boolean {
  return !DISTINCT_KINDS.has(node.kind);
}
