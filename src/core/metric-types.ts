/**
 * Names of metric types as the API gives them. The index is the type's number in metadata records of the log, in both versions of
 * remote write, and in parsers and caches.
 *
 * @see prometheus tsdb/record/record.go MetricType, prompb/types.proto
 */
export const METRIC_TYPES = [
  'unknown',
  'counter',
  'gauge',
  'histogram',
  'gaugehistogram',
  'summary',
  'info',
  'stateset',
] as const;
/** One of {@link METRIC_TYPES}. */
export type MetricTypeName = (typeof METRIC_TYPES)[number];
