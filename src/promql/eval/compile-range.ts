import { assert } from '../../core/errors.ts';
import { OVER_TIME_KERNELS } from '../functions/over-time.ts';
import type { RangeKernel, Windows } from '../functions/range-kernel.ts';
import { RATE_KERNELS } from '../functions/rate.ts';
import { REGRESSION_KERNELS } from '../functions/regression.ts';
import type { RangeInput, RangePlan } from '../plan.ts';
import type { Compiler } from './compile.ts';
import { mergeSource } from './kept-source.ts';
import { NameDropper } from './metric-name.ts';
import { RangeSource } from './range-source.ts';
import { type SampleFeed, SelectionFeed, SubqueryFeed } from './sample-feed.ts';
import type { SeriesSource } from './source.ts';

const KEEPS_NAME: ReadonlySet<string> = new Set(['last_over_time', 'first_over_time']);
const FOR_COUNTERS: ReadonlySet<string> = new Set(['rate', 'increase']);
const COUNTER_SUFFIXES = ['_total', '_sum', '_count', '_bucket'];

function rangeKernel(func: string): RangeKernel {
  const kernel = RATE_KERNELS.get(func) ?? OVER_TIME_KERNELS.get(func) ?? REGRESSION_KERNELS.get(func);
  assert(kernel !== undefined, `there must be a kernel for ${func}`);
  return kernel;
}

function feedOf(compiler: Compiler, input: RangeInput, node: RangePlan): SampleFeed {
  if (input.kind === 'selection') {
    const { at, rangeMs, grid } = node;
    const maxMs = at.firstMs + (grid.count - 1) * at.everyMs;
    return new SelectionFeed(
      compiler.reader(input.selection),
      compiler.context,
      at.firstMs - rangeMs + 1,
      maxMs,
    );
  }
  const inner = compiler.compile(input.input);
  const merged = input.mayRepeatLabels ? mergeSource(inner, compiler.context) : inner;
  return new SubqueryFeed(merged, input.input.grid);
}

/** What annotations a range function gives by looking at its series. */
function observer(
  compiler: Compiler,
  node: RangePlan,
): ((input: SampleFeed, windows: Windows) => void) | undefined {
  const { annotations } = compiler.context;
  if (FOR_COUNTERS.has(node.func)) {
    return (input) => {
      const name = input.labels().metricName;
      if (name === '' || COUNTER_SUFFIXES.some((suffix) => name.endsWith(suffix))) return;
      annotations.possibleNonCounter(name, node.position);
    };
  }
  if (node.func === 'quantile_over_time') {
    return (_input, { lo, hi, scalars }) => {
      const phis = scalars[0]!;
      for (let k = 0; k < phis.length; k++) {
        const phi = phis[k]!;
        if (hi[k]! > lo[k]! && !(phi >= 0 && phi <= 1)) annotations.invalidQuantile(phi, node.position);
      }
    };
  }
  return undefined;
}

/** A function of ranges. */
export function compileRange(compiler: Compiler, node: RangePlan): SeriesSource {
  // absent_over_time asks its series for presence only; which of them have equal labels doesn't matter.
  const keepsName = KEEPS_NAME.has(node.func) || node.func === 'absent_over_time';
  return new RangeSource(
    {
      feed: feedOf(compiler, node.input, node),
      grid: node.grid,
      at: node.at,
      rangeMs: node.rangeMs,
      kernel: rangeKernel(node.func),
      scalars: compiler.scalars(node.scalars),
      dropper: keepsName ? undefined : new NameDropper(compiler.context, node.inputNamesMayDiffer, true),
      onSeries: observer(compiler, node),
    },
    compiler.context,
  );
}
