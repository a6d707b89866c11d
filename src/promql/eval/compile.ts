import { goQuote } from '../../core/go-quote.ts';
import { Labels } from '../../core/labels.ts';
import type { PlanNode, SortPlan } from '../plan.ts';
import { QueryError } from '../query-engine.ts';
import { TIME_KERNELS } from '../functions/time.ts';
import { isUsableLabelName } from '../functions/label-name.ts';
import { labelJoin, labelReplace } from '../functions/label-edit.ts';
import { AggregateSource } from './aggregate-source.ts';
import { scalarOperator, vectorScalarKernel } from './binary-scalar.ts';
import { BinarySource } from './binary-vector.ts';
import { stepTime } from './column.ts';
import { compileMap } from './compile-map.ts';
import { compileRange } from './compile-range.ts';
import { CountValuesSource } from './count-values-source.ts';
import { HistogramSource } from './histogram-source.ts';
import { RepeatSource, sortSource } from './kept-source.ts';
import { LabelSource } from './label-source.ts';
import { MapSource, ScalarSource } from './map-source.ts';
import { NameDropper } from './metric-name.ts';
import { changesMetric } from './matching.ts';
import { RankSource } from './rank-source.ts';
import { absentSource, scalarSource } from './reduce-source.ts';
import type { SelectionReaders } from './selection.ts';
import { SelectorSource } from './selector-source.ts';
import { EmptySource, type EvalContext, ScalarValues, type SeriesSource } from './source.ts';
import { SetSource } from './set-source.ts';

/** Turns a plan's nodes into running sources. */
export class Compiler {
  readonly context: EvalContext;
  readonly #readers: SelectionReaders;
  readonly #selectionOf: readonly number[];

  constructor(context: EvalContext, readers: SelectionReaders, selectionOf: readonly number[]) {
    this.context = context;
    this.#readers = readers;
    this.#selectionOf = selectionOf;
  }

  /** Reader of what a node calls its selection. */
  reader(selection: number): ReturnType<SelectionReaders['reader']> {
    return this.#readers.reader(this.#selectionOf[selection]!);
  }

  /** A scalar node's values. */
  scalar(node: PlanNode): ScalarValues {
    return new ScalarValues(this.compile(node), node.grid);
  }

  /** Scalar nodes' values. */
  scalars(nodes: readonly PlanNode[]): ScalarValues[] {
    return nodes.map((node) => this.scalar(node));
  }

  /** A node's series. Throws QueryError for text arguments that can't be used. */
  compile(node: PlanNode): SeriesSource {
    const { grid } = node;
    switch (node.kind) {
      case 'empty':
        return new EmptySource();
      case 'selector':
        return new SelectorSource(this.reader(node.selection), this.context, grid, node.at, node.asTime);
      case 'range':
        return compileRange(this, node);
      case 'map':
        return compileMap(this, node);
      case 'repeat':
        return new RepeatSource(this.compile(node.input), grid);
      case 'aggregate':
      case 'rank':
      case 'countValues':
        return this.#aggregation(node);
      case 'vectorScalar':
      case 'vectorVector':
      case 'set':
        return this.#binary(node);
      case 'histogram': {
        const { position, phiPosition, input } = node;
        const scalars = this.scalars(node.scalars);
        const call = { scalars, position, phiPosition, namesMayDiffer: input.namesMayDiffer };
        return new HistogramSource(this.compile(input), this.context, grid, call);
      }
      case 'label': {
        const [a = '', b = '', c = '', d = ''] = node.texts;
        const edit =
          node.func === 'label_replace' ? labelReplace(a, b, c, d) : labelJoin(a, b, node.texts.slice(2));
        return new LabelSource(this.compile(node.input), edit, a);
      }
      case 'absent':
        return absentSource(this.compile(node.input), grid, node.labels);
      case 'sort':
        return this.#sort(node);
      case 'number':
      case 'time':
      case 'date':
      case 'scalarOf':
      case 'scalarScalar':
        return this.#scalar(node);
    }
  }

  #scalar(
    node: Extract<PlanNode, { kind: 'number' | 'time' | 'date' | 'scalarOf' | 'scalarScalar' }>,
  ): SeriesSource {
    const { grid } = node;
    switch (node.kind) {
      case 'number':
        return new ScalarSource(grid, Labels.EMPTY, [], () => node.value);
      case 'time':
        return new ScalarSource(grid, Labels.EMPTY, [], (step) => stepTime(grid, step) / 1000);
      case 'date': {
        const compute = TIME_KERNELS.get(node.func)!;
        return new ScalarSource(grid, Labels.EMPTY, [], (step) => compute(stepTime(grid, step) / 1000));
      }
      case 'scalarOf':
        return scalarSource(this.compile(node.input), grid);
      case 'scalarScalar': {
        const compute = scalarOperator(node.op);
        const operands = this.scalars([node.lhs, node.rhs]);
        return new ScalarSource(grid, Labels.EMPTY, operands, (step, [left, right]) =>
          compute(left!.values[step]!, right!.values[step]!),
        );
      }
    }
  }

  #binary(node: Extract<PlanNode, { kind: 'vectorScalar' | 'vectorVector' | 'set' }>): SeriesSource {
    const { grid, op } = node;
    switch (node.kind) {
      case 'vectorScalar': {
        const dropsName = changesMetric(op) || node.returnBool;
        return new MapSource(this.compile(node.vector), this.context, grid, {
          kernel: vectorScalarKernel(node.op, node.scalarLeft, node.returnBool),
          scalars: [this.scalar(node.scalar)],
          dropper: dropsName ? new NameDropper(this.context, node.vector.namesMayDiffer) : undefined,
        });
      }
      case 'vectorVector':
        return new BinarySource(this.compile(node.lhs), this.compile(node.rhs), this.context, grid, node);
      case 'set': {
        const lhs = this.compile(node.lhs);
        return new SetSource(node.op, lhs, this.compile(node.rhs), this.context, grid, node.matching);
      }
    }
  }

  #aggregation(node: Extract<PlanNode, { kind: 'aggregate' | 'rank' | 'countValues' }>): SeriesSource {
    const { grid, grouping } = node;
    const input = this.compile(node.input);
    switch (node.kind) {
      case 'rank':
        return new RankSource(input, this.context, grid, grouping, this.scalar(node.k), node.largest);
      case 'countValues':
        if (!isUsableLabelName(node.label)) {
          throw new QueryError('execution', `invalid label name ${goQuote(node.label)}`);
        }
        return new CountValuesSource(input, this.context, grid, node.label, grouping);
      case 'aggregate': {
        const { op, parameter, parameterPosition } = node;
        const { annotations } = this.context;
        return new AggregateSource(input, this.context, grid, {
          op,
          grouping,
          parameter: parameter === undefined ? undefined : this.scalar(parameter),
          onParameter: (phis) => {
            for (const phi of phis)
              if (!(phi >= 0 && phi <= 1)) annotations.invalidQuantile(phi, parameterPosition!);
          },
        });
      }
    }
  }

  #sort(node: SortPlan): SeriesSource {
    const input = this.compile(node.input);
    if (node.grid.count === 1) return sortSource(input, this.context, node.descending);
    this.context.annotations.sortInRangeQuery(node.position);
    return input;
  }
}
