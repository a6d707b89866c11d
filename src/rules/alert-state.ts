import type { Labels } from '../core/labels.ts';

/**
 * The life of one alert of a rule, as a function of (state, what the evaluation found, time). `SPEC.md` has the table.
 *
 * @see prometheus rules/alerting.go Eval
 */

/** Where an alert is in its life. */
export type AlertState = 'pending' | 'firing' | 'inactive';

/** One alert of a rule. A value: every change makes a new one. */
export interface RuleAlert {
  readonly labels: Labels;
  readonly annotations: Labels;
  /** Result of the expression when its element was last there. */
  readonly value: number;
  readonly state: AlertState;
  readonly activeAtMs: number;
  /** When it began to fire; undefined while pending. */
  readonly firedAtMs: number | undefined;
  /** When it stopped firing; set exactly when `state` is `inactive`. */
  readonly resolvedAtMs: number | undefined;
  /** Since when it fires only because of `keep_firing_for`. */
  readonly keepFiringSinceMs: number | undefined;
  /** Evaluation that was last handed to the alert store. */
  readonly lastSentAtMs: number | undefined;
}

/** What an evaluation found for one label set. */
export interface AlertElement {
  readonly labels: Labels;
  readonly annotations: Labels;
  readonly value: number;
}

/** The parts of a rule that decide. */
export interface AlertTiming {
  readonly forMs: number;
  readonly keepFiringForMs: number;
}

/** How long a resolved alert is kept, and sent again, so that a lost message does not leave it firing elsewhere. */
export const RESOLVED_RETENTION_MS = 15 * 60_000;

/**
 * The alert after an evaluation at `nowMs` that found `element` (undefined: nothing) for its labels. undefined when
 * there is no alert (any more). At least one of `alert` and `element` is there.
 */
export function stepAlert(
  alert: RuleAlert | undefined,
  element: AlertElement | undefined,
  timing: AlertTiming,
  nowMs: number,
): RuleAlert | undefined {
  if (element === undefined) {
    return alert === undefined ? undefined : withoutElement(alert, timing, nowMs);
  }
  const continued: RuleAlert =
    alert === undefined || alert.state === 'inactive'
      ? newAlert(element, nowMs)
      : { ...alert, value: element.value, annotations: element.annotations, keepFiringSinceMs: undefined };
  return held(continued, timing, nowMs);
}

function newAlert(element: AlertElement, nowMs: number): RuleAlert {
  return {
    ...element,
    state: 'pending',
    activeAtMs: nowMs,
    firedAtMs: undefined,
    resolvedAtMs: undefined,
    keepFiringSinceMs: undefined,
    lastSentAtMs: undefined,
  };
}

function withoutElement(alert: RuleAlert, timing: AlertTiming, nowMs: number): RuleAlert | undefined {
  switch (alert.state) {
    case 'pending':
      return undefined;
    case 'inactive':
      return nowMs - (alert.resolvedAtMs ?? nowMs) > RESOLVED_RETENTION_MS ? undefined : alert;
    case 'firing': {
      const sinceMs = timing.keepFiringForMs > 0 ? (alert.keepFiringSinceMs ?? nowMs) : undefined;
      if (sinceMs !== undefined && nowMs - sinceMs < timing.keepFiringForMs) {
        return held({ ...alert, keepFiringSinceMs: sinceMs }, timing, nowMs);
      }
      return { ...alert, state: 'inactive', resolvedAtMs: nowMs, keepFiringSinceMs: sinceMs };
    }
  }
}

/** Pending or firing, by how long the alert is active: also back to pending when a reload has raised `for`. */
function held(alert: RuleAlert, timing: AlertTiming, nowMs: number): RuleAlert {
  const due = nowMs - alert.activeAtMs >= timing.forMs;
  if (alert.state === 'pending' && due) return { ...alert, state: 'firing', firedAtMs: nowMs };
  if (alert.state === 'firing' && !due) {
    return {
      ...alert,
      state: 'pending',
      firedAtMs: undefined,
      lastSentAtMs: undefined,
      keepFiringSinceMs: undefined,
    };
  }
  return alert;
}

/** Whether an alert is to be handed to the alert store by the evaluation at `nowMs`. */
export function needsSending(alert: RuleAlert, nowMs: number, resendDelayMs: number): boolean {
  if (alert.state === 'pending') return false;
  if (alert.lastSentAtMs === undefined) return true;
  if (alert.resolvedAtMs !== undefined && alert.resolvedAtMs > alert.lastSentAtMs) return true;
  return alert.lastSentAtMs + resendDelayMs < nowMs;
}

/** What {@link restoredActiveAtMs} works by. */
export interface RestoreInput {
  /** When the restore happens. */
  readonly nowMs: number;
  /** Time of the last ALERTS_FOR_STATE sample: when the program was last seen. */
  readonly downAtMs: number;
  /** Its value: since when the alert was active then. */
  readonly activeAtMs: number;
  readonly forMs: number;
  readonly graceMs: number;
}

/**
 * Since when a restored alert counts as active: the time the program was down does not count towards `for`, and
 * at least the grace period remains before it fires; one that fired already keeps its time.
 *
 * @see prometheus rules/group.go RestoreForState
 */
export function restoredActiveAtMs(input: RestoreInput): number {
  const { nowMs, downAtMs, activeAtMs, forMs, graceMs } = input;
  const remainingMs = forMs - (downAtMs - activeAtMs);
  if (remainingMs <= 0) return activeAtMs;
  if (remainingMs < graceMs) return nowMs + graceMs - forMs;
  return activeAtMs + (nowMs - downAtMs);
}
