import { Labels } from '../../core/labels.ts';
import type { ElementOp, Position, VectorMatching } from '../parser/ast.ts';
import { QueryError } from '../query-engine.ts';
import { ABSENT, Column, FLOAT, hasAll, hasAny, type StepGrid } from './column.ts';
import { changesMetric, matchLabels, resultLabels, signatureOf } from './matching.ts';
import { hasTypeOrUnit, isMetadataLabel, mergePresence } from './metric-name.ts';
import { OneSide, type OneGroup } from './one-side.ts';
import { combineColumns, StepNotes } from './pair-columns.ts';
import { type EvalContext, type SeriesSource, Status } from './source.ts';

/** An operator between two vectors. */
export interface VectorBinary {
  readonly op: ElementOp;
  readonly matching: VectorMatching;
  readonly returnBool: boolean;
  /** Series of the "many" side may differ in nothing but their metric names. */
  readonly manyNamesMayDiffer: boolean;
  readonly position: Position;
}

/** Stands for the partner that is filled in where there is none; see {@link Match.variants}. */
const FILLED = -1;
/** Stands for all partners there are, filled in or not: the result's labels don't depend on them. */
const ANY = -2;

/** A series of the streaming side with all it meets, while its results are given one by one. */
interface Match {
  readonly group: OneGroup;
  readonly many: Column;
  readonly manyLabels: Labels;
  readonly one: Column;
  /** For each result: the index of the partner in the group's series, or one of the constants above. */
  readonly variants: readonly number[];
  next: number;
}

const ANY_ONLY: readonly number[] = [ANY];

/**
 * An operator between two vectors, one-to-one or many-to-one. The "one" side is taken in first, the other streams by.
 * With `fill_left` what the "one" side has beyond that comes last; note that left and right name the "many" and the
 * "one" side there, also under `group_right`.
 *
 * A series of the streaming side may meet several of the "one" side, one after the other; where their included labels
 * differ it gives one series for each.
 *
 * @see prometheus promql/engine.go VectorBinop
 */
export class BinarySource implements SeriesSource {
  readonly column: Column;
  readonly dropName: boolean;
  readonly #many: SeriesSource;
  readonly #one: OneSide;
  readonly #context: EvalContext;
  readonly #binary: VectorBinary;
  readonly #signature: (labels: Labels) => string;
  readonly #dropMetricName: boolean;
  readonly #pairs: Uint8Array;
  readonly #notes = new StepNotes();
  /** At which steps result labels that two signatures may give were given; undefined where none may. */
  readonly #given: Map<string, Uint8Array> | undefined;
  /** What is filled in for series that miss their partner on the "one" side, and the other way round. */
  readonly #fillOne: Filler | undefined;
  readonly #fillMany: Filler | undefined;
  #unmatched: IterableIterator<OneGroup> | undefined;
  #match: Match | undefined;
  #partner: Labels = Labels.EMPTY;
  #labels: Labels | undefined;

  constructor(
    lhs: SeriesSource,
    rhs: SeriesSource,
    context: EvalContext,
    grid: StepGrid,
    binary: VectorBinary,
  ) {
    const { matching, op, returnBool } = binary;
    this.column = new Column(grid.count);
    const oneToMany = matching.card === 'one-to-many';
    this.#many = oneToMany ? rhs : lhs;
    this.#one = new OneSide(oneToMany ? lhs : rhs, context, matching, grid.count);
    this.#context = context;
    this.#binary = binary;
    this.#signature = signatureOf(matching);
    this.#dropMetricName = changesMetric(op) || (returnBool && !context.delayedNameRemoval);
    this.dropName = returnBool;
    this.#pairs = new Uint8Array(grid.count);
    // With delayed name removal an instant query finds equal labels only at the end.
    const checksLabels = !context.delayedNameRemoval || grid.count > 1;
    this.#given = this.#dropMetricName && checksLabels ? new Map() : undefined;
    const { left, right } = matching.fill;
    this.#fillOne = right === undefined ? undefined : new Filler(right, grid.count);
    this.#fillMany = left === undefined ? undefined : new Filler(left, grid.count);
  }

