import { compareText, Labels, METRIC_NAME } from '../../core/labels.ts';
import type { BinaryOp, VectorMatching } from '../parser/ast.ts';
import { ARITHMETIC } from '../functions/operators.ts';
import { goQuote } from '../../core/go-quote.ts';
import { groupKey, type Grouping } from './grouping.ts';
import { withoutMetadata } from './metric-name.ts';

const LEGACY_NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

/** Labels as Go prints them: the name among the others. */
export function labelsText(labels: Labels): string {
  const parts: string[] = [];
  for (const [name, value] of labels) {
    parts.push(`${LEGACY_NAME.test(name) ? name : goQuote(name)}=${goQuote(value)}`);
  }
  return `{${parts.join(', ')}}`;
}

/** The labels by which series of two vectors find each other. */
export function matchLabels(matching: VectorMatching, labels: Labels): Labels {
  return matching.on ? labels.only(matching.labels) : labels.without(METRIC_NAME, ...matching.labels);
}

/** A text that is equal exactly for series that match. */
export function signatureOf(matching: VectorMatching): (labels: Labels) => string {
  const grouping: Grouping = { labels: [...new Set(matching.labels)], without: !matching.on };
  return (labels) => groupKey(grouping, labels);
}

/** Whether an operator makes another quantity of its operands, which then isn't the metric any more. */
export function changesMetric(op: BinaryOp): boolean {
  return op in ARITHMETIC;
}

/**
 * Labels of a result: those of the "many" side (of the left one in a one-to-one match, reduced to what matched), with
 * the included labels of the "one" side.
 *
 * @see prometheus promql/engine.go resultMetric
 */
export function resultLabels(matching: VectorMatching, many: Labels, one: Labels, dropName: boolean): Labels {
  let labels = dropName ? withoutMetadata(many) : many;
  if (matching.card === 'one-to-one') {
    labels = matching.on ? labels.only(matching.labels) : labels.without(...matching.labels);
  }
  for (const name of matching.include) labels = withLabel(labels, name, one.get(name));
  return labels;
}

/** With one label set, or with an empty value taken away. */
function withLabel(labels: Labels, name: string, value: string): Labels {
  const { flat } = labels;
  let at = 0;
  while (at < flat.length && compareText(flat[at]!, name) < 0) at += 2;
  const held = flat[at] === name;
  if (value === '' && !held) return labels;
  const pair = value === '' ? [] : [name, value];
  return Labels.fromSortedFlat([...flat.slice(0, at), ...pair, ...flat.slice(held ? at + 2 : at)]);
}
