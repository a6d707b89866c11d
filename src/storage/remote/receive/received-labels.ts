import {
  Labels,
  METRIC_NAME,
  compareText,
  isValidLabelName,
  isValidMetricName,
} from '../../../core/labels.ts';

/**
 * The labels of a received series from names and values in turn, in any order; a text that says what is wrong with them
 * when they cannot be a series. What others evaluated may have no name: see `needsName`.
 *
 * @see prometheus storage/remote/write_handler.go appendV2
 */
export function receivedLabels(flat: readonly string[], needsName = true): Labels | string {
  const sorted: string[] = [];
  const places = Array.from({ length: flat.length / 2 }, (_, i) => 2 * i);
  places.sort((a, b) => compareText(flat[a]!, flat[b]!));
  let isValid = true;
  let hasName = false;
  let repeated: string | undefined;
  for (const [i, place] of places.entries()) {
    const name = flat[place]!;
    const value = flat[place + 1]!;
    if (name === METRIC_NAME) {
      hasName = true;
      isValid &&= isValidMetricName(value);
    }
    isValid &&= isValidLabelName(name) && value.isWellFormed();
    if (i > 0 && flat[places[i - 1]!] === name) repeated ??= name;
    if (value !== '') sorted.push(name, value);
  }
  const labels = Labels.fromSortedFlat(sorted);
  if (!isValid || (needsName && !hasName)) return `invalid metric name or labels, got ${shown(labels)}`;
  if (repeated !== undefined) {
    return `invalid labels for series, labels ${shown(labels)}, duplicated label ${repeated}`;
  }
  return labels;
}

function shown(labels: Labels): string {
  return labels.toString().toWellFormed();
}
