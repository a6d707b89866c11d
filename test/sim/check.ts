import { type Plan, type Span, joinSpans } from './plan.ts';
import { type Arrival, targetName } from './world.ts';

/** Timing of the simulated configuration, in milliseconds. */
export interface Timing {
  readonly scrapeMs: number;
  readonly evaluationMs: number;
  readonly forMs: number;
  readonly groupWaitMs: number;
  readonly groupIntervalMs: number;
  readonly repeatMs: number;
}

const alertKey = (alertname: string, instance: string): string => `${alertname} ${instance}`;

/** When tocsin was not running. */
function downSpans(plan: Plan): Span[] {
  return plan.restarts.map(({ atMs, downMs }) => ({ startMs: atMs, endMs: atMs + downMs }));
}

function overlapMs(a: Span, list: readonly Span[]): number {
  return list.reduce(
    (sum, b) => sum + Math.max(0, Math.min(a.endMs, b.endMs) - Math.max(a.startMs, b.startMs)),
    0,
  );
}

/** Conditions that held, by alert: what a perfect observer would have seen. */
function conditions(plan: Plan): Map<string, Span[]> {
  const found = new Map<string, Span[]>();
  for (let target = 0; target < plan.targets; target++) {
    const outages = joinSpans(plan.outages.filter((span) => span.target === target));
    const incidents = joinSpans(plan.incidents.filter((span) => span.target === target));
    found.set(alertKey('TargetDown', targetName(target)), outages);
    // While the target cannot be scraped nobody sees its incident: only undisturbed ones are demanded.
    found.set(
      alertKey('ErrorRatioHigh', targetName(target)),
      incidents.filter((span) => overlapMs(span, outages) === 0),
    );
  }
  return found;
}

/** Alerts that had to be told and were not. */
export function findMissed(plan: Plan, timing: Timing, arrivals: readonly Arrival[]): string[] {
  const told = new Map<string, number[]>();
  for (const { alerts } of arrivals) {
    for (const { labels, startedMs } of alerts) {
      const key = alertKey(labels['alertname']!, labels['instance']!);
      told.set(key, [...(told.get(key) ?? []), startedMs]);
    }
  }
  const down = downSpans(plan);
  // Detection, `for`, one evaluation more, and the first flush; a restart may cost a grace period of its own.
  const neededMs = timing.scrapeMs + timing.forMs + 2 * timing.evaluationMs + timing.groupWaitMs;
  const missed: string[] = [];
  for (const [key, spans] of conditions(plan)) {
    for (const span of spans) {
      const lastDown = down.filter(
        ({ startMs, endMs }) => startMs < span.endMs && endMs > span.startMs - neededMs,
      );
      if (lastDown.length > 0 || span.endMs - span.startMs < neededMs) continue;
      // Too close to the end of the run for a notification that had to wait for its receiver.
      if (span.startMs > plan.durationMs - 2 * 60 * 60_000) continue;
      const hit = (told.get(key) ?? []).some(
        (startMs) => startMs >= span.startMs && startMs <= span.endMs + timing.evaluationMs,
      );
      if (!hit) missed.push(`${key} from ${span.startMs} to ${span.endMs} ms was never told`);
    }
  }
  return missed;
}

/** Notifications that repeat what the receiver knew, too early and without an ambiguous send between. */
export function findDoubled(timing: Timing, arrivals: readonly Arrival[]): string[] {
  const last = new Map<string, { readonly arrival: Arrival; readonly content: string }>();
  const doubled: string[] = [];
  for (const arrival of arrivals) {
    const content = arrival.alerts
      .map(({ status, fingerprint, startsAt }) => `${status} ${fingerprint} ${startsAt}`)
      .sort()
      .join('\n');
    const before = last.get(arrival.groupKey);
    const early = before !== undefined && arrival.atMs - before.arrival.atMs < timing.repeatMs;
    if (early && before.content === content && !before.arrival.ambiguous) {
      doubled.push(`${arrival.groupKey} told twice, at ${before.arrival.atMs} and ${arrival.atMs} ms`);
    }
    last.set(arrival.groupKey, { arrival, content });
  }
  return doubled;
}

/** Alerts that the receiver was told are firing and never that they resolved, though they did. */
export function findUnresolved(plan: Plan, arrivals: readonly Arrival[]): string[] {
  const open = new Map<string, number>();
  for (const { atMs, alerts } of arrivals) {
    for (const { status, labels } of alerts) {
      const key = alertKey(labels['alertname']!, labels['instance']!);
      if (status === 'resolved') open.delete(key);
      else if (!open.has(key)) open.set(key, atMs);
    }
  }
  return [...open].map(
    ([key, atMs]) => `${key} told firing at ${atMs} of ${plan.durationMs} ms, never resolved`,
  );
}
