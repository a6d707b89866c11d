/** Figures of a block, as its `meta.json` has them. */
export interface BlockStats {
  readonly numSamples: number;
  readonly numFloatSamples: number;
  readonly numHistogramSamples: number;
  readonly numSeries: number;
  readonly numChunks: number;
  readonly numTombstones: number;
}

/** A block that another was made of. */
export interface BlockParent {
  readonly ulid: string;
  readonly minTime: number;
  readonly maxTime: number;
}

/** How a block came to be. */
export interface BlockCompaction {
  /** 1 for a block that was written from the head. */
  readonly level: number;
  /** ULIDs of the level-1 blocks whose samples it holds. */
  readonly sources: readonly string[];
  readonly parents: readonly BlockParent[];
  /** `from-out-of-order`, `from-stale-series` and the like. */
  readonly hints: readonly string[];
  /** Whether it holds nothing any more and can be deleted. */
  readonly deletable: boolean;
  readonly failed: boolean;
}

/**
 * Contents of a block's `meta.json`. Its samples have minTime <= t < maxTime, in milliseconds.
 *
 * @see prometheus tsdb/block.go BlockMeta
 */
export interface BlockMeta {
  readonly ulid: string;
  readonly minTime: number;
  readonly maxTime: number;
  readonly stats: BlockStats;
  readonly compaction: BlockCompaction;
}
