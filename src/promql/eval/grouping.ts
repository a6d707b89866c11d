import { type Labels, METRIC_NAME } from '../../core/labels.ts';

/** Separates texts in keys: half a surrogate pair, which well-formed text cannot contain. */
const SEPARATOR = '\udfff';

/** Which labels tell the groups of an aggregation apart. */
export interface Grouping {
  /** Each name once. */
  readonly labels: readonly string[];
  /** All labels but `labels` and the name, rather than only `labels`. */
  readonly without: boolean;
}

/** Whether all series are in one group, whatever their labels. */
export function isOneGroup({ labels, without }: Grouping): boolean {
  return !without && labels.length === 0;
}

/** A text that is equal exactly for series of one group. */
export function groupKey(grouping: Grouping, labels: Labels): string {
  const names = grouping.labels;
  if (grouping.without) return keyWithout(names, labels.flat);
  if (names.length === 0) return '';
  if (names.length === 1) return labels.get(names[0]!);
  let key = '';
  for (let i = 0; i < names.length; i++) key += labels.get(names[i]!) + SEPARATOR;
  return key;
}

function keyWithout(names: readonly string[], flat: readonly string[]): string {
  let key = '';
  for (let i = 0; i < flat.length; i += 2) {
    const name = flat[i]!;
    if (name === METRIC_NAME || names.includes(name)) continue;
    key += name + SEPARATOR + flat[i + 1]! + SEPARATOR;
  }
  return key;
}

/** The labels of a group. */
export function groupLabels(grouping: Grouping, labels: Labels): Labels {
  return grouping.without ? labels.without(METRIC_NAME, ...grouping.labels) : labels.only(grouping.labels);
}
