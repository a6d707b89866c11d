import { labelJoin, labelReplace } from '../functions/label-edit.ts';
import type { PlanNode, SortPlan } from '../plan.ts';
import type { Compiler } from './compile.ts';
import { HistogramSource } from './histogram-source.ts';
import { InfoSource } from './info-source.ts';
import { sortSource } from './kept-source.ts';
import { LabelSource } from './label-source.ts';
import { floatsKernel, MapSource } from './map-source.ts';
import { absentSource } from './reduce-source.ts';
import type { SeriesSource } from './source.ts';

/** A function that looks at more than one series, or at labels. Throws QueryError for texts that can't be used. */
export function compileVectorFunction(
  compiler: Compiler,
  node: Extract<PlanNode, { kind: 'histogram' | 'label' | 'absent' | 'sort' | 'info' }>,
): SeriesSource {
  const { grid } = node;
  switch (node.kind) {
    case 'histogram': {
      const { input, position, phiPositions, quantileLabel } = node;
      return new HistogramSource(compiler.compile(input), compiler.context, grid, {
        scalars: compiler.scalars(node.scalars),
        position,
        phiPositions,
        quantileLabel,
        namesMayDiffer: input.namesMayDiffer,
      });
    }
    case 'label': {
      const [a = '', b = '', c = '', d = ''] = node.texts;
      const edit =
        node.func === 'label_replace' ? labelReplace(a, b, c, d) : labelJoin(a, b, node.texts.slice(2));
      return new LabelSource(compiler.compile(node.input), edit, a);
    }
    case 'absent':
      return absentSource(compiler.compile(node.input), grid, node.labels);
    case 'sort':
      return compileSort(compiler, node);
    case 'info': {
      const { selection, at, nameMatchers, labelMatchers } = node;
      return new InfoSource(compiler.compile(node.input), compiler.context, grid, {
        reader: compiler.reader(selection),
        at,
        nameMatchers,
        labelMatchers,
      });
    }
  }
}

/** Sorting by value leaves native histograms out, in range queries too, where there is no order. */
function compileSort(compiler: Compiler, node: SortPlan): SeriesSource {
  const { context } = compiler;
  const input = compiler.compile(node.input);
  if (node.inRange) context.annotations.sortInRangeQuery(node.position);
  const values =
    node.byLabels === undefined
      ? new MapSource(input, context, node.grid, { kernel: floatsKernel, scalars: [], dropper: undefined })
      : input;
  return node.grid.count === 1 ? sortSource(values, context, node.byLabels, node.descending) : values;
}
