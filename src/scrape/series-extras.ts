import { METRIC_TYPES } from '../core/metric-types.ts';
import { AppendOutcome, ExemplarOutcome } from '../storage/index.ts';
import type { Appender, Exemplar, SeriesRef } from '../storage/index.ts';
import { TYPE_UNKNOWN } from './parser/entry.ts';
import { OpenMetricsParser } from './parser/openmetrics-parser.ts';
import type { ExpositionParser } from './parser/exposition-parser.ts';
import { readSeriesLabels } from './parser/series-labels.ts';
import type { MetaFamily } from './scrape-cache.ts';

/** No place in the columns: the sample had a time of its own. */
export const NO_COLUMN = -1;

/** The exemplars of a scrape; they go in when it is known which samples did. */
export class ScrapedExemplars {
  readonly #waiting: { readonly column: number; readonly ref: SeriesRef; readonly exemplar: Exemplar }[] = [];
  /** Exemplars that came too late. */
  outOfOrder = 0;

  /** Takes the exemplar of the sample at which a parser stands, if it has one; `tMs` is the sample's time. */
  take(parser: ExpositionParser, ref: SeriesRef, column: number, tMs: number): void {
    if (!(parser instanceof OpenMetricsParser) || parser.exemplarStart < 0 || ref === 0) return;
    const { exemplarStart, exemplarEnd, exemplarValue: value, exemplarMs } = parser;
    const labels = readSeriesLabels(parser.body, exemplarStart, exemplarEnd, TYPE_UNKNOWN);
    const hasTimestamp = exemplarMs === exemplarMs;
    const timestampMs = hasTimestamp ? exemplarMs : tMs;
    this.#waiting.push({ column, ref, exemplar: { labels, value, timestampMs, hasTimestamp } });
  }

  /** Hands over those whose samples were taken; `outcomes` are those of the columns. */
  flush(appender: Appender, outcomes: Uint8Array): void {
    for (const { column, ref, exemplar } of this.#waiting) {
      if (column !== NO_COLUMN && outcomes[column]! > AppendOutcome.same) continue;
      const outcome = appender.appendExemplar?.(ref, exemplar);
      if (outcome === ExemplarOutcome.outOfOrder) this.outOfOrder++;
    }
  }
}

/** Endings of series' names by type of family. */
const ENDINGS: Readonly<Record<string, readonly string[]>> = {
  counter: ['_total'],
  histogram: ['_bucket', '_sum', '_count'],
  gaugehistogram: ['_bucket', '_gsum', '_gcount'],
  summary: ['_sum', '_count'],
  info: ['_info'],
};

/**
 * Says what the metric of a series is, if the family described last is its own: a family may lack lines.
 *
 * @see prometheus scrape/scrape.go isSeriesPartOfFamily
 */
export function describeSeries(
  appender: Appender,
  ref: SeriesRef,
  metric: string,
  family: MetaFamily | undefined,
): void {
  if (family === undefined || ref === 0) return;
  const type = METRIC_TYPES[family.type]!;
  if (isOfFamily(metric, family.name, type))
    appender.updateMetadata?.(ref, { type, unit: family.unit, help: family.help });
}

function isOfFamily(metric: string, family: string, type: string): boolean {
  if (!metric.startsWith(family)) return false;
  const ending = ENDINGS[type]?.find((text) => metric.endsWith(text)) ?? '';
  const base = metric.slice(0, metric.length - ending.length);
  // Text has counters and infos whose families carry the ending too.
  const cut = type === 'counter' ? '_total' : type === 'info' ? '_info' : '';
  return base === (cut !== '' && family.endsWith(cut) ? family.slice(0, -cut.length) : family);
}
