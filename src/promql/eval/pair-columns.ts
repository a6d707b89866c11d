import type { Annotations } from '../annotations.ts';
import { ARITHMETIC, COMPARISON } from '../functions/operators.ts';
import { combinePair, type Operand, type PairNote } from '../functions/pair-operators.ts';
import { isComparisonOp, isTrimOp, type ArithmeticOp, type ElementOp, type Position } from '../parser/ast.ts';
import { ABSENT, type Column, FLOAT, HISTOGRAM } from './column.ts';

/** Where an operator is in the query, and how it is written. */
export interface OperatorPlace {
  readonly op: ElementOp;
  readonly position: Position;
}

/** Adds what there is to say about a pair of operands to the notes on the answer. */
export function annotatePair(
  annotations: Annotations,
  { op, position }: OperatorPlace,
  note: PairNote,
): void {
  switch (note.kind) {
    case 'incompatibleTypes':
      return annotations.incompatibleTypes(note.lhs, op, note.rhs, position);
    case 'incompatibleBuckets':
      return annotations.incompatibleBucketLayout(op, position);
    case 'counterResetCollision':
      return annotations.counterResetCollision(note.operation, position);
    case 'bucketsReconciled':
      return annotations.customBucketsReconciled(note.operation, position);
  }
}

/**
 * Keeps for each step the last note of an operator between vectors: of all pairs that meet at one step Prometheus
 * reports one.
 */
export class StepNotes {
  readonly #byStep = new Map<number, PairNote>();

  set(step: number, note: PairNote): void {
    this.#byStep.set(step, note);
  }

  /** Hands the notes over, in the order of the steps. */
  flush(annotations: Annotations, place: OperatorPlace): void {
    const steps = [...this.#byStep.keys()].toSorted((a, b) => a - b);
    for (const step of steps) annotatePair(annotations, place, this.#byStep.get(step)!);
    this.#byStep.clear();
  }
}

/** An operator between two columns. */
export interface PairOperator {
  readonly op: ElementOp;
  readonly returnBool: boolean;
}

/**
 * Computes `out` at the steps that `pairs` names, at which both columns must have something. Pairs that an operator
 * can't combine are struck from `pairs`; those that a comparison drops only from `out`.
 */
export function combineColumns(
  { op, returnBool }: PairOperator,
  left: Column,
  right: Column,
  pairs: Uint8Array,
  out: Column,
  notes: StepNotes,
): void {
  if (left.histograms !== undefined || right.histograms !== undefined || isTrimOp(op)) {
    combineMixed({ op, returnBool }, left, right, pairs, out, notes);
    return;
  }
  out.histograms = undefined;
  if (isComparisonOp(op)) compareFloats(COMPARISON[op], left.values, right.values, pairs, returnBool, out);
  else computeFloats(op, left.values, right.values, pairs, out);
}

type ColumnOperator = (left: Float64Array, right: Float64Array, out: Float64Array) => void;

/** The operators for which the loop would cost less than calling a function for every value. */
const COLUMN_OPERATORS: Partial<Readonly<Record<ElementOp, ColumnOperator>>> = {
  '+': (left, right, out) => {
    for (let k = 0; k < out.length; k++) out[k] = left[k]! + right[k]!;
  },
  '-': (left, right, out) => {
    for (let k = 0; k < out.length; k++) out[k] = left[k]! - right[k]!;
  },
  '*': (left, right, out) => {
    for (let k = 0; k < out.length; k++) out[k] = left[k]! * right[k]!;
  },
  '/': (left, right, out) => {
    for (let k = 0; k < out.length; k++) out[k] = left[k]! / right[k]!;
  },
};

/** Computes also where there is no pair, which does no harm. */
function computeFloats(
  op: ArithmeticOp,
  left: Float64Array,
  right: Float64Array,
  pairs: Uint8Array,
  { values, present }: Column,
): void {
  present.set(pairs);
  const whole = COLUMN_OPERATORS[op];
  if (whole !== undefined) {
    whole(left, right, values);
    return;
  }
  const compute = ARITHMETIC[op];
  for (let k = 0; k < pairs.length; k++) if (pairs[k] !== ABSENT) values[k] = compute(left[k]!, right[k]!);
}

function compareFloats(
  compare: (left: number, right: number) => boolean,
  left: Float64Array,
  right: Float64Array,
  pairs: Uint8Array,
  returnBool: boolean,
  { values, present }: Column,
): void {
  for (let k = 0; k < pairs.length; k++) {
    present[k] = ABSENT;
    if (pairs[k] === ABSENT) continue;
    const holds = compare(left[k]!, right[k]!);
    if (!holds && !returnBool) continue;
    values[k] = returnBool ? (holds ? 1 : 0) : left[k]!;
    present[k] = FLOAT;
  }
}

function operandAt(column: Column, step: number): Operand {
  return column.present[step] === HISTOGRAM ? column.histogram(step) : column.values[step]!;
}

function combineMixed(
  { op, returnBool }: PairOperator,
  left: Column,
  right: Column,
  pairs: Uint8Array,
  out: Column,
  notes: StepNotes,
): void {
  out.clear();
  for (let k = 0; k < pairs.length; k++) {
    if (pairs[k] === ABSENT) continue;
    const result = combinePair(op, operandAt(left, k), operandAt(right, k));
    if (result.note !== undefined) notes.set(k, result.note);
    if (result.kind === 'none') {
      pairs[k] = ABSENT;
      continue;
    }
    if (!result.holds && !returnBool) continue;
    putOperand(out, k, returnBool ? Number(result.holds) : result.value);
  }
}

/** Puts a result at a step. */
export function putOperand(out: Column, step: number, value: Operand): void {
  if (typeof value === 'number') {
    out.values[step] = value;
    out.present[step] = FLOAT;
  } else {
    out.setHistogram(step, value);
  }
}
