import type { Labels } from '../../core/labels.ts';
import type { VectorMatching } from '../parser/ast.ts';
import { QueryError } from '../query-engine.ts';
import { ABSENT, type Column } from './column.ts';
import { labelsText, matchLabels, signatureOf } from './matching.ts';
import type { EvalContext, SeriesSource } from './source.ts';
import { Status } from './source.ts';

/** What the series of one signature of the "one" side have at each step; at most one of them has a value at any. */
export interface OneGroup {
  readonly column: Column;
  readonly series: Labels[];
  /** Which of `series` the value is of; undefined while there is only one. */
  owners: Int32Array | undefined;
}

/** Two series of one signature at the same step: an error as soon as the other side has anything at that step. */
interface Duplicate {
  readonly first: Labels;
  readonly second: Labels;
}

/** The side of a vector match on which every signature must be unique, taken in as a whole and looked up by signature. */
export class OneSide {
  readonly #source: SeriesSource;
  readonly #context: EvalContext;
  readonly #matching: VectorMatching;
  readonly #groups = new Map<string, OneGroup>();
  readonly #duplicates = new Map<number, Duplicate>();
  #done = false;

  constructor(source: SeriesSource, context: EvalContext, matching: VectorMatching) {
    this.#source = source;
    this.#context = context;
    this.#matching = matching;
  }

  /** True when everything is taken in; false asks for a pause. */
  run(): boolean {
    const signature = signatureOf(this.#matching);
    while (!this.#done) {
      const status = this.#source.next();
      if (status === Status.pause) return false;
      if (status === Status.end) {
        this.#done = true;
        break;
      }
      const labels = this.#source.labels();
      const key = signature(labels);
      const group = this.#groups.get(key);
      if (group === undefined) {
        this.#context.control.hold(this.#source.column.values.length);
        this.#groups.set(key, { column: this.#source.column.clone(), series: [labels], owners: undefined });
      } else {
        this.#join(group, labels, this.#source.column);
      }
    }
    return true;
  }

  /** Whether there is any series on this side. */
  get isEmpty(): boolean {
    return this.#groups.size === 0;
  }

  find(signature: string): OneGroup | undefined {
    return this.#groups.get(signature);
  }

  #join(group: OneGroup, labels: Labels, { values, present }: Column): void {
    group.owners ??= new Int32Array(values.length);
    const index = group.series.push(labels) - 1;
    for (let k = 0; k < values.length; k++) {
      if (present[k] === ABSENT) continue;
      if (group.column.present[k] !== ABSENT) {
        const first = group.series[group.owners[k]!]!;
        if (!this.#duplicates.has(k)) this.#duplicates.set(k, { first, second: labels });
        continue;
      }
      group.column.values[k] = values[k]!;
      group.column.present[k] = present[k]!;
      group.owners[k] = index;
    }
  }

  /** Throws when the other side has a value at a step at which this side has duplicates. */
  refuseDuplicates(other: Uint8Array): void {
    for (const [k, { first, second }] of this.#duplicates) {
      if (other[k] === ABSENT) continue;
      const side = this.#matching.card === 'one-to-many' ? 'left' : 'right';
      const match = labelsText(matchLabels(this.#matching, second));
      const [a, b] = [labelsText(first), labelsText(second)].toSorted();
      throw new QueryError(
        'execution',
        `found duplicate series for the match group ${match} on the ${side} hand-side of the operation: ` +
          `[${a}, ${b}];many-to-many matching not allowed: matching labels must be unique on one side`,
      );
    }
  }
}
