import { ARITHMETIC, COMPARISON } from '../functions/operators.ts';
import { isComparisonOp, type ArithmeticOp, type ComparisonOp } from '../parser/ast.ts';
import { ABSENT, FLOAT } from './column.ts';
import type { ColumnKernel } from './map-source.ts';

/** Operators that a scalar may take part in. */
export type ScalarOp = ArithmeticOp | ComparisonOp;

/** Between two scalars; comparisons give 0 or 1. */
export function scalarOperator(op: ScalarOp): (left: number, right: number) => number {
  if (!isComparisonOp(op)) return ARITHMETIC[op];
  const compare = COMPARISON[op];
  return (left, right) => (compare(left, right) ? 1 : 0);
}

/**
 * Between a vector and a scalar (the kernel's first). `scalarLeft`: the scalar is the left operand. A comparison
 * without `bool` keeps the vector's own values, whichever side it is on.
 */
export function vectorScalarKernel(op: ScalarOp, scalarLeft: boolean, returnBool: boolean): ColumnKernel {
  if (isComparisonOp(op)) return comparisonKernel(op, scalarLeft, returnBool);
  const compute = ARITHMETIC[op];
  return ({ values, present }, out, scalars) => {
    const operands = scalars[0]!.values;
    out.present.set(present);
    for (let k = 0; k < values.length; k++) {
      if (present[k] === ABSENT) continue;
      out.values[k] = scalarLeft ? compute(operands[k]!, values[k]!) : compute(values[k]!, operands[k]!);
    }
  };
}

function comparisonKernel(op: ComparisonOp, scalarLeft: boolean, returnBool: boolean): ColumnKernel {
  const compare = COMPARISON[op];
  return ({ values, present }, out, scalars) => {
    const operands = scalars[0]!.values;
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
