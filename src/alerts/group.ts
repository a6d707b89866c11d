import { assert } from '../core/errors.ts';
import type { Labels } from '../core/labels.ts';
import { isResolved } from './alert.ts';
import type { Alert } from './alert.ts';
import { GROUP_LIFECYCLE } from './group-lifecycle.ts';
import type { GroupEvent, GroupPhase, GroupStep } from './group-lifecycle.ts';
import { compareAlerts } from './merge.ts';
import type { Route } from './route.ts';

/** What the last flush made of an alert. */
export type FlushedState = 'active' | 'suppressed';

/** The alerts of a flush. */
export interface GroupBatch {
  /** Sorted; unresolved ones without an end, so that none flips on the way. */
  readonly alerts: readonly Alert[];
  /** The resolved ones among them, as the group has them. */
  readonly resolved: readonly Alert[];
}

/** Alerts of one route with equal group labels, told about together. */
export class Group {
  readonly route: Route;
  readonly labels: Labels;
  readonly key: string;
  /** When the next flush is due. */
  dueMs: number;
  readonly #alerts = new Map<string, Alert>();
  readonly #flushed = new Map<string, FlushedState>();
  #phase: GroupPhase = 'waiting';

  constructor(route: Route, labels: Labels, dueMs: number) {
    this.route = route;
    this.labels = labels;
    this.key = route.groupKey(labels);
    this.dueMs = dueMs;
  }

  get phase(): GroupPhase {
    return this.#phase;
  }

  get size(): number {
    return this.#alerts.size;
  }

  /** Moves on in {@link GROUP_LIFECYCLE} and says what is to be done. */
  step(event: GroupEvent): GroupStep['action'] {
    const next = GROUP_LIFECYCLE[this.#phase][event];
    this.#phase = next.phase;
    return next.action;
  }

  /** Takes an alert in, or its newer value. The group must not be destroyed. */
  insert(alert: Alert): void {
    assert(this.#phase !== 'destroyed', 'a destroyed group must not take alerts');
    this.#alerts.set(alert.fingerprint, alert);
  }

  has(fingerprint: string): boolean {
    return this.#alerts.has(fingerprint);
  }

  list(): Alert[] {
    return [...this.#alerts.values()];
  }

  /** The alerts as a notification orders them. */
  sorted(): Alert[] {
    return this.list().toSorted(compareAlerts);
  }

  /** What the last flush made of an alert; undefined when it hasn't been in one. */
  flushedState(fingerprint: string): FlushedState | undefined {
    return this.#flushed.get(fingerprint);
  }

  /** The alerts to tell about at `nowMs`; notes what is made of each. */
  takeBatch(nowMs: number, judge: (alert: Alert) => FlushedState): GroupBatch {
    const alerts: Alert[] = [];
    const resolved: Alert[] = [];
    for (const alert of this.#alerts.values()) {
      this.#flushed.set(alert.fingerprint, judge(alert));
      if (isResolved(alert, nowMs)) {
        resolved.push(alert);
        alerts.push(alert);
      } else alerts.push({ ...alert, endsAtMs: Infinity });
    }
    return { alerts: alerts.toSorted(compareAlerts), resolved };
  }

  /** After a flush that came through: forgets the alerts that were resolved in it and have not changed since. */
  forgetResolved(resolved: readonly Alert[]): void {
    for (const alert of resolved) {
      if (this.#alerts.get(alert.fingerprint) !== alert) continue;
      this.#alerts.delete(alert.fingerprint);
      this.#flushed.delete(alert.fingerprint);
    }
  }
}
