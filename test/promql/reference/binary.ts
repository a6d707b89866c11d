import type { Labels } from '../../../src/core/labels.ts';
import { METRIC_NAME } from '../../../src/core/labels.ts';
import type { BinaryOp, VectorMatching } from '../../../src/promql/index.ts';
import { combine, PlainHistogram, scale } from './histogram.ts';
import { power } from './numbers.ts';
import { mustBeDistinct, QueryFailure, unnamed, Unsupported, type Sample, type Value } from './values.ts';

/** Binary operators at one time. */

const COMPARISONS: Readonly<Record<string, (a: number, b: number) => boolean>> = {
  '==': (a, b) => a === b,
  '!=': (a, b) => a !== b,
  '<': (a, b) => a < b,
  '<=': (a, b) => a <= b,
  '>': (a, b) => a > b,
  '>=': (a, b) => a >= b,
};

const ARITHMETIC: Readonly<Record<string, (a: number, b: number) => number>> = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '/': (a, b) => a / b,
  '%': (a, b) => a % b,
  '^': power,
  atan2: Math.atan2,
};

/** Between two numbers; a comparison gives 0 or 1. */
export function scalarBinary(op: BinaryOp, a: number, b: number): number {
  const comparison = COMPARISONS[op];
  if (comparison !== undefined) return comparison(a, b) ? 1 : 0;
  return ARITHMETIC[op]!(a, b);
}

/** The value of one pair; undefined when the operator isn't for these kinds of values. */
function arithmetic(op: BinaryOp, a: Value, b: Value): Value | undefined {
  const [left, right] = [a instanceof PlainHistogram, b instanceof PlainHistogram];
  if (!left && !right) return ARITHMETIC[op]!(a as number, b as number);
  if (left && right) {
    if (op !== '+' && op !== '-') return undefined;
    return combine(a as PlainHistogram, b as PlainHistogram, op === '+' ? 1 : -1);
  }
  if (left && op === '*') return scale(a as PlainHistogram, b as number);
  if (right && op === '*') return scale(b as PlainHistogram, a as number);
  if (left && op === '/') {
    if (b === 0) throw new Unsupported('histogram divided by zero');
    return scale(a as PlainHistogram, 1 / (b as number));
  }
  return undefined;
}

/** A vector and a number, in either order. */
export function withScalar(
  op: BinaryOp,
  samples: readonly Sample[],
  scalar: number,
  scalarLeft: boolean,
  returnBool: boolean,
): Sample[] {
  const comparison = COMPARISONS[op];
  return samples.flatMap(({ labels, value }): Sample[] => {
    if (comparison === undefined) {
      const result = scalarLeft ? arithmetic(op, scalar, value) : arithmetic(op, value, scalar);
      return result === undefined ? [] : [{ labels: unnamed(labels), value: result }];
    }
    if (typeof value !== 'number') return [];
    const holds = scalarLeft ? comparison(scalar, value) : comparison(value, scalar);
    if (returnBool) return [{ labels: unnamed(labels), value: holds ? 1 : 0 }];
    return holds ? [{ labels, value }] : [];
  });
}

function signature(labels: Labels, { on, labels: names }: VectorMatching): string {
  return (on ? labels.only(names) : labels.without(METRIC_NAME, ...names)).key;
}

/** and, or, unless. */
export function setOperation(
  op: BinaryOp,
  left: readonly Sample[],
  right: readonly Sample[],
  matching: VectorMatching,
): Sample[] {
  const keys = (samples: readonly Sample[]): Set<string> =>
    new Set(samples.map(({ labels }) => signature(labels, matching)));
  const inRight = keys(right);
  const inLeft = keys(left);
  if (op === 'and') return left.filter(({ labels }) => inRight.has(signature(labels, matching)));
  if (op === 'unless') return left.filter(({ labels }) => !inRight.has(signature(labels, matching)));
  return [...left, ...right.filter(({ labels }) => !inLeft.has(signature(labels, matching)))];
}

/** Two vectors, one of them with unique matches. */
export function joined(
  op: BinaryOp,
  left: readonly Sample[],
  right: readonly Sample[],
  matching: VectorMatching,
  returnBool: boolean,
): readonly Sample[] {
  if (matching.fill.left !== undefined || matching.fill.right !== undefined) throw new Unsupported('fill');
  if (left.length === 0 || right.length === 0) return [];
  const swapped = matching.card === 'one-to-many';
  const [many, ones] = swapped ? [right, left] : [left, right];
  const oneBySignature = new Map<string, Sample>();
  for (const one of ones) {
    const key = signature(one.labels, matching);
    if (oneBySignature.has(key)) throw new QueryFailure('found duplicate series for the match group');
    oneBySignature.set(key, one);
  }
  const seen = new Set<string>();
  const out: Sample[] = [];
  for (const sample of many) {
    const key = signature(sample.labels, matching);
    const one = oneBySignature.get(key);
    if (one === undefined) continue;
    const [a, b] = swapped ? [one.value, sample.value] : [sample.value, one.value];
    const pair = pairResult(op, a, b, returnBool);
    if (pair === undefined) continue;
    const labels = resultLabels(op, sample.labels, one.labels, matching, returnBool);
    const mark = matching.card === 'one-to-one' ? key : `${key}\n${labels.key}`;
    if (seen.has(mark)) throw new QueryFailure('multiple matches for labels');
    seen.add(mark);
    if (pair.keep) out.push({ labels, value: pair.value });
  }
  return mustBeDistinct(out);
}

function pairResult(
  op: BinaryOp,
  a: Value,
  b: Value,
  returnBool: boolean,
): { readonly keep: boolean; readonly value: Value } | undefined {
  const comparison = COMPARISONS[op];
  if (comparison === undefined) {
    const value = arithmetic(op, a, b);
    return value === undefined ? undefined : { keep: true, value };
  }
  if (typeof a !== 'number' || typeof b !== 'number') throw new Unsupported('comparing histograms');
  const holds = comparison(a, b);
  return returnBool ? { keep: true, value: holds ? 1 : 0 } : { keep: holds, value: a };
}

function resultLabels(
  op: BinaryOp,
  many: Labels,
  one: Labels,
  matching: VectorMatching,
  returnBool: boolean,
): Labels {
  let labels = COMPARISONS[op] === undefined || returnBool ? unnamed(many) : many;
  if (matching.card === 'one-to-one') {
    labels = matching.on ? labels.only(matching.labels) : labels.without(...matching.labels);
  }
  for (const name of matching.include) {
    const value = one.get(name);
    labels = value === '' ? labels.without(name) : labels.with(name, value);
  }
  return labels;
}