  labels(): Labels {
    this.#labels ??= this.#outputLabels();
    return this.#labels;
  }

  next(): Status {
    if (!this.#one.run()) return Status.pause;
    for (;;) {
      if (this.#match !== undefined) {
        if (this.#nextResult(this.#match)) return Status.series;
        this.#match = undefined;
      }
      if (this.#unmatched === undefined) {
        const status = this.#many.next();
        if (status === Status.pause) return status;
        if (status === Status.series) this.#match = this.#meet();
        else if (this.#fillMany === undefined) return this.#end();
        else this.#unmatched = this.#one.groups();
        continue;
      }
      if (this.#context.control.tick(this.#pairs.length)) return Status.pause;
      const group = this.#unmatched.next().value;
      if (group === undefined) return this.#end();
      this.#match = this.#leftOver(group);
    }
  }

  #end(): Status {
    this.#notes.flush(this.#context.annotations, this.#binary);
    return Status.end;
  }

  /** What the present series of the streaming side meets, undefined when that is nothing. */
  #meet(): Match | undefined {
    const many = this.#many.column;
    this.#one.refuseDuplicates(many.present);
    if (this.#one.isEmpty && this.#fillOne === undefined) return undefined;
    const manyLabels = this.#many.labels();
    const signature = this.#signature(manyLabels);
    this.#context.control.tick(this.#pairs.length);
    if (this.#fillOne === undefined) {
      const group = this.#one.find(signature);
      if (group === undefined) return undefined;
      return { group, many, manyLabels, one: group.column, variants: this.#partners(group), next: 0 };
    }
    const group = this.#one.findOrMake(signature);
    const one = this.#fillOne.complete(group.column);
    // Which labels are included depends on whether there is a partner.
    const variants = this.#binary.matching.include.length > 0 ? [...group.series.keys(), FILLED] : ANY_ONLY;
    return { group, many, manyLabels, one, variants, next: 0 };
  }

  #partners(group: OneGroup): readonly number[] {
    const split = group.owners !== undefined && this.#binary.matching.include.length > 0;
    return split ? [...group.series.keys()] : ANY_ONLY;
  }

  /** What the series of a signature meet where nothing of the streaming side did. */
  #leftOver(group: OneGroup): Match | undefined {
    const first = group.series[0];
    if (first === undefined) return undefined;
    const many = this.#fillMany!.column;
    for (let k = 0; k < many.present.length; k++) {
      many.present[k] = group.matched === undefined || group.matched[k] === ABSENT ? FLOAT : ABSENT;
    }
    const manyLabels = matchLabels(this.#binary.matching, first);
    return { group, many, manyLabels, one: group.column, variants: this.#partners(group), next: 0 };
  }

  /** Computes the next result of a match; false when there is none left. */
  #nextResult(match: Match): boolean {
    const { group, many, one } = match;
    while (match.next < match.variants.length) {
      const variant = match.variants[match.next++]!;
      if (!this.#findPairs(match, variant)) continue;
      this.#labels = undefined;
      this.#partner =
        variant === FILLED
          ? this.#signatureLabels(match)
          : (group.series[Math.max(variant, 0)] ?? Labels.EMPTY);
      const swapped = this.#binary.matching.card === 'one-to-many';
      const [left, right] = swapped ? [one, many] : [many, one];
      combineColumns(this.#binary, left, right, this.#pairs, this.column, this.#notes);
      this.#claim(group);
      if (!hasAny(this.column.present)) continue;
      this.#refuseEqual(match);
      return true;
    }
    return false;
  }

  #signatureLabels({ manyLabels }: Match): Labels {
    return matchLabels(this.#binary.matching, manyLabels);
  }

  /** Sets the steps at which a match's two sides meet as `variant` says; false when there is none. */
  #findPairs(match: Match, variant: number): boolean {
    const pairs = this.#pairs;
    const { present } = match.many;
    const partner = match.one.present;
    if (hasAll(present) && hasAll(partner)) pairs.fill(FLOAT);
    else {
      for (let k = 0; k < pairs.length; k++) {
        pairs[k] = present[k] !== ABSENT && partner[k] !== ABSENT ? FLOAT : ABSENT;
      }
    }
    if (variant !== ANY) this.#choose(match.group, variant);
    return hasAny(pairs);
  }

  /** Of the pairs leaves those with one partner. */
  #choose({ column, owners }: OneGroup, variant: number): void {
    for (let k = 0; k < this.#pairs.length; k++) {
      const owner = column.present[k] === ABSENT ? FILLED : owners === undefined ? 0 : owners[k]!;
      if (owner !== variant) this.#pairs[k] = ABSENT;
    }
  }

  /** Throws when a step's match is not unique. Counts also for what a comparison then drops. */
  #claim(group: OneGroup): void {
    const { card, include } = this.#binary.matching;
    const oneToOne = card === 'one-to-one';
    if (oneToOne || this.#fillMany !== undefined) {
      const matched = group.matched;
      if (matched === undefined) group.matched = this.#pairs.slice();
      else this.#addPairs(matched, oneToOne ? NOT_ONE_TO_ONE : undefined);
    }
    if (oneToOne) return;
    // Series of one stream have different labels: results can only be equal by what is taken from them or put on them.
    const { manyNamesMayDiffer } = this.#binary;
    const mayRepeat =
      include.length > 0 ||
      (this.#dropMetricName && (manyNamesMayDiffer || hasTypeOrUnit(this.#match!.manyLabels)));
    if (!mayRepeat) return;
    const { key } = this.labels();
    group.matchedLabels ??= new Map();
    const matched = group.matchedLabels.get(key);
    if (matched === undefined) group.matchedLabels.set(key, this.#pairs.slice());
    else this.#addPairs(matched, NOT_UNIQUE);
  }

  /** Adds the present pairs; `error` is thrown when one was there already. */
  #addPairs(matched: Uint8Array, error: string | undefined): void {
    for (let k = 0; k < matched.length; k++) {
      if (this.#pairs[k] === ABSENT) continue;
      if (error !== undefined && matched[k] !== ABSENT) throw new QueryError('execution', error);
      matched[k] = FLOAT;
    }
  }

  /** Throws when series of two signatures became equal by losing their names. */
  #refuseEqual({ manyLabels }: Match): void {
    if (this.#given === undefined) return;
    const { on, labels } = this.#binary.matching;
    if (on ? !labels.some(isMetadataLabel) : !hasTypeOrUnit(manyLabels)) return;
    const { key } = this.labels();
    const seen = this.#given.get(key);
    if (seen === undefined) this.#given.set(key, this.column.present.slice());
    else mergePresence(seen, this.column.present);
  }

  #outputLabels(): Labels {
    const { manyLabels } = this.#match!;
    return resultLabels(this.#binary.matching, manyLabels, this.#partner, this.#dropMetricName);
  }
}

const NOT_ONE_TO_ONE =
  'multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)';
const NOT_UNIQUE = 'multiple matches for labels: grouping labels must ensure unique matches';

/** Stands in for a missing partner with one value at all steps. */
class Filler {
  /** The value at every step; `present` is the user's. */
  readonly column: Column;
  readonly #value: number;
  readonly #completed: Column;

  constructor(value: number, steps: number) {
    this.#value = value;
    this.column = new Column(steps);
    this.column.values.fill(value);
    this.#completed = new Column(steps);
  }

  /** A column with the value where another has nothing; valid until the next call. */
  complete(column: Column): Column {
    const into = this.#completed;
    into.copyFrom(column);
    for (let k = 0; k < into.present.length; k++) {
      if (into.present[k] !== ABSENT) continue;
      into.values[k] = this.#value;
      into.present[k] = FLOAT;
    }
    return into;
  }
}
