import type { Alert, FlushContext } from '../alerts/index.ts';
import type { NotifyMetrics, SuppressionReason } from './metrics.ts';
import type { AlertMuter, GroupMuteMarks, TimeIntervals } from './ports.ts';

/** A {@link FlushContext} with the alerts as they came in, before any stage held one back. */
export interface StageContext extends FlushContext {
  readonly incoming: readonly Alert[];
}

/**
 * One step of the pipeline: gets the alerts that are left and hands on those that go further. A rejection fails the
 * flush. Stages hold no state of a flush; what they need of it is in the context.
 */
export interface Stage {
  readonly name: string;
  run(context: StageContext, alerts: readonly Alert[]): Promise<readonly Alert[]>;
}

/** Waits until notifications may be sent at all: the state is loaded, the start delay is over. */
export function settleStage(ready: (signal: AbortSignal) => Promise<void>): Stage {
  return {
    name: 'settle',
    async run(context, alerts) {
      await ready(context.signal);
      return alerts;
    },
  };
}

/** Holds back what `muter` mutes, firing or resolved (`inhibit`, `silence`). */
export function muteStage(
  name: string,
  muter: AlertMuter,
  reason: SuppressionReason,
  metrics: NotifyMetrics,
): Stage {
  return {
    name,
    async run(context, alerts) {
      const passed = alerts.filter((alert) => muter.mutedBy(alert, context).length === 0);
      if (passed.length < alerts.length) metrics.suppressed.inc({ reason }, alerts.length - passed.length);
      return passed;
    },
  };
}

/** Holds the whole group back while the tick lies in none of the route's active intervals. */
export function activeTimeStage(
  intervals: TimeIntervals,
  marks: GroupMuteMarks,
  metrics: NotifyMetrics,
): Stage {
  return {
    name: 'active-time',
    async run(context, alerts) {
      const names = context.route.activeTimeIntervals;
      if (names.length === 0) return alerts;
      const active = intervals.containing(names, context.nowMs).length > 0;
      marks.setMutedBy(context.routeId, context.groupKey, active ? [] : names);
      if (active) return alerts;
      metrics.suppressed.inc({ reason: 'active_time_interval' }, alerts.length);
      return [];
    },
  };
}

/** Holds the whole group back while the tick lies in one of the route's mute intervals. */
export function muteTimeStage(
  intervals: TimeIntervals,
  marks: GroupMuteMarks,
  metrics: NotifyMetrics,
): Stage {
  return {
    name: 'mute-time',
    async run(context, alerts) {
      const names = context.route.muteTimeIntervals;
      if (names.length === 0) return alerts;
      const muting = intervals.containing(names, context.nowMs);
      marks.setMutedBy(context.routeId, context.groupKey, muting);
      if (muting.length === 0) return alerts;
      metrics.suppressed.inc({ reason: 'mute_time_interval' }, alerts.length);
      return [];
    },
  };
}
