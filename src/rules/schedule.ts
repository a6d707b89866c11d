import { fnv1a64Flat } from '../core/fnv.ts';

/**
 * When a group is evaluated: at its slots `k·interval + offset`, the offset being a hash of file and name so that groups
 * spread over the interval and keep their slots over restarts. (Prometheus takes xxhash over its internal encoding of
 * labels, which differs between its versions; here it is FNV-1a 64.)
 */
export interface GroupSchedule {
  readonly intervalMs: number;
  readonly offsetMs: number;
}

/** The schedule of a group. `intervalMs` must be greater than 0. */
export function groupSchedule(file: string, name: string, intervalMs: number): GroupSchedule {
  const hash = BigInt(`0x${fnv1a64Flat(['file', file, 'name', name])}`);
  return { intervalMs, offsetMs: Number(hash % BigInt(intervalMs)) };
}

/** The last slot at or before `nowMs`. */
export function slotAtOrBefore({ intervalMs, offsetMs }: GroupSchedule, nowMs: number): number {
  return Math.floor((nowMs - offsetMs) / intervalMs) * intervalMs + offsetMs;
}

/** The slot that comes after the one just evaluated, and how many were passed over because time ran on. */
export interface NextSlot {
  readonly slotMs: number;
  readonly missed: number;
}

/** What to evaluate after `slotMs` when it is `nowMs` now: the next slot, or the last one that has begun already. */
export function nextSlot({ intervalMs }: GroupSchedule, slotMs: number, nowMs: number): NextSlot {
  const missed = Math.max(0, Math.floor((nowMs - slotMs) / intervalMs) - 1);
  return { slotMs: slotMs + (missed + 1) * intervalMs, missed };
}
