import type { ArithmeticOp, ComparisonOp } from '../parser/ast.ts';
import { goPow } from './numeric.ts';

/** Operators on two floats. */
export type FloatOperator = (left: number, right: number) => number;

/** Arithmetic operators. */
export const ARITHMETIC: Readonly<Record<ArithmeticOp, FloatOperator>> = {
  '+': (left, right) => left + right,
  '-': (left, right) => left - right,
  '*': (left, right) => left * right,
  '/': (left, right) => left / right,
  '%': (left, right) => left % right,
  '^': goPow,
  atan2: Math.atan2,
};

/** Comparison operators. */
export const COMPARISON: Readonly<Record<ComparisonOp, (left: number, right: number) => boolean>> = {
  '==': (left, right) => left === right,
  '!=': (left, right) => left !== right,
  '<': (left, right) => left < right,
  '<=': (left, right) => left <= right,
  '>': (left, right) => left > right,
  '>=': (left, right) => left >= right,
};
