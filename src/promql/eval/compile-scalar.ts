import { assert } from '../../core/errors.ts';
import { Labels } from '../../core/labels.ts';
import { goMax, goMin } from '../functions/numeric.ts';
import { TIME_KERNELS } from '../functions/time.ts';
import type { PlanNode } from '../plan.ts';
import { scalarOperator } from './binary-scalar.ts';
import { stepTime } from './column.ts';
import type { Compiler } from './compile.ts';
import { ScalarSource } from './map-source.ts';
import { scalarSource } from './reduce-source.ts';
import type { SeriesSource } from './source.ts';

/** Functions of two scalars. */
const SCALAR_CALLS: ReadonlyMap<string, (a: number, b: number) => number> = new Map([
  ['min_of', goMin],
  ['max_of', goMax],
]);

/** A scalar, as one series without labels that is present at every step. */
export function compileScalar(
  compiler: Compiler,
  node: Extract<PlanNode, { kind: 'number' | 'time' | 'date' | 'scalarOf' | 'scalarCall' | 'scalarScalar' }>,
): SeriesSource {
  const { grid } = node;
  switch (node.kind) {
    case 'number':
      return new ScalarSource(grid, Labels.EMPTY, [], () => node.value);
    case 'time':
      return new ScalarSource(grid, Labels.EMPTY, [], (step) => stepTime(grid, step) / 1000);
    case 'date': {
      const compute = TIME_KERNELS.get(node.func)!;
      // Whole seconds, cut towards zero as Go divides integers.
      return new ScalarSource(grid, Labels.EMPTY, [], (step) => compute(stepTime(grid, step) / 1000));
    }
    case 'scalarOf':
      return scalarSource(compiler.compile(node.input), grid);
    case 'scalarCall': {
      const compute = SCALAR_CALLS.get(node.func);
      assert(compute !== undefined, `there must be a function of scalars called ${node.func}`);
      return new ScalarSource(grid, Labels.EMPTY, compiler.scalars(node.scalars), (step, [a, b]) =>
        compute(a!.values[step]!, b!.values[step]!),
      );
    }
    case 'scalarScalar': {
      const compute = scalarOperator(node.op);
      const operands = compiler.scalars([node.lhs, node.rhs]);
      return new ScalarSource(grid, Labels.EMPTY, operands, (step, [left, right]) =>
        compute(left!.values[step]!, right!.values[step]!),
      );
    }
  }
}
