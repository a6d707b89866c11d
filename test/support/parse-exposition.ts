import {
  Entry,
  ExpositionError,
  OpenMetricsParser,
  TextParser,
  readSeriesLabels,
} from '../../src/scrape/index.ts';
import type { ReferenceResult, ReferenceSample } from './reference-exposition.ts';

/** Reads a body with the real parser into the reference's form; the error, when there is one, is kept. */
export function parseExposition(
  body: Uint8Array,
  format: 'text' | 'openmetrics',
): ReferenceResult & { readonly error: string } {
  const parser = format === 'text' ? new TextParser(body) : new OpenMetricsParser(body);
  const samples: ReferenceSample[] = [];
  try {
    for (;;) {
      const entry = parser.next();
      if (entry === Entry.end) return { samples, ok: true, error: '' };
      if (entry !== Entry.series) continue;
      const { seriesStart, seriesEnd, metricType, value, timestampMs } = parser;
      const labels = readSeriesLabels(parser.body, seriesStart, seriesEnd, metricType).toObject();
      samples.push({ labels, value, timestampMs: Number.isNaN(timestampMs) ? undefined : timestampMs });
    }
  } catch (error) {
    if (!(error instanceof ExpositionError)) throw error;
    return { samples, ok: false, error: error.message };
  }
}
