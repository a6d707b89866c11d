import type { StoredSample } from '../stored-sample.ts';

/**
 * Contents of the log's records, as Prometheus has them. All are read; written are all but histograms of whole numbers (ours are
 * histograms of floats) and markers of mapped chunks. Numbers of series are 64 bits there; here they are JavaScript numbers and
 * anything above 2^53 is refused.
 *
 * @see prometheus tsdb/docs/format/wal.md, tsdb/record/record.go
 */
export const RecordType = {
  series: 1,
  samples: 2,
  tombstones: 3,
  exemplars: 4,
  /** In `wbl/` only: chunks of out-of-order samples that went to `chunks_head`. The samples are in the log all the same. */
  mmapMarkers: 5,
  metadata: 6,
  histograms: 7,
  floatHistograms: 8,
  customHistograms: 9,
  customFloatHistograms: 10,
  /** From here on every sample may have a start timestamp. */
  samplesWithStart: 11,
  histogramsWithStart: 12,
  floatHistogramsWithStart: 13,
} as const;
export type RecordType = (typeof RecordType)[keyof typeof RecordType];

/** Whether records of a type are understood. */
export function isReadable(type: number): boolean {
  return type >= RecordType.series && type <= RecordType.floatHistogramsWithStart;
}

/** Types of the records that rich samples are written in. */
export type RichRecordType = 8 | 10 | 11 | 13;

/** The type of record that a sample belongs in. */
export function recordTypeOf({ histogram, startMs }: StoredSample): RichRecordType {
  if (histogram === undefined) return RecordType.samplesWithStart;
  if (startMs !== 0) return RecordType.floatHistogramsWithStart;
  return histogram.usesCustomBuckets ? RecordType.customFloatHistograms : RecordType.floatHistograms;
}

/** How a sample's start timestamp is given. */
export const StartMarker = { none: 0, asBefore: 1, fromFirst: 2 } as const;

/** Names of the fields in records of metadata. */
export const MetadataField = { unit: 'UNIT', help: 'HELP' } as const;
