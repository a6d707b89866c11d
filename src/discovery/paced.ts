import type { Clock } from '../core/clock.ts';
import { Pacer } from '../core/pacer.ts';

/** Work on long lists gives way after this. */
export const STRETCH_MS = 5;

/** Maps a list that may be long, in stretches of a few milliseconds between which other work has its turn. */
export async function mapPaced<T, U>(
  clock: Clock,
  items: readonly T[],
  map: (item: T, index: number) => U,
): Promise<U[]> {
  const pacer = new Pacer(clock, STRETCH_MS);
  const mapped: U[] = [];
  for (const [i, item] of items.entries()) {
    mapped.push(map(item, i));
    if (pacer.isDue) await pacer.pause();
  }
  return mapped;
}
