import type { Labels } from '../../core/labels.ts';
import type { SetOp, VectorMatching } from '../parser/ast.ts';
import { ABSENT, Column, hasAny, type StepGrid } from './column.ts';
import { signatureOf } from './matching.ts';
import { type EvalContext, type SeriesSource, Status } from './source.ts';

/** At which steps any series of a vector has a signature. */
class Presence {
  readonly #bySignature = new Map<string, Uint8Array>();

  add(signature: string, present: Uint8Array): void {
    const seen = this.#bySignature.get(signature);
    if (seen === undefined) {
      this.#bySignature.set(signature, present.slice());
      return;
    }
    for (let k = 0; k < present.length; k++) if (present[k] !== ABSENT) seen[k] = present[k]!;
  }

  get(signature: string): Uint8Array | undefined {
    return this.#bySignature.get(signature);
  }
}

/**
 * `and`, `or`, `unless`. For `or` the left side streams by, noting what it has, then what the right side has beyond
 * that; for the others the right side is noted first and the left one filtered.
 */
export class SetSource implements SeriesSource {
  readonly column: Column;
  readonly #op: SetOp;
  readonly #lhs: SeriesSource;
  readonly #rhs: SeriesSource;
  readonly #context: EvalContext;
  readonly #signature: (labels: Labels) => string;
  readonly #noted = new Presence();
  /** `or`: the left side is through. `and`, `unless`: the right side is noted. */
  #firstDone = false;
  #present: SeriesSource;

  constructor(
    op: SetOp,
    lhs: SeriesSource,
    rhs: SeriesSource,
    context: EvalContext,
    grid: StepGrid,
    matching: VectorMatching,
  ) {
    this.column = new Column(grid.count);
    this.#op = op;
    this.#lhs = lhs;
    this.#rhs = rhs;
    this.#context = context;
    this.#signature = signatureOf(matching);
    this.#present = lhs;
  }

  get dropName(): boolean {
    return this.#present.dropName;
  }

  labels(): Labels {
    return this.#present.labels();
  }

  next(): Status {
    if (this.#op === 'or') return this.#nextOfUnion();
    while (!this.#firstDone) {
      const status = this.#rhs.next();
      if (status === Status.pause) return status;
      if (status === Status.end) this.#firstDone = true;
      else this.#noted.add(this.#signature(this.#rhs.labels()), this.#rhs.column.present);
    }
    return this.#filter(this.#lhs, this.#op === 'and');
  }

  #nextOfUnion(): Status {
    if (!this.#firstDone) {
      const status = this.#lhs.next();
      if (status === Status.series) {
        this.#noted.add(this.#signature(this.#lhs.labels()), this.#lhs.column.present);
        this.column.copyFrom(this.#lhs.column);
      }
      if (status !== Status.end) return status;
      this.#firstDone = true;
      this.#present = this.#rhs;
    }
    return this.#filter(this.#rhs, false);
  }

  /** The next series of `input` at the steps at which its signature is noted (`wanted`) or not noted. */
  #filter(input: SeriesSource, wanted: boolean): Status {
    for (;;) {
      const status = input.next();
      if (status !== Status.series) return status;
      this.#context.control.tick(this.column.values.length);
      const noted = this.#noted.get(this.#signature(input.labels()));
      if (noted === undefined && wanted) continue;
      this.column.copyFrom(input.column);
      if (noted === undefined) return Status.series;
      const { present } = this.column;
      for (let k = 0; k < present.length; k++) if ((noted[k] !== ABSENT) !== wanted) present[k] = ABSENT;
      if (hasAny(present)) return Status.series;
    }
  }
}
