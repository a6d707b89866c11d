import { assert } from '../../core/errors.ts';
import type { FloatHistogram } from '../../core/histogram/float-histogram.ts';
import { MATH_KERNELS, SCALAR_KERNELS } from '../functions/math.ts';
import { nativeVariance } from '../functions/native-histogram.ts';
import { TIME_KERNELS } from '../functions/time.ts';
import type { MapPlan } from '../plan.ts';
import type { Compiler } from './compile.ts';
import {
  clampKernel,
  copyKernel,
  mapHistograms,
  mapValues,
  mapWithScalars,
  MapSource,
  negateKernel,
  noKernel,
  timestampKernel,
  type ColumnKernel,
} from './map-source.ts';
import { NameDropper } from './metric-name.ts';
import type { SeriesSource } from './source.ts';

/** Functions of one native histogram. */
const HISTOGRAM_KERNELS: ReadonlyMap<string, (histogram: FloatHistogram) => number> = new Map([
  ['histogram_count', ({ count }: FloatHistogram) => count],
  ['histogram_sum', ({ sum }: FloatHistogram) => sum],
  ['histogram_avg', ({ sum, count }: FloatHistogram) => sum / count],
  ['histogram_stdvar', nativeVariance],
  ['histogram_stddev', (histogram: FloatHistogram) => Math.sqrt(nativeVariance(histogram))],
]);

function mapKernel(node: MapPlan): ColumnKernel {
  const { func } = node;
  if (func === '-') return negateKernel;
  if (func === 'identity') return copyKernel;
  if (func === 'start_timestamp') return noKernel;
  if (func === 'timestamp') return timestampKernel(node.grid);
  const ofHistogram = HISTOGRAM_KERNELS.get(func);
  if (ofHistogram !== undefined) return mapHistograms(ofHistogram);
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
    dropper: new NameDropper(compiler.context, node.input.namesMayDiffer, {
      keepsTypeAndUnit: HISTOGRAM_KERNELS.has(node.func),
    }),
  });
}
