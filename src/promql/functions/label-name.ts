import { isValidLabelName } from '../../core/labels.ts';

/**
 * Whether a text argument may become a label's name. What was not UTF-8 in the query has become U+FFFD by now, and
 * Prometheus refuses it.
 */
export function isUsableLabelName(name: string): boolean {
  return isValidLabelName(name) && !name.includes('\ufffd');
}
