import { assert } from '../../core/errors.ts';
import { MATH_KERNELS, SCALAR_KERNELS } from '../functions/math.ts';
import { TIME_KERNELS } from '../functions/time.ts';
import type { MapPlan } from '../plan.ts';
import type { Compiler } from './compile.ts';
import {
  clampKernel,
  copyKernel,
  mapValues,
  mapWithScalars,
  MapSource,
  timestampKernel,
  type ColumnKernel,
} from './map-source.ts';
import { NameDropper } from './metric-name.ts';
import type { SeriesSource } from './source.ts';

function mapKernel(node: MapPlan): ColumnKernel {
  const { func } = node;
  if (func === '-') return mapValues((value) => -value);
  if (func === 'identity') return copyKernel;
  if (func === 'timestamp') return timestampKernel(node.grid);
  const math = MATH_KERNELS.get(func) ?? TIME_KERNELS.get(func);
  if (math !== undefined) return mapValues(math);
  const withScalars = SCALAR_KERNELS.get(func);
  assert(withScalars !== undefined, `there must be a kernel for ${func}`);
  // Only round has an optional scalar, and its default is 1.
  return func === 'clamp' ? clampKernel(withScalars) : mapWithScalars(withScalars, 1);
}

/** A function of an instant vector, value by value. */
export function compileMap(compiler: Compiler, node: MapPlan): SeriesSource {
  return new MapSource(compiler.compile(node.input), compiler.context, node.grid, {
    kernel: mapKernel(node),
    scalars: compiler.scalars(node.scalars),
    dropper: new NameDropper(compiler.context, node.input.namesMayDiffer),
  });
}
