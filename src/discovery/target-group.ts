import { Labels } from '../core/labels.ts';

/** Targets that were found together, with the labels they share. Immutable. */
export interface TargetGroup {
  /** Names the group within its provider; a later group of the same source replaces it. */
  readonly source: string;
  /** Labels of each target; `__address__` is always among them. */
  readonly targets: readonly Labels[];
  readonly labels: Labels;
}

/** A group of plain addresses. */
export function makeTargetGroup(
  source: string,
  addresses: readonly string[],
  labels: Labels = Labels.EMPTY,
): TargetGroup {
  const targets = addresses.map((address) => Labels.fromObject({ __address__: address }));
  return { source, targets, labels };
}
