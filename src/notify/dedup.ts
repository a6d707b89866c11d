import type { NotificationLogEntry } from './ports.ts';

/** Why a notification is sent; Alertmanager's words, which templates and webhooks see. */
export type NotificationReason =
  | 'first notification'
  | 'new alerts added'
  | 'some alerts resolved'
  | 'all alerts resolved'
  | 'repeat interval elapsed';

/** What {@link needsUpdate} looks at: fingerprints of the alerts that reached the integration, and its settings. */
export interface DedupInput {
  /** What the receiver was last told; undefined when nothing is on record. */
  readonly entry: NotificationLogEntry | undefined;
  readonly firing: ReadonlySet<string>;
  readonly resolved: ReadonlySet<string>;
  readonly sendResolved: boolean;
  readonly repeatIntervalMs: number;
  /** The flush's tick. */
  readonly nowMs: number;
}

/**
 * Whether the receiver has to be told, and why; undefined when it knows already. A group that shrank is a subset of what
 * is on record and therefore says nothing.
 *
 * @see prometheus/alertmanager notify/dedup_stage.go needsUpdate
 */
export function needsUpdate(input: DedupInput): NotificationReason | undefined {
  const { entry, firing, resolved } = input;
  if (entry === undefined) return firing.size > 0 ? 'first notification' : undefined;
  if (!isSubset(firing, entry.firing)) {
    return entry.firing.length === 0 ? 'first notification' : 'new alerts added';
  }
  // Told even where send_resolved is off: nothing is sent then, but the log is cleared.
  if (firing.size === 0) return entry.firing.length > 0 ? 'all alerts resolved' : undefined;
  if (input.sendResolved && !isSubset(resolved, entry.resolved)) return 'some alerts resolved';
  return entry.timestampMs < input.nowMs - input.repeatIntervalMs ? 'repeat interval elapsed' : undefined;
}

function isSubset(part: ReadonlySet<string>, whole: readonly string[]): boolean {
  if (part.size === 0) return true;
  const known = new Set(whole);
  return part.isSubsetOf(known);
}
