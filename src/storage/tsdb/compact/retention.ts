import type { BlockMeta } from '../block/index.ts';

/** What retention looks at. */
export interface RetainedBlock {
  readonly meta: BlockMeta;
  readonly sizeBytes: number;
}

/** How much is kept. */
export interface RetentionLimits {
  /** 0 is for ever. */
  readonly timeMs: number;
  /** Bytes that blocks, log and head may take together; 0 is no limit. */
  readonly sizeBytes: number;
}

/** Blocks that go, by what they are beyond. */
export interface Expired<T> {
  readonly byTime: readonly T[];
  readonly bySize: readonly T[];
}

/**
 * The blocks that are beyond a limit. Time is measured from the newest block's end, so that a clock that went wrong deletes
 * nothing; by size the oldest go first, however little one is over.
 *
 * @see prometheus tsdb/db.go BeyondTimeRetention, BeyondSizeRetention
 */
export function expiredBlocks<T extends RetainedBlock>(
  blocks: readonly T[],
  limits: RetentionLimits,
  otherBytes: number,
): Expired<T> {
  const newestFirst = blocks.toSorted((a, b) => b.meta.maxTime - a.meta.maxTime);
  const newest = newestFirst[0];
  if (newest === undefined) return { byTime: [], bySize: [] };
  const byTime =
    limits.timeMs === 0
      ? []
      : newestFirst.filter(
          ({ meta }) => newest.meta.maxTime - meta.maxTime >= limits.timeMs && meta !== newest.meta,
        );
  if (limits.sizeBytes === 0) return { byTime, bySize: [] };
  let bytes = otherBytes;
  const bySize = newestFirst.filter((block) => {
    bytes += block.sizeBytes;
    return bytes > limits.sizeBytes && !byTime.includes(block);
  });
  return { byTime, bySize };
}
