import { METRIC_NAME } from '../core/labels.ts';
import { LabelsBuilder } from '../core/labels-builder.ts';
import type { VectorSample } from '../promql/index.ts';
import type { RecordingRuleConfig } from './config.ts';
import type { Pacer } from '../core/pacer.ts';
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
export async function recordSamples(
  config: RecordingRuleConfig,
  elements: readonly VectorSample[],
  limit: number,
  pacer: Pacer,
): Promise<RuleOutput> {
  const seen = new Set<string>();
  const samples: RuleSample[] = [];
  for (const { labels, value, histogram } of elements) {
    if (pacer.isDue) await pacer.pause();
    const builder = new LabelsBuilder(labels);
    builder.set(METRIC_NAME, config.record);
    for (const [name, text] of config.labels) builder.set(name, text);
    const recorded = builder.labels();
    seen.add(recorded.key);
    samples.push({ labels: recorded, value, histogram });
  }
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
