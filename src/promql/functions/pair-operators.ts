import {
  addHistograms,
  divideHistogram,
  scaleHistogram,
  subtractHistograms,
} from '../../core/histogram/arithmetic.ts';
import type { Combined } from '../../core/histogram/arithmetic.ts';
import { compactHistogram } from '../../core/histogram/compact.ts';
import { equalHistograms } from '../../core/histogram/equality.ts';
import { CounterResetHint, type FloatHistogram } from '../../core/histogram/float-histogram.ts';
import { trimAbove, trimBelow } from '../../core/histogram/trim.ts';
import type { SampleType } from '../annotations.ts';
import { isComparisonOp, type ElementOp } from '../parser/ast.ts';
import { ARITHMETIC, COMPARISON } from './operators.ts';

/** One side of an operator at one step. */
export type Operand = number | FloatHistogram;

/** What there is to say about one pair of operands. */
export type PairNote =
  | { readonly kind: 'incompatibleTypes'; readonly lhs: SampleType; readonly rhs: SampleType }
  | { readonly kind: 'incompatibleBuckets' }
  | {
      readonly kind: 'counterResetCollision' | 'bucketsReconciled';
      readonly operation: 'addition' | 'subtraction';
    };

/** What an operator makes of one pair. */
export type PairResult =
  /** `holds` is false when a comparison fails; `value` is then the left operand all the same. */
  | {
      readonly kind: 'value';
      readonly value: Operand;
      readonly holds: boolean;
      readonly note: PairNote | undefined;
    }
  /** The pair counts as never having met. */
  | { readonly kind: 'none'; readonly note: PairNote };

function value(result: Operand, holds = true): PairResult {
  return { kind: 'value', value: result, holds, note: undefined };
}

function typeOf(operand: Operand): SampleType {
  return typeof operand === 'number' ? 'float' : 'histogram';
}

function incompatible(lhs: Operand, rhs: Operand): PairResult {
  return { kind: 'none', note: { kind: 'incompatibleTypes', lhs: typeOf(lhs), rhs: typeOf(rhs) } };
}

/**
 * Applies an operator to two operands of which at least one is a histogram, or a trim operator to any two.
 *
 * @see prometheus promql/engine.go vectorElemBinop
 */
export function combinePair(op: ElementOp, lhs: Operand, rhs: Operand): PairResult {
  if (typeof lhs === 'number') {
    if (typeof rhs === 'number') return combineFloats(op, lhs, rhs);
    return op === '*' ? value(compactHistogram(scaleHistogram(rhs, lhs), 0)) : incompatible(lhs, rhs);
  }
  return typeof rhs === 'number' ? histogramWithFloat(op, lhs, rhs) : combineHistograms(op, lhs, rhs);
}

function combineFloats(op: ElementOp, lhs: number, rhs: number): PairResult {
  if (op === '</' || op === '>/') return incompatible(lhs, rhs);
  return isComparisonOp(op) ? value(lhs, COMPARISON[op](lhs, rhs)) : value(ARITHMETIC[op](lhs, rhs));
}

function histogramWithFloat(op: ElementOp, lhs: FloatHistogram, rhs: number): PairResult {
  if (op === '*') return value(compactHistogram(scaleHistogram(lhs, rhs), 0));
  if (op === '/') return value(compactHistogram(divideHistogram(lhs, rhs), 0));
  if (op === '</') return value(trimAbove(lhs, rhs));
  if (op === '>/') return value(trimBelow(lhs, rhs));
  return incompatible(lhs, rhs);
}

function combineHistograms(op: ElementOp, lhs: FloatHistogram, rhs: FloatHistogram): PairResult {
  if (op === '+') return combined(addHistograms(lhs, rhs), 'addition');
  if (op === '-') return combined(subtractHistograms(lhs, rhs), 'subtraction');
  if (op === '==') return value(lhs, equalHistograms(lhs, rhs));
  if (op === '!=') return value(lhs, !equalHistograms(lhs, rhs));
  return incompatible(lhs, rhs);
}

function combined(result: Combined, operation: 'addition' | 'subtraction'): PairResult {
  if (result.kind === 'incompatibleSchema') return { kind: 'none', note: { kind: 'incompatibleBuckets' } };
  // Prometheus reports a collision the way it reports an error, and so leaves the sample out.
  if (result.counterResetCollision)
    return { kind: 'none', note: { kind: 'counterResetCollision', operation } };
  const { histogram } = result;
  const hinted =
    operation === 'subtraction' ? histogram.with({ counterResetHint: CounterResetHint.gauge }) : histogram;
  const note: PairNote | undefined = result.boundsReconciled
    ? { kind: 'bucketsReconciled', operation }
    : undefined;
  return { kind: 'value', value: compactHistogram(hinted, 0), holds: true, note };
}
