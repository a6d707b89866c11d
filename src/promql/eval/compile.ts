import type { PlanNode } from '../plan.ts';
import { compileMap } from './compile-map.ts';
import { compileAggregation, compileOperator } from './compile-operators.ts';
import { compileOwn } from './compile-own.ts';
import { compileSelector } from './compile-selector.ts';
import { compileScalar } from './compile-scalar.ts';
import { compileVectorFunction } from './compile-vector.ts';
import { compileRange } from './compile-range.ts';
import { RepeatSource } from './kept-source.ts';
import type { SelectionReaders } from './selection.ts';
import type { StepTally } from './step-tally.ts';
import { EmptySource, type EvalContext, ScalarValues, type SeriesSource } from './source.ts';

/** Turns a plan's nodes into running sources. */
export class Compiler {
  readonly context: EvalContext;
  readonly #readers: SelectionReaders;
  readonly #selectionOf: readonly number[];
  #tally: StepTally | undefined;

  /** `tally` counts what the query's steps look at. */
  constructor(
    context: EvalContext,
    readers: SelectionReaders,
    selectionOf: readonly number[],
    tally: StepTally | undefined,
  ) {
    this.context = context;
    this.#tally = tally;
    this.#readers = readers;
    this.#selectionOf = selectionOf;
  }

  /** Reader of what a node calls its selection. */
  reader(selection: number): ReturnType<SelectionReaders['reader']> {
    return this.#readers.reader(this.#selectionOf[selection]!);
  }

  /** Counts what the steps of the node that is being compiled look at; undefined where nobody counts. */
  get tally(): StepTally | undefined {
    return this.#tally;
  }

  /** {@link compile} with another account of what is looked at. */
  compileCounting(node: PlanNode, tally: StepTally | undefined): SeriesSource {
    const outer = this.#tally;
    this.#tally = tally;
    try {
      return this.compile(node);
    } finally {
      this.#tally = outer;
    }
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
        return compileSelector(this, node);
      case 'range':
        return compileRange(this, node);
      case 'map':
        return compileMap(this, node);
      case 'repeat':
        return new RepeatSource(this.compileCounting(node.input, this.#tally?.repeated(grid.count)), grid);
      case 'aggregate':
      case 'rank':
      case 'limit':
      case 'countValues':
        return compileAggregation(this, node);
      case 'vectorScalar':
      case 'vectorVector':
      case 'set':
        return compileOperator(this, node);
      case 'histogram':
      case 'label':
      case 'absent':
      case 'sort':
      case 'info':
        return compileVectorFunction(this, node);
      case 'own':
        return compileOwn(this, node);
      case 'number':
      case 'time':
      case 'date':
      case 'scalarOf':
      case 'scalarCall':
      case 'scalarScalar':
        return compileScalar(this, node);
    }
  }
}
