import { METRIC_NAME, type Labels } from '../../../src/core/labels.ts';
import type { PlainHistogram } from './histogram.ts';

/** What the reference evaluator computes with. */

/** The reference doesn't know the answer. */
export class Unsupported extends Error {}

/** The query has no answer. */
export class QueryFailure extends Error {}

/** A float or a histogram. */
export type Value = number | PlainHistogram;

/** One series at one time. */
export interface Sample {
  readonly labels: Labels;
  readonly value: Value;
}

/** One series' samples in a window. */
export interface Window {
  readonly labels: Labels;
  readonly points: readonly { readonly tMs: number; readonly value: Value }[];
}

/** What an expression is at one time. */
export type Result =
  | { readonly type: 'scalar'; readonly value: number }
  | { readonly type: 'string'; readonly value: string }
  | { readonly type: 'vector'; readonly samples: readonly Sample[] };

/** Labels without the metric name. */
export function unnamed(labels: Labels): Labels {
  return labels.without(METRIC_NAME);
}

/** The float samples of a vector; what else there is is left out. */
export function floatsOf(samples: readonly Sample[]): { labels: Labels; value: number }[] {
  return samples.flatMap(({ labels, value }) => (typeof value === 'number' ? [{ labels, value }] : []));
}

/** Throws {@link QueryFailure} when two samples have the same labels. */
export function mustBeDistinct(samples: readonly Sample[]): readonly Sample[] {
  if (new Set(samples.map(({ labels }) => labels.key)).size !== samples.length) {
    throw new QueryFailure('vector cannot contain metrics with the same labelset');
  }
  return samples;
}
