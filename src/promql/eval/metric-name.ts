import { Labels, METRIC_NAME } from '../../core/labels.ts';
import { QueryError } from '../query-engine.ts';
import type { Column } from './column.ts';
import type { EvalContext } from './source.ts';

const TYPE_LABEL = '__type__';
const UNIT_LABEL = '__unit__';

/** The text of the error that two equal series at one step make. */
function duplicateLabelset(): QueryError {
  return new QueryError('execution', 'vector cannot contain metrics with the same labelset');
}

/** Whether a label describes a metric rather than an instance of it. */
export function isMetadataLabel(name: string): boolean {
  return name === METRIC_NAME || name === TYPE_LABEL || name === UNIT_LABEL;
}

/**
 * Without the labels that describe a metric rather than an instance of it: name, type and unit.
 *
 * @see prometheus schema/labels.go IsMetadataLabel
 */
export function withoutMetadata(labels: Labels): Labels {
  const flat = labels.flat;
  let kept: string[] | undefined;
  for (let i = 0; i < flat.length; i += 2) {
    const name = flat[i]!;
    if (isMetadataLabel(name)) kept ??= flat.slice(0, i);
    else kept?.push(name, flat[i + 1]!);
  }
  return kept === undefined ? labels : Labels.fromSortedFlat(kept);
}

/** Whether series may become equal by losing type or unit. */
export function hasTypeOrUnit(labels: Labels): boolean {
  return labels.has(TYPE_LABEL) || labels.has(UNIT_LABEL);
}

/** How a {@link NameDropper} differs from most. */
export interface NameDropperOptions {
  /** Refuses equal labels even when the series have no step in common, as functions of ranges do. */
  readonly strict?: boolean;
  /** Takes only the name away, as histogram_count and its kin do (with delayed removal nobody does). */
  readonly keepsTypeAndUnit?: boolean;
}

/**
 * Takes metric names away from the series of a stream and refuses what becomes equal by it.
 *
 * Streams of one metric, or without names, can't collide, and their labels are only made when somebody asks. With
 * delayed name removal nothing happens here: series are flagged and the end of the evaluation does it.
 */
export class NameDropper {
  readonly #delayed: boolean;
  readonly #namesMayDiffer: boolean;
  readonly #options: NameDropperOptions;
  readonly #seen = new Map<string, Uint8Array>();

  /** `namesMayDiffer`: series of the stream may differ in nothing but their names. */
  constructor(context: EvalContext, namesMayDiffer: boolean, options: NameDropperOptions = {}) {
    this.#delayed = context.delayedNameRemoval;
    this.#namesMayDiffer = namesMayDiffer;
    this.#options = options;
  }

  /** Whether {@link drop} must be called for every series, because it may find a collision. */
  get needsLabels(): boolean {
    return this.#namesMayDiffer && !this.#delayed;
  }

  /** Labels of an output series, whose values are in `column`; throws when it collides with an earlier one. */
  drop(labels: Labels, column: Column): Labels {
    if (this.#delayed) return labels;
    const dropped =
      this.#options.keepsTypeAndUnit === true ? labels.without(METRIC_NAME) : withoutMetadata(labels);
    if (this.#namesMayDiffer || hasTypeOrUnit(labels)) this.#guard(dropped, column.present);
    return dropped;
  }

  /** Labels of an output series whose name is gone already; throws when it collides with an earlier one. */
  keep(labels: Labels, column: Column): Labels {
    if (!this.#delayed) this.#guard(labels, column.present);
    return labels;
  }

  #guard(labels: Labels, present: Uint8Array): void {
    const seen = this.#seen.get(labels.key);
    if (seen === undefined) {
      this.#seen.set(labels.key, present.slice());
      return;
    }
    if (this.#options.strict === true) throw duplicateLabelset();
    mergePresence(seen, present);
  }
}

/** Adds `present` to `seen`; throws when they have a step in common. */
export function mergePresence(seen: Uint8Array, present: Uint8Array): void {
  for (let k = 0; k < present.length; k++) {
    if (present[k] === 0) continue;
    if (seen[k] !== 0) throw duplicateLabelset();
    seen[k] = present[k]!;
  }
}
