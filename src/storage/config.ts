import { z } from 'zod';
import { durationSchema, sizeSchema } from '../core/schema.ts';

/** How much is kept; 0 is no limit. */
export interface RetentionConfig {
  readonly timeMs: number;
  /** Bytes that blocks and log may take. */
  readonly sizeBytes: number;
  /** The same as a share of the disk, in percent; counts instead of the size. */
  readonly percentage: number;
}

/** `chunk_encoding.floats`; Prometheus before 3.14 cannot read xor2. */
export type FloatEncoding = 'xor' | 'xor2';

/** The part of the configuration file that the store lives by. The flags of the same meaning apply where a key is absent. */
export interface StorageConfig {
  /**
   * What is kept; undefined where the file does not say, and the flags hold. A section in the file stands for all of the flags:
   * what it leaves out is no limit.
   *
   * @see prometheus config/config.go TSDBRetentionConfig
   */
  readonly retention: RetentionConfig | undefined;
  /** How far behind the newest sample others are still taken, in milliseconds; 0 takes none out of order. */
  readonly outOfOrderTimeWindowMs: number;
  /** How chunks of floats in new blocks are encoded; undefined where the file does not say, and the flags hold. */
  readonly floatEncoding: FloatEncoding | undefined;
  /** How many exemplars are kept; 0 or less is none. Not looked at without the feature `exemplar-storage`. */
  readonly maxExemplars: number;
}

/** As many exemplars as Prometheus keeps when nobody says. */
const DEFAULT_MAX_EXEMPLARS = 100_000;

const tsdbSchema = z.strictObject({
  out_of_order_time_window: durationSchema.optional(),
  retention: z
    .strictObject({
      time: durationSchema.optional(),
      size: sizeSchema.optional(),
      percentage: z.number().min(0).max(100).optional(),
    })
    .optional(),
  chunk_encoding: z
    .strictObject({
      floats: z.enum(['xor', 'xor2']).optional(),
    })
    .optional(),
  stale_series_compaction_threshold: z
    .number()
    .refine((threshold) => threshold === 0, 'compaction of stale series is not in this version')
    .optional(),
});

const fieldsSchema = z.strictObject({
  tsdb: tsdbSchema.optional(),
  exemplars: z.strictObject({ max_exemplars: z.number().int().optional() }).optional(),
});

/** `storage:` of Prometheus. */
export const storageConfigSchema: z.ZodType<StorageConfig> = fieldsSchema.transform(
  ({ tsdb, exemplars }) => ({
    outOfOrderTimeWindowMs: tsdb?.out_of_order_time_window ?? 0,
    floatEncoding: tsdb?.chunk_encoding?.floats,
    retention: tsdb?.retention && {
      timeMs: tsdb.retention.time ?? 0,
      sizeBytes: tsdb.retention.size ?? 0,
      percentage: tsdb.retention.percentage ?? 0,
    },
    // A section that leaves it out says 0, as in Prometheus.
    maxExemplars: exemplars === undefined ? DEFAULT_MAX_EXEMPLARS : (exemplars.max_exemplars ?? 0),
  }),
);

/** What holds when the file has no `storage:`. */
export const DEFAULT_STORAGE_CONFIG: StorageConfig = {
  outOfOrderTimeWindowMs: 0,
  floatEncoding: undefined,
  retention: undefined,
  maxExemplars: DEFAULT_MAX_EXEMPLARS,
};
