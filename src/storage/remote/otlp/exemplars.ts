import { Labels } from '../../../core/labels.ts';
import type { Exemplar } from '../../seam.ts';
import { TranslationError } from './metric-name.ts';
import type { OtlpExemplar } from './model.ts';

/** Most characters that names and values of an exemplar's labels may have together. */
const MAX_CHARACTERS = 128;

/**
 * Exemplars with their ids as labels, and with their attributes where those are not too long. Throws
 * {@link TranslationError} for one without a value.
 *
 * @see prometheus storage/remote/otlptranslator/prometheusremotewrite/helper.go getPromExemplars
 */
export function promExemplars(exemplars: readonly OtlpExemplar[]): Exemplar[] {
  return exemplars.map(({ attributes, tMs, value, traceId, spanId }) => {
    if (value === undefined) throw new TranslationError('unsupported exemplar value type: Empty');
    const pairs: (readonly [string, string])[] = [];
    if (traceId !== '') pairs.push(['trace_id', traceId]);
    if (spanId !== '') pairs.push(['span_id', spanId]);
    const all = [...pairs, ...attributes];
    const length = all.reduce((sum, [name, text]) => sum + characters(name) + characters(text), 0);
    const labels = Labels.fromEntries(length <= MAX_CHARACTERS ? all : pairs);
    return { labels, value, timestampMs: tMs, hasTimestamp: tMs !== 0 };
  });
}

function characters(text: string): number {
  let count = 0;
  for (const _ of text) count++;
  return count;
}
