import { goQuote } from '../../core/go-quote.ts';
import { isValidLabelName } from '../../core/labels.ts';
import type { AggregatePlan, LimitPlan, PlanNode } from '../plan.ts';
import { QueryError } from '../query-engine.ts';
import { AggregateSource } from './aggregate-source.ts';
import { vectorScalarKernel } from './binary-scalar.ts';
import { BinarySource } from './binary-vector.ts';
import type { Compiler } from './compile.ts';
import { CountValuesSource } from './count-values-source.ts';
import { LimitSource, limitSieve, ratioSieve } from './limit-source.ts';
import { MapSource } from './map-source.ts';
import { changesMetric } from './matching.ts';
import { NameDropper } from './metric-name.ts';
import { annotatePair } from './pair-columns.ts';
import { RankSource } from './rank-source.ts';
import { SetSource } from './set-source.ts';
import type { SeriesSource } from './source.ts';

/** An operator with at least one vector. */
export function compileOperator(
  compiler: Compiler,
  node: Extract<PlanNode, { kind: 'vectorScalar' | 'vectorVector' | 'set' }>,
): SeriesSource {
  const { context } = compiler;
  const { grid } = node;
  switch (node.kind) {
    case 'vectorScalar': {
      const { op, vector, scalar, scalarLeft, returnBool } = node;
      const { annotations } = context;
      const dropsName = changesMetric(op) || returnBool;
      return new MapSource(compiler.compile(vector), context, grid, {
        kernel: vectorScalarKernel({
          op,
          scalarLeft,
          returnBool,
          onNote: (note) => {
            annotatePair(annotations, node, note);
          },
        }),
        scalars: [compiler.scalar(scalar)],
        dropper: dropsName ? new NameDropper(context, vector.namesMayDiffer) : undefined,
      });
    }
    case 'vectorVector': {
      const { op, matching, returnBool, position, manyNamesMayDiffer } = node;
      const binary = { op, matching, returnBool, position, manyNamesMayDiffer };
      return new BinarySource(compiler.compile(node.lhs), compiler.compile(node.rhs), context, grid, binary);
    }
    case 'set': {
      const lhs = compiler.compile(node.lhs);
      return new SetSource(node.op, lhs, compiler.compile(node.rhs), context, grid, node.matching);
    }
  }
}

/** An aggregation. Throws QueryError for a label that can't be used. */
export function compileAggregation(
  compiler: Compiler,
  node: Extract<PlanNode, { kind: 'aggregate' | 'rank' | 'limit' | 'countValues' }>,
): SeriesSource {
  const { context } = compiler;
  const { grid, grouping } = node;
  switch (node.kind) {
    case 'rank': {
      const { op, position } = node;
      const k = compiler.scalar(node.parameter.node);
      return new RankSource(compiler.compile(node.input), context, grid, { op, grouping, k, position });
    }
    case 'limit':
      return compileLimit(compiler, node);
    case 'countValues':
      if (!isValidLabelName(node.label)) {
        throw new QueryError('execution', `invalid label name ${goQuote(node.label)}`);
      }
      return new CountValuesSource(compiler.compile(node.input), context, grid, node.label, grouping);
    case 'aggregate':
      return compileAccumulated(compiler, node);
  }
}

function compileLimit(compiler: Compiler, node: LimitPlan): SeriesSource {
  const { annotations } = compiler.context;
  const { op, grid, grouping, parameter } = node;
  const values = compiler.scalar(parameter.node);
  const input = compiler.compile(node.input);
  return new LimitSource(input, compiler.context, grid, values, (given) => {
    if (op === 'limitk') return limitSieve(grouping, given);
    return ratioSieve(given, ({ min, max }) => {
      if (max > 1) annotations.invalidRatio(max, 1, parameter.position);
      if (min < -1) annotations.invalidRatio(min, -1, parameter.position);
    });
  });
}

function compileAccumulated(compiler: Compiler, node: AggregatePlan): SeriesSource {
  const { annotations } = compiler.context;
  const { op, grid, grouping, parameter, inputPosition } = node;
  return new AggregateSource(compiler.compile(node.input), compiler.context, grid, {
    op,
    grouping,
    inputPosition,
    parameter: parameter === undefined ? undefined : compiler.scalar(parameter.node),
    onParameter: ({ min, max, hasNaN }) => {
      const { position } = parameter!;
      if (hasNaN) annotations.invalidQuantile(NaN, position);
      if (max > 1) annotations.invalidQuantile(max, position);
      if (min < 0) annotations.invalidQuantile(min, position);
    },
  });
}
