import { TocsinError } from '../../core/errors.ts';

/** What {@link ExpositionParser.next} found. */
export const Entry = {
  /** Nothing is left. */
  end: 0,
  /** A sample: `seriesStart`, `seriesEnd`, `value`, `timestampMs` are set. */
  series: 1,
  /** A HELP, TYPE or UNIT line: the `meta…` fields are set, unless `hinted`. */
  meta: 2,
  /** Much was read without finding anything; call again, perhaps after letting others have a turn. */
  pause: 3,
  /** A native histogram: as `series`, with `histogram` and `isWhole` instead of `value`. */
  histogram: 4,
} as const;
export type Entry = (typeof Entry)[keyof typeof Entry];

/** Buckets of one histogram above which a scrape fails, or a histogram is left out: more are not stored either. */
export const BUCKETS_MAX: number = 1 << 17;

/** The three kinds of line that describe a metric family. */
export const MetaKind = { help: 0, type: 1, unit: 2 } as const;
export type MetaKind = (typeof MetaKind)[keyof typeof MetaKind];

/** Code of `unknown`. */
export const TYPE_UNKNOWN = 0;
/** Code of `counter`. */
export const TYPE_COUNTER = 1;
/** Code of `gauge`. */
export const TYPE_GAUGE = 2;
/** Code of `histogram`. */
export const TYPE_HISTOGRAM = 3;
/** Code of `gaugehistogram`. */
export const TYPE_GAUGE_HISTOGRAM = 4;
/** Code of `summary`. */
export const TYPE_SUMMARY = 5;

/** An exposition is not well-formed; the only error that parsers throw. The message is Prometheus' own. */
export class ExpositionError extends TocsinError {
  constructor(message: string) {
    super('TOCSIN_ERR_PARSE', message);
    this.name = 'ExpositionError';
  }
}
