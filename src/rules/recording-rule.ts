import { METRIC_NAME } from '../core/labels.ts';
import type { VectorSample } from '../promql/index.ts';
import type { RecordingRuleConfig } from './config.ts';
import type { RuleSample } from './series-writer.ts';

/** What a rule made of the result of its expression. */
export type RuleOutput =
  | { readonly kind: 'samples'; readonly samples: readonly RuleSample[] }
  /** The evaluation failed; nothing is written. */
  | { readonly kind: 'failed'; readonly message: string };

/**
 * Renames a result as a recording rule wants it.
 *
 * @see prometheus rules/recording.go Eval
 */
export function recordSamples(
  config: RecordingRuleConfig,
  elements: readonly VectorSample[],
  limit: number,
): RuleOutput {
  const seen = new Set<string>();
  const samples = elements.map(({ labels, value }): RuleSample => {
    const recorded = labels.merge([[METRIC_NAME, config.record], ...config.labels]);
    seen.add(recorded.key);
    return { labels: recorded, value };
  });
  if (seen.size < samples.length) {
    return {
      kind: 'failed',
      message: 'vector contains metrics with the same labelset after applying rule labels',
    };
  }
  if (limit > 0 && samples.length > limit) {
    return { kind: 'failed', message: `exceeded limit of ${limit} with ${samples.length} series` };
  }
  return { kind: 'samples', samples };
}
