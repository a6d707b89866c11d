import { rangeFunction } from '../functions/range-functions.ts';
import { RangeNotes } from '../functions/range-notes.ts';
import type { Windows } from '../functions/range-kernel.ts';
import type { Extended, RangePlan } from '../plan.ts';
import { type Column, FLOAT } from './column.ts';
import type { Compiler } from './compile.ts';
import { mergeSource } from './kept-source.ts';
import { NameDropper } from './metric-name.ts';
import { RangeSource } from './range-source.ts';
import { type SampleFeed, SelectionFeed, SubqueryFeed } from './sample-feed.ts';
import type { SeriesSource } from './source.ts';
import { StatsReader } from './stats-reader.ts';

const KEEPS_NAME: ReadonlySet<string> = new Set(['last_over_time', 'first_over_time']);
const FOR_COUNTERS: ReadonlySet<string> = new Set(['rate', 'increase']);
const COUNTER_SUFFIXES = ['_total', '_sum', '_count', '_bucket'];

/** How much earlier and later than its range a selector looks. */
export function extendedBy(
  extended: Extended,
  lookbackMs: number,
): { readonly beforeMs: number; readonly afterMs: number } {
  return {
    beforeMs: extended === undefined ? 0 : lookbackMs,
    afterMs: extended === 'smoothed' ? lookbackMs : 0,
  };
}

/** The samples that a range argument reads. */
export function rangeFeed(
  compiler: Compiler,
  { input, at, rangeMs, grid, extended }: Pick<RangePlan, 'input' | 'at' | 'rangeMs' | 'grid' | 'extended'>,
): SampleFeed {
  if (input.kind === 'selection') {
    const { context } = compiler;
    const { beforeMs, afterMs } = extendedBy(extended, context.lookbackMs);
    const minMs = at.firstMs - rangeMs - beforeMs + 1;
    const maxMs = at.firstMs + (grid.count - 1) * at.everyMs + afterMs;
    const reader = compiler.reader(input.selection);
    if (!input.statsOnly) return new SelectionFeed(reader, context, minMs, maxMs);
    const visits = {
      firstMs: at.firstMs + afterMs,
      everyMs: at.everyMs,
      count: grid.count,
      lengthMs: beforeMs + rangeMs + afterMs,
    };
    return new SelectionFeed(new StatsReader(reader, visits), context, minMs, maxMs);
  }
  const inner = compiler.compileCounting(
    input.input,
    compiler.tally?.subquery(input.input.grid, grid, grid.startMs - at.firstMs, rangeMs),
  );
  const merged = input.mayRepeatLabels ? mergeSource(inner, compiler.context) : inner;
  return new SubqueryFeed(merged, input.input.grid);
}

/** What annotations a range function gives by looking at its series. */
function observer(
  compiler: Compiler,
  node: RangePlan,
): ((input: SampleFeed, floats: Windows, result: Column) => void) | undefined {
  const { annotations } = compiler.context;
  if (FOR_COUNTERS.has(node.func)) {
    return (input, _floats, result) => {
      if (result.histograms !== undefined && !result.present.includes(FLOAT)) return;
      const labels = input.labels();
      const name = labels.metricName;
      if (name === '') return;
      if (compiler.context.typeAndUnitLabels === true) {
        const type = labels.get('__type__');
        const isCounter = type === 'counter' || type === 'histogram';
        if (!isCounter) annotations.possibleNonCounterLabel(name, type, node.position);
        return;
      }
      if (COUNTER_SUFFIXES.some((suffix) => name.endsWith(suffix))) return;
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
  const { context } = compiler;
  const feed = rangeFeed(compiler, node);
  const notes = new RangeNotes(context.annotations, node.position, () => feed.labels().metricName);
  return new RangeSource(
    {
      feed,
      grid: node.grid,
      at: node.at,
      rangeMs: node.rangeMs,
      ...extendedBy(node.extended, context.lookbackMs),
      func: rangeFunction(node.func, node.extended),
      notes,
      scalars: compiler.scalars(node.scalars),
      dropper: keepsName ? undefined : new NameDropper(context, node.inputNamesMayDiffer, { strict: true }),
      onSeries: observer(compiler, node),
      isRead: node.input.kind === 'selection',
      tally: compiler.tally,
    },
    context,
  );
}
