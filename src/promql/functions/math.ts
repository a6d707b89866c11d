import { goMax, goMin, goRound } from './numeric.ts';

/** A function of one value. */
export type MathKernel = (value: number) => number;

/** A function of one value and the scalar arguments at its step; undefined is no result. */
export type ScalarKernel = (value: number, a: number, b: number) => number;

function sign(value: number): number {
  if (value < 0) return -1;
  return value > 0 ? 1 : value;
}

/** Functions of an instant vector that look at values only. */
export const MATH_KERNELS: ReadonlyMap<string, MathKernel> = new Map<string, MathKernel>([
  ['abs', Math.abs],
  ['ceil', Math.ceil],
  ['floor', Math.floor],
  ['exp', Math.exp],
  ['sqrt', Math.sqrt],
  ['ln', Math.log],
  ['log2', Math.log2],
  ['log10', Math.log10],
  ['sgn', sign],
  ['sin', Math.sin],
  ['cos', Math.cos],
  ['tan', Math.tan],
  ['asin', Math.asin],
  ['acos', Math.acos],
  ['atan', Math.atan],
  ['sinh', Math.sinh],
  ['cosh', Math.cosh],
  ['tanh', Math.tanh],
  ['asinh', Math.asinh],
  ['acosh', Math.acosh],
  ['atanh', Math.atanh],
  ['rad', (value) => (value * Math.PI) / 180],
  ['deg', (value) => (value * 180) / Math.PI],
]);

function clamp(value: number, min: number, max: number): number {
  return goMax(min, goMin(max, value));
}

/** Functions of an instant vector and scalars. `clamp` with max < min has no result; its caller sees to that. */
export const SCALAR_KERNELS: ReadonlyMap<string, ScalarKernel> = new Map<string, ScalarKernel>([
  ['clamp', clamp],
  ['clamp_min', (value, min) => clamp(value, min, Infinity)],
  ['clamp_max', (value, max) => clamp(value, -Infinity, max)],
  ['round', (value, to) => goRound(value, to)],
]);
