import type { Labels } from '../../core/labels.ts';
import type { VectorMatching } from '../parser/ast.ts';
import { QueryError } from '../query-engine.ts';
import { ABSENT, type Column, ColumnShelf } from './column.ts';
import { labelsText, matchLabels, signatureOf } from './matching.ts';
import type { EvalContext, SeriesSource } from './source.ts';
import { Status } from './source.ts';

/**
 * What the series of one signature of the "one" side have at each step; at most one of them has a value at any. A
 * signature that only the other side has gets one without series when missing partners are filled in.
 */
export interface OneGroup {
  readonly column: Column;
  readonly series: Labels[];
  /** Which of `series` the value is of; undefined while there is only one. */
  owners: Int32Array | undefined;
  /** Steps at which a series of the other side was matched with this signature. */
  matched: Uint8Array | undefined;
  /** The same for each set of result labels, where those may repeat. */
  matchedLabels: Map<string, Uint8Array> | undefined;
}

/** Two series of one signature at the same step: an error as soon as the other side has anything at that step. */
interface Duplicate {
  readonly first: Labels;
  readonly second: Labels;
}

function makeGroup(column: Column, series: Labels[]): OneGroup {
  return { column, series, owners: undefined, matched: undefined, matchedLabels: undefined };
}

/** The side of a vector match on which every signature must be unique, taken in as a whole and looked up by signature. */
export class OneSide {
  readonly #source: SeriesSource;
  readonly #context: EvalContext;
  readonly #matching: VectorMatching;
  readonly #groups = new Map<string, OneGroup>();
  readonly #duplicates = new Map<number, Duplicate>();
  readonly #shelf: ColumnShelf;
  #done = false;

  constructor(source: SeriesSource, context: EvalContext, matching: VectorMatching, steps: number) {
    this.#source = source;
    this.#context = context;
    this.#matching = matching;
    this.#shelf = new ColumnShelf(steps);
  }

  /** True when everything is taken in; false asks for a pause. */
  run(): boolean {
    if (this.#done) return true;
    const signature = signatureOf(this.#matching);
    const { control } = this.#context;
    for (;;) {
      const status = this.#source.next();
      if (status === Status.pause) return false;
      if (status === Status.end) break;
      const labels = this.#source.labels();
      const key = signature(labels);
      const group = this.#groups.get(key);
      if (group === undefined) {
        const column = this.#shelf.clone(this.#source.column);
        control.hold(column.sampleCount);
        this.#groups.set(key, makeGroup(column, [labels]));
      } else {
        this.#join(group, labels, this.#source.column);
      }
    }
    this.#done = true;
    // Filling in makes a result of every series, so nothing keeps duplicates from meeting something.
    const { left, right } = this.#matching.fill;
    if (left !== undefined || right !== undefined) this.#refuseFirst();
    return true;
  }

  /** Whether there is any series on this side. */
  get isEmpty(): boolean {
    return this.#groups.size === 0;
  }

  find(signature: string): OneGroup | undefined {
    return this.#groups.get(signature);
  }

  /** Like {@link find}; a signature that nothing has gets a group without series. */
  findOrMake(signature: string): OneGroup {
    let group = this.#groups.get(signature);
    if (group === undefined) {
      group = makeGroup(this.#shelf.make(), []);
      this.#groups.set(signature, group);
    }
    return group;
  }

  /** All groups, in the order in which their first series came. */
  groups(): IterableIterator<OneGroup> {
    return this.#groups.values();
  }

  #join(group: OneGroup, labels: Labels, column: Column): void {
    const { values, present } = column;
    group.owners ??= new Int32Array(values.length);
    const index = group.series.push(labels) - 1;
    for (let k = 0; k < values.length; k++) {
      if (present[k] === ABSENT) continue;
      if (group.column.present[k] !== ABSENT) {
        const first = group.series[group.owners[k]!]!;
        if (!this.#duplicates.has(k)) this.#duplicates.set(k, { first, second: labels });
        continue;
      }
      group.column.copyStep(column, k);
      group.owners[k] = index;
    }
  }

  /** Throws when the other side has a value at a step at which this side has duplicates. */
  refuseDuplicates(other: Uint8Array): void {
    for (const [k, duplicate] of this.#duplicates) if (other[k] !== ABSENT) this.#refuse(duplicate);
  }

  #refuseFirst(): void {
    const first = [...this.#duplicates.keys()].toSorted((a, b) => a - b)[0];
    if (first !== undefined) this.#refuse(this.#duplicates.get(first)!);
  }

  #refuse({ first, second }: Duplicate): never {
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
