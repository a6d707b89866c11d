import { assert } from '../../core/errors.ts';
import type { OwnArgument, OwnPlan } from '../plan.ts';
import { rangeFeed } from './compile-range.ts';
import type { Compiler } from './compile.ts';
import type { StepGrid } from './column.ts';
import { PointReader, WindowReader } from './own-members.ts';
import { type OwnArgumentSource, OwnSource } from './own-source.ts';
import type { SeriesSource } from './source.ts';

function compileArgument(compiler: Compiler, arg: OwnArgument, grid: StepGrid): OwnArgumentSource {
  const { context } = compiler;
  switch (arg.kind) {
    case 'scalar':
      return { kind: 'scalar', values: compiler.scalar(arg.node) };
    case 'string':
      return arg;
    case 'vector':
      return { kind: 'series', reader: new PointReader(compiler.compile(arg.node), context) };
    case 'matrix': {
      const { input, at, rangeMs } = arg;
      const feed = rangeFeed(compiler, { input, at, rangeMs, grid, extended: undefined });
      return { kind: 'series', reader: new WindowReader(feed, context, grid, at, rangeMs) };
    }
  }
}

/** A function of our own. */
export function compileOwn(compiler: Compiler, node: OwnPlan): SeriesSource {
  const { context } = compiler;
  const func = context.ownFunctions?.get(node.func);
  assert(func !== undefined, `there must be a function called ${node.func}`);
  const args = node.args.map((arg) => compileArgument(compiler, arg, node.grid));
  return new OwnSource(context, node.grid, { func, args });
}
