import { Labels, compareText, isValidLabelName, isValidMetricName, METRIC_NAME } from '../core/labels.ts';
import { ExpositionError } from './parser/entry.ts';
import { quoteText } from './parser/bytes.ts';

/** Relabelling: the changed labels, or undefined when they are dropped. */
type Relabel = (labels: Labels) => Labels | undefined;

/** How a target's samples get their final labels. */
export interface SampleLabelRules {
  /** The target's public labels. */
  readonly targetLabels: Labels;
  readonly honorLabels: boolean;
  /** `metric_relabel_configs`; undefined when there are none. */
  readonly relabel: Relabel | undefined;
  readonly nameScheme: 'utf8' | 'legacy';
  /** Labels a sample may have after relabelling; 0 is no limit. */
  readonly labelLimit: number;
  /** Bytes. */
  readonly labelNameLengthLimit: number;
  /** Bytes. */
  readonly labelValueLengthLimit: number;
}

/** A label limit was exceeded; fails the whole scrape. */
export class LabelLimitError extends ExpositionError {}

const EXPORTED = 'exported_';

/**
 * The labels under which a scraped series is stored; undefined when relabelling drops it. `scraped` are its own labels,
 * `empties` the names of those without value: where its labels are honoured, they keep the target's out. Throws an ExpositionError when they may not be stored.
 *
 * @see prometheus scrape/scrape.go mutateSampleLabels, verifyLabelLimits
 */
export function storedLabels(
  scraped: Labels,
  rules: SampleLabelRules,
  empties: readonly string[],
): Labels | undefined {
  const merged = rules.honorLabels
    ? honored(scraped, rules.targetLabels, empties)
    : exported(scraped, rules.targetLabels);
  const labels = rules.relabel === undefined ? merged : rules.relabel(merged);
  if (labels === undefined || labels.size === 0) return undefined;
  if (!labels.has(METRIC_NAME)) throw new ExpositionError('missing metric name (__name__ label)');
  checkNames(labels, rules.nameScheme);
  checkLimits(labels, rules);
  return labels;
}

/** Labels of a series that tocsin makes about the target: the target's own win. */
export function reportLabels(name: string, targetLabels: Labels): Labels {
  return targetLabels.with(METRIC_NAME, name);
}

function honored(scraped: Labels, targetLabels: Labels, empties: readonly string[]): Labels {
  const wanted = empties.length === 0 ? targetLabels : targetLabels.without(...empties);
  return wanted.merge(scraped);
}

/** Target labels win; a scraped label of the same name becomes `exported_…`, shortest names first. */
function exported(scraped: Labels, targetLabels: Labels): Labels {
  const a = scraped.flat;
  const b = targetLabels.flat;
  const merged: string[] = [];
  let i = 0;
  let j = 0;
  while (i < a.length && j < b.length) {
    const order = compareText(a[i]!, b[j]!);
    if (order === 0) return renamed(scraped, targetLabels);
    if (order < 0) {
      merged.push(a[i]!, a[i + 1]!);
      i += 2;
    } else {
      merged.push(b[j]!, b[j + 1]!);
      j += 2;
    }
  }
  for (; i < a.length; i++) merged.push(a[i]!);
  for (; j < b.length; j++) merged.push(b[j]!);
  return Labels.fromSortedFlat(merged);
}

/** As {@link exported}, where names are the same. */
function renamed(scraped: Labels, targetLabels: Labels): Labels {
  const map = new Map<string, string>(scraped);
  const conflicts: [string, string][] = [];
  for (const [name, value] of targetLabels) {
    const old = map.get(name);
    if (old !== undefined) conflicts.push([name, old]);
    map.set(name, value);
  }
  conflicts.sort((a, b) => Buffer.byteLength(a[0]) - Buffer.byteLength(b[0]));
  for (const [name, value] of conflicts) {
    let free = EXPORTED + name;
    while (map.has(free)) free = EXPORTED + free;
    map.set(free, value);
  }
  return Labels.fromEntries(map);
}

function checkNames(labels: Labels, scheme: 'utf8' | 'legacy'): void {
  const { flat } = labels;
  for (let i = 0; i < flat.length; i += 2) {
    const name = flat[i]!;
    const value = flat[i + 1]!;
    const valid = name === METRIC_NAME ? isValidMetricName(value, scheme) : isValidLabelName(name, scheme);
    if (!valid || !value.isWellFormed()) {
      throw new ExpositionError(`invalid metric name or label names: ${labels.toString()}`);
    }
  }
}

function checkLimits(labels: Labels, rules: SampleLabelRules): void {
  const { labelLimit, labelNameLengthLimit, labelValueLengthLimit } = rules;
  if (labelLimit > 0 && labels.size > labelLimit) {
    throw new LabelLimitError(
      `label_limit exceeded (metric: ${cut(labels.metricName)}, number of labels: ${labels.size}, limit: ${labelLimit})`,
    );
  }
  if (labelNameLengthLimit === 0 && labelValueLengthLimit === 0) return;
  const metric = cut(labels.metricName);
  for (const [name, value] of labels) {
    const nameLength = Buffer.byteLength(name);
    if (labelNameLengthLimit > 0 && nameLength > labelNameLengthLimit) {
      throw new LabelLimitError(
        `label_name_length_limit exceeded (metric: ${metric}, label name: ${cut(name)}, length: ${nameLength}, limit: ${labelNameLengthLimit})`,
      );
    }
    const valueLength = Buffer.byteLength(value);
    if (labelValueLengthLimit > 0 && valueLength > labelValueLengthLimit) {
      throw new LabelLimitError(
        `label_value_length_limit exceeded (metric: ${metric}, label name: ${cut(name)}, value: ${quoteText(cut(value))}, length: ${valueLength}, limit: ${labelValueLengthLimit})`,
      );
    }
  }
}

function cut(text: string): string {
  return Array.from(text.slice(0, 100)).slice(0, 50).join('');
}
