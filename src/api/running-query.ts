import type { RunningQuery } from '../promql/index.ts';
import type { RunningQueryInfo } from './types.ts';

/** A query that waits or runs, as the own API shows it. */
export function runningQueryView(running: RunningQuery): RunningQueryInfo {
  const { id, kind, query, startMs, endMs, stepMs, origin, state, arrivedMs, elapsedMs, samplesRead } =
    running;
  const seconds = elapsedMs / 1000;
  return {
    id,
    kind,
    query,
    state,
    start: timeText(startMs),
    end: timeText(endMs),
    step: stepMs / 1000,
    since: timeText(arrivedMs),
    elapsed: Math.round(seconds * 1000) / 1000,
    samplesRead,
    ...(origin?.kind === 'http' && {
      client: { address: origin.clientIp, method: origin.method, path: origin.path },
    }),
    ...(origin?.kind === 'rule' && {
      rule: { file: origin.file, group: origin.group, name: origin.rule },
    }),
  };
}

/** RFC 3339; times that no calendar has are clamped. */
function timeText(timeMs: number): string {
  const MAX_DATE_MS = 8.64e15;
  return new Date(Math.max(-MAX_DATE_MS, Math.min(MAX_DATE_MS, timeMs))).toISOString();
}
