import type { SelectorPlan } from '../plan.ts';
import type { Compiler } from './compile.ts';
import { SelectorSource } from './selector-source.ts';
import { SmoothedSource } from './smoothed-source.ts';
import type { SeriesSource } from './source.ts';
import { StatsReader } from './stats-reader.ts';

/** An instant selector. */
export function compileSelector(compiler: Compiler, node: SelectorPlan): SeriesSource {
  const { context } = compiler;
  const { grid, at, smoothed } = node;
  const { lookbackMs } = context;
  let reader = compiler.reader(node.selection);
  if (node.statsOnly) {
    // Smoothing looks at all samples once.
    const lengthMs = smoothed ? Infinity : lookbackMs;
    reader = new StatsReader(reader, { ...at, count: grid.count, lengthMs });
  }
  if (smoothed) return new SmoothedSource(reader, context, grid, node);
  return new SelectorSource(reader, context, grid, node, compiler.tally);
}
