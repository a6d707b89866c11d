import { Matcher } from '../../../../src/core/matcher.ts';
import type { ParserFeatures } from '../../../../src/promql/parser/index.ts';

/** Every feature switched on. */
export const EVERYTHING: ParserFeatures = {
  experimentalFunctions: true,
  durationExpressions: true,
  extendedRangeSelectors: true,
  fillModifiers: true,
};

/** A tree without positions, matchers as text in their order by text, for comparing. */
export function shape(value: unknown): unknown {
  if (value instanceof Matcher) return `${value.name}${value.op}${value.value}`;
  if (Array.isArray(value)) return value.map(shape);
  if (typeof value !== 'object' || value === null) return Object.is(value, -0) ? '-0' : value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => key !== 'position')
      .map(([key, field]) => [key, key === 'matchers' ? (shape(field) as string[]).sort() : shape(field)]),
  );
}
