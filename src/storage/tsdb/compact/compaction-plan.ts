import type { BlockMeta } from '../block/index.ts';

/** What the planner knows of a block. */
export interface PlannedBlock {
  readonly folder: string;
  readonly meta: BlockMeta;
  /** Could not be written anew a short while ago: it is left alone. */
  readonly isResting?: boolean;
}

/** Share of deleted series from which on a large block is written anew. */
const TOMBSTONE_SHARE = 0.05;

/** Lengths of time of blocks, each `factor` times the one before. @see prometheus tsdb/compact.go ExponentialBlockRanges */
export function blockRanges(minMs: number, maxMs: number, factor = 3): number[] {
  const ranges: number[] = [];
  for (let rangeMs = minMs; rangeMs <= maxMs || ranges.length === 0; rangeMs *= factor) ranges.push(rangeMs);
  return ranges;
}

/**
 * The blocks to make one of next; none when all is as it should be. The newest block is left alone, so that it is not written
 * again and again while the head still gives.
 *
 * @see prometheus tsdb/compact.go LeveledCompactor.plan
 */
export function planCompaction(
  blocks: readonly PlannedBlock[],
  ranges: readonly number[],
  withOverlaps = true,
): readonly PlannedBlock[] {
  for (const blocksOfClass of classes(blocks)) {
    const plan = planClass(blocksOfClass, ranges, withOverlaps);
    if (plan.length > 0) return plan;
  }
  return [];
}

/** Blocks with a part of the head's series must stay apart from whole ones: what they tell of time holds for that part only. */
function classes(blocks: readonly PlannedBlock[]): PlannedBlock[][] {
  const hints = ['from-stale-series', 'from-selected-series'];
  const hintOf = ({ meta }: PlannedBlock): string | undefined =>
    hints.find((hint) => meta.compaction.hints.includes(hint));
  return [undefined, ...hints].map((hint) => blocks.filter((block) => hintOf(block) === hint));
}

function planClass(
  blocks: readonly PlannedBlock[],
  ranges: readonly number[],
  withOverlaps: boolean,
): readonly PlannedBlock[] {
  const sorted = blocks.toSorted((a, b) => a.meta.minTime - b.meta.minTime);
  if (withOverlaps) {
    const overlapping = findOverlap(sorted.filter(({ isResting }) => isResting !== true));
    if (overlapping.length > 0) return overlapping;
  }
  // The newest is still to be given time.
  const candidates = sorted.slice(0, -1);
  const leveled = findRange(candidates, ranges);
  if (leveled.length > 1) return leveled;
  return findDeleted(candidates, ranges);
}

function findOverlap(sorted: readonly PlannedBlock[]): readonly PlannedBlock[] {
  const found: PlannedBlock[] = [];
  let maxTime = -Infinity;
  for (const [i, block] of sorted.entries()) {
    if (i > 0 && block.meta.minTime < maxTime) {
      if (found.length === 0) found.push(sorted[i - 1]!);
      found.push(block);
    } else if (found.length > 0) break;
    maxTime = Math.max(maxTime, block.meta.maxTime);
  }
  return found;
}

/** Blocks that fill a longer range, or that no newer block of the range can come to any more. */
function findRange(sorted: readonly PlannedBlock[], ranges: readonly number[]): readonly PlannedBlock[] {
  const newestMinTime = sorted.at(-1)?.meta.minTime ?? 0;
  for (const rangeMs of ranges.slice(1)) {
    for (const part of splitByRange(sorted, rangeMs)) {
      if (part.some(({ meta, isResting }) => meta.compaction.failed || isResting === true)) continue;
      const minTime = part[0]!.meta.minTime;
      const maxTime = part.at(-1)!.meta.maxTime;
      const isFull = maxTime - minTime === rangeMs;
      if ((isFull || maxTime <= newestMinTime) && part.length > 1) return part;
    }
  }
  return [];
}

/** Groups of blocks that lie within one range aligned to multiples of its length; longer blocks are in none. */
function splitByRange(sorted: readonly PlannedBlock[], rangeMs: number): PlannedBlock[][] {
  const groups = new Map<number, PlannedBlock[]>();
  for (const block of sorted) {
    const { minTime, maxTime } = block.meta;
    const startMs = Math.floor(minTime / rangeMs) * rangeMs;
    if (maxTime > startMs + rangeMs) continue;
    const group = groups.get(startMs);
    if (group === undefined) groups.set(startMs, [block]);
    else group.push(block);
  }
  return [...groups.values()];
}

/** A block of at least half the longest range of which much is deleted. */
function findDeleted(sorted: readonly PlannedBlock[], ranges: readonly number[]): readonly PlannedBlock[] {
  const wideMs = ranges[Math.floor(ranges.length / 2)]!;
  for (const block of sorted.toReversed()) {
    if (block.isResting === true) continue;
    const { minTime, maxTime, stats } = block.meta;
    if (maxTime - minTime < wideMs) {
      // All of a short block is deleted: it only takes room.
      if (stats.numTombstones > 0 && stats.numTombstones >= stats.numSeries) return [block];
      break;
    }
    if (stats.numTombstones / (stats.numSeries + 1) > TOMBSTONE_SHARE) return [block];
  }
  return [];
}
