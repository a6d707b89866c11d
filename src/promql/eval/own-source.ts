import type { Labels } from '../../core/labels.ts';
import type { OwnFunction, OwnInput, OwnPoint, OwnWindow } from '../functions/own-function.ts';
import { QueryError } from '../query-engine.ts';
import { Column, FLOAT, hasAny, stepTime, type StepGrid } from './column.ts';
import { labelsText } from './matching.ts';
import {
  type OwnMember,
  PointMember,
  type PointReader,
  WindowMember,
  type WindowReader,
} from './own-members.ts';
import { type EvalContext, type ScalarValues, type SeriesSource, Status } from './source.ts';

/** An argument of a call of a function of our own. */
export type OwnArgumentSource =
  | { readonly kind: 'scalar'; readonly values: ScalarValues }
  | { readonly kind: 'string'; readonly text: string }
  | { readonly kind: 'series'; readonly reader: PointReader | WindowReader };

/** A call of a function of our own. */
export interface OwnCall {
  readonly func: OwnFunction;
  readonly args: readonly OwnArgumentSource[];
}

/** Series of all vector arguments that belong together. */
interface Group {
  readonly labels: Labels;
  /** By argument; arguments without series have none. */
  readonly members: readonly OwnMember[][];
}

/** Evaluates a function of our own: all series are taken in and grouped, then each group is computed at all steps. */
export class OwnSource implements SeriesSource {
  readonly column: Column;
  readonly dropName = false;
  readonly #context: EvalContext;
  readonly #grid: StepGrid;
  readonly #call: OwnCall;
  #groups: IterableIterator<Group> | undefined;
  #labels: Labels | undefined;

  constructor(context: EvalContext, grid: StepGrid, call: OwnCall) {
    this.column = new Column(grid.count);
    this.#context = context;
    this.#grid = grid;
    this.#call = call;
  }

  labels(): Labels {
    return this.#labels!;
  }

  next(): Status {
    if (this.#groups === undefined) {
      for (const arg of this.#call.args) {
        const done = arg.kind === 'scalar' ? arg.values.run() : arg.kind === 'string' || arg.reader.run();
        if (!done) return Status.pause;
      }
      this.#groups = this.#group();
    }
    for (;;) {
      if (this.#context.control.tick(this.#grid.count * 10)) return Status.pause;
      const group = this.#groups.next().value;
      if (group === undefined) return Status.end;
      this.#compute(group);
      this.#labels = group.labels;
      if (hasAny(this.column.present)) return Status.series;
    }
  }

  #memberLabel(): string | undefined {
    const { memberLabel } = this.#call.func;
    if (typeof memberLabel !== 'object') return memberLabel;
    const arg = this.#call.args[memberLabel.argument];
    return arg?.kind === 'string' ? arg.text : undefined;
  }

  #group(): IterableIterator<Group> {
    const { args } = this.#call;
    const memberLabel = this.#memberLabel();
    const groups = new Map<string, Group>();
    for (const [i, arg] of args.entries()) {
      if (arg.kind !== 'series') continue;
      for (const member of arg.reader.members) {
        const labels = memberLabel === undefined ? member.labels : member.labels.without(memberLabel);
        let group = groups.get(labels.key);
        if (group === undefined) {
          group = { labels, members: args.map(() => []) };
          groups.set(labels.key, group);
        }
        group.members[i]!.push(member);
      }
    }
    return groups.values();
  }

  #compute(group: Group): void {
    const { args, func } = this.#call;
    const { values, present } = this.column;
    this.column.clear();
    const input = new StepInput(this.#grid, this.#call);
    const wanted = group.members.filter((_, i) => args[i]!.kind === 'series');
    const single = wanted.every(({ length }) => length === 1);
    for (let k = 0; k < values.length; k++) {
      if (!wanted.every((members) => members.some((member) => member.has(k)))) continue;
      const there = single
        ? group.members
        : group.members.map((members) => members.filter((member) => member.has(k)));
      if (!single) for (const [i, members] of there.entries()) this.#refuseRepeated(i, members);
      const result = func.compute(input.at(k, there));
      if (result === undefined) continue;
      present[k] = FLOAT;
      values[k] = result;
    }
  }

  #refuseRepeated(index: number, members: readonly OwnMember[]): void {
    if (members.length < 2) return;
    const seen = new Set<string>();
    for (const { labels } of members) {
      if (!seen.has(labels.key)) {
        seen.add(labels.key);
        continue;
      }
      const { name } = this.#call.func;
      const message = `found several series with the labels ${labelsText(labels)} in argument ${index + 1} of ${name}(), metric names aside: aggregate them`;
      throw new QueryError('execution', message);
    }
  }
}

/** The arguments at one step; the same object for all steps of a group. */
class StepInput implements OwnInput {
  readonly #grid: StepGrid;
  readonly #args: readonly OwnArgumentSource[];
  #step = 0;
  #members: readonly (readonly OwnMember[])[] = [];

  constructor(grid: StepGrid, { args }: OwnCall) {
    this.#grid = grid;
    this.#args = args;
  }

  at(step: number, members: readonly (readonly OwnMember[])[]): this {
    this.#step = step;
    this.#members = members;
    return this;
  }

  get tMs(): number {
    return stepTime(this.#grid, this.#step);
  }

  scalar(index: number, fallback: number = NaN): number {
    const arg = this.#args[index];
    return arg?.kind === 'scalar' ? arg.values.values[this.#step]! : fallback;
  }

  text(index: number): string {
    const arg = this.#args[index];
    return arg?.kind === 'string' ? arg.text : '';
  }

  value(index: number): number {
    const member = this.#members[index]?.[0];
    return member instanceof PointMember ? member.value(this.#step) : NaN;
  }

  points(index: number): readonly OwnPoint[] {
    return this.#of(index, PointMember).map((member) => member.at(this.#step));
  }

  windows(index: number): readonly OwnWindow[] {
    return this.#of(index, WindowMember).map((member) => member.at(this.#step));
  }

  #of<Member extends OwnMember>(
    index: number,
    kind: abstract new (...args: never[]) => Member,
  ): readonly Member[] {
    return (this.#members[index] ?? []).filter((member): member is Member => member instanceof kind);
  }
}
