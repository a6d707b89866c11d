import type { WireLabels } from '../api/types.ts';

/** A series as Prometheus writes it: `name{label="value"}`. */
export function seriesText(labels: WireLabels): string {
  const { __name__: name = '', ...rest } = labels;
  const parts = Object.entries(rest).map(([label, value]) => `${label}=${JSON.stringify(value)}`);
  return parts.length === 0 ? name || '{}' : `${name}{${parts.join(', ')}}`;
}
