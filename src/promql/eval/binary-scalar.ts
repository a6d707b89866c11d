import { ARITHMETIC, COMPARISON, type FloatOperator } from '../functions/operators.ts';
import { combinePair, type PairNote } from '../functions/pair-operators.ts';
import { isComparisonOp, isTrimOp, type ComparisonOp, type ElementOp } from '../parser/ast.ts';
import { QueryError } from '../query-engine.ts';
import { ABSENT, type Column, FLOAT, HISTOGRAM } from './column.ts';
import type { ColumnKernel } from './map-source.ts';
import { putOperand } from './pair-columns.ts';

/** Between two scalars; comparisons give 0 or 1. Throws QueryError for the trim operators. */
export function scalarOperator(op: ElementOp): FloatOperator {
  if (isTrimOp(op)) {
    throw new QueryError('execution', `operator "${op}" not allowed for Scalar operations`);
  }
  if (!isComparisonOp(op)) return ARITHMETIC[op];
  const compare = COMPARISON[op];
  return (left, right) => (compare(left, right) ? 1 : 0);
}

/** An operator between a vector and a scalar. */
export interface VectorScalar {
  readonly op: ElementOp;
  /** The scalar is the left operand. */
  readonly scalarLeft: boolean;
  readonly returnBool: boolean;
  /** Told of pairs that can't be combined. */
  readonly onNote: (note: PairNote) => void;
}

/**
 * Between a vector and a scalar (the kernel's first). A comparison without `bool` keeps the vector's own values,
 * whichever side it is on.
 */
export function vectorScalarKernel(operator: VectorScalar): ColumnKernel {
  const plain = plainKernel(operator);
  return (input, out, scalars) => {
    const operands = scalars[0]!.values;
    if (plain === undefined || input.histograms !== undefined) {
      combineMixed(operator, input, operands, out);
      return;
    }
    out.histograms = undefined;
    plain(input, operands, out);
  };
}

type FloatKernel = (input: Column, operands: Float64Array, out: Column) => void;

/** For columns of floats; undefined for the trim operators, which have nothing to do with floats. */
function plainKernel({ op, scalarLeft, returnBool }: VectorScalar): FloatKernel | undefined {
  if (isTrimOp(op)) return undefined;
  return isComparisonOp(op)
    ? comparisonKernel(op, scalarLeft, returnBool)
    : arithmeticKernel(ARITHMETIC[op], scalarLeft);
}

function arithmeticKernel(compute: FloatOperator, scalarLeft: boolean): FloatKernel {
  return ({ values, present }, operands, out) => {
    out.present.set(present);
    for (let k = 0; k < values.length; k++) {
      if (present[k] === ABSENT) continue;
      out.values[k] = scalarLeft ? compute(operands[k]!, values[k]!) : compute(values[k]!, operands[k]!);
    }
  };
}

function comparisonKernel(op: ComparisonOp, scalarLeft: boolean, returnBool: boolean): FloatKernel {
  const compare = COMPARISON[op];
  return ({ values, present }, operands, out) => {
    for (let k = 0; k < values.length; k++) {
      out.present[k] = ABSENT;
      if (present[k] === ABSENT) continue;
      const value = values[k]!;
      const holds = scalarLeft ? compare(operands[k]!, value) : compare(value, operands[k]!);
      if (!holds && !returnBool) continue;
      out.values[k] = returnBool ? (holds ? 1 : 0) : value;
      out.present[k] = FLOAT;
    }
  };
}

function combineMixed(operator: VectorScalar, input: Column, operands: Float64Array, out: Column): void {
  const { op, scalarLeft, returnBool, onNote } = operator;
  out.clear();
  for (let k = 0; k < operands.length; k++) {
    if (input.present[k] === ABSENT) continue;
    const own = input.present[k] === HISTOGRAM ? input.histogram(k) : input.values[k]!;
    const result = scalarLeft ? combinePair(op, operands[k]!, own) : combinePair(op, own, operands[k]!);
    if (result.kind === 'none') {
      onNote(result.note);
      continue;
    }
    if (!result.holds && !returnBool) continue;
    if (returnBool) putOperand(out, k, Number(result.holds));
    else putOperand(out, k, isComparisonOp(op) ? own : result.value);
  }
}
