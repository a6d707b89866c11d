import { parseGoDuration } from '../core/duration.ts';
import { TocsinError } from '../core/errors.ts';
import type { CommandContext } from './command-context.ts';
import { usageError } from './command-line.ts';
import type { ParsedFlags } from './flag-set.ts';

const BLOCK_MS = 2 * 3600_000;

/** Time of the blocks to make, by `--max-block-duration`: 2h, 6h, 18h … as long as that is no more than asked for. */
export function blockSpan(flags: ParsedFlags): number {
  const text = flags.text('max-block-duration');
  const longestMs = text === '' ? 0 : parseGoDuration(text);
  if (longestMs === undefined)
    throw usageError(`--max-block-duration: ${JSON.stringify(text)} is no duration`);
  let spanMs = BLOCK_MS;
  for (let step = 1; step < 10 && spanMs * 3 <= longestMs; step++) spanMs *= 3;
  return spanMs;
}

/** Lets signals come in; rejects when one has. */
export function pauseOf(context: CommandContext): () => Promise<void> {
  return async () => {
    await context.clock.yieldTurn();
    if (context.stop?.aborted === true) throw new TocsinError('TOCSIN_ERR_USAGE', 'interrupted');
  };
}
