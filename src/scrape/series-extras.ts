import { METRIC_TYPES } from '../core/metric-types.ts';
import { AppendOutcome, ExemplarOutcome } from '../storage/index.ts';
import type { Appender, Exemplar, SeriesRef } from '../storage/index.ts';
import type { ExpositionParser } from './parser/exposition-parser.ts';
import type { MetaFamily } from './scrape-cache.ts';

/** No place in the columns: the sample had a time of its own. */
export const NO_COLUMN = -1;

/** Exemplars of one sample, in order of time. */
interface WaitingExemplars {
  readonly column: number;
  readonly ref: SeriesRef;
  readonly exemplars: readonly Exemplar[];
}

/** The exemplars of a scrape; they go in when it is known which samples did. */
export class ScrapedExemplars {
  readonly #waiting: WaitingExemplars[] = [];
  /** Exemplars that came too late. */
  outOfOrder = 0;

  /** Takes the exemplars of the sample at which a parser stands; `tMs` is the sample's time. */
  take(parser: ExpositionParser, ref: SeriesRef, column: number, tMs: number): void {
    const parsed = parser.exemplars();
    if (parsed.length === 0 || ref === 0) return;
    const exemplars = parsed.map(({ labels, value, timestampMs }): Exemplar => {
      const hasTimestamp = !Number.isNaN(timestampMs);
      return { labels, value, timestampMs: hasTimestamp ? timestampMs : tMs, hasTimestamp };
    });
    if (exemplars.length > 1) exemplars.sort(byTime);
    this.#waiting.push({ column, ref, exemplars });
  }

  /** Hands over those whose samples were taken; `outcomes` are those of the columns. */
  flush(appender: Appender, outcomes: Uint8Array): void {
    for (const { column, ref, exemplars } of this.#waiting) {
      if (column !== NO_COLUMN && outcomes[column]! > AppendOutcome.same) continue;
      let late = 0;
      for (const exemplar of exemplars) {
        if (appender.appendExemplar?.(ref, exemplar) === ExemplarOutcome.outOfOrder) late++;
      }
      // Some of several being late is how a list that changes slowly looks.
      if (late === exemplars.length) this.outOfOrder += late;
    }
  }
}

/** @see prometheus model/exemplar/exemplar.go Compare */
function byTime(a: Exemplar, b: Exemplar): number {
  if (a.timestampMs !== b.timestampMs) return a.timestampMs - b.timestampMs;
  if (a.value !== b.value) return a.value < b.value ? -1 : 1;
  return a.labels.compare(b.labels);
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
