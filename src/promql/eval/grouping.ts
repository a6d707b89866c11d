import { type Labels, METRIC_NAME } from '../../core/labels.ts';

/** Separates label values in keys: half a surrogate pair, which well-formed text cannot contain. */
const SEPARATOR = '\udfff';

/** Which labels tell the groups of an aggregation apart. */
export interface Grouping {
  readonly labels: readonly string[];
  /** All labels but `labels` and the name, rather than only `labels`. */
  readonly without: boolean;
}

/** A text that is equal exactly for series of one group. */
export function groupKey(grouping: Grouping, labels: Labels): string {
  if (grouping.without) return groupLabels(grouping, labels).key;
  const names = grouping.labels;
  if (names.length === 0) return '';
  if (names.length === 1) return labels.get(names[0]!);
  let key = '';
  for (const name of names) key += labels.get(name) + SEPARATOR;
  return key;
}

/** The labels of a group. */
export function groupLabels(grouping: Grouping, labels: Labels): Labels {
  return grouping.without ? labels.without(METRIC_NAME, ...grouping.labels) : labels.only(grouping.labels);
}
