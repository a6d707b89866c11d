/** What a program that keeps samples was at when it was killed. */
export const KILL_PHASES = ['start', 'commit', 'block', 'checkpoint', 'compaction'] as const;
export type KillPhase = (typeof KILL_PHASES)[number];

/**
 * The phase as what it printed and what it left tell: killed at any moment it says nothing, and a half-written block may be one that was
 * being joined.
 */
export function killPhase(lines: readonly string[], left: readonly string[]): KillPhase {
  const said = KILL_PHASES.find((phase) => lines.includes(`dies in ${phase}`));
  if (said !== undefined) return said;
  if (!lines.includes('ready')) return 'start';
  if (left.some((path) => /checkpoint\.\d+\.tmp/.test(path))) return 'checkpoint';
  return left.some((path) => path.includes('.tmp-for-creation')) ? 'block' : 'commit';
}
