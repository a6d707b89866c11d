import type { Alert, Flush } from '../alerts/index.ts';
import { AssertionFailure, TocsinError, errorText } from '../core/errors.ts';
import type { NotifyMetrics } from './metrics.ts';
import type { Integration } from './notification.ts';
import type { OfferOutcome } from './outbox-lane.ts';
import type { Outbox } from './outbox.ts';
import type { AlertMuter, GroupMuteMarks, TimeIntervals } from './ports.ts';
import { activeTimeStage, muteStage, muteTimeStage, settleStage } from './stage.ts';
import type { Stage, StageContext } from './stage.ts';

/** Shortest time that a flush and each of its requests get, whatever the group interval. */
const MIN_FLUSH_MS = 10_000;

/** What {@link buildPipeline} composes. */
export interface PipelineOptions {
  /** Resolves once notifications may be sent (state loaded, start delay over). */
  readonly ready: (signal: AbortSignal) => Promise<void>;
  readonly inhibitor: AlertMuter;
  readonly silences: AlertMuter;
  readonly timeIntervals: TimeIntervals;
  readonly groupMuteMarks: GroupMuteMarks;
  readonly outbox: Outbox;
  /** Every integration of every receiver, see `buildIntegrations`. */
  readonly integrations: readonly Integration[];
  /** `global.resolve_muted`: alerts that resolve while held back are told as resolved where they were told as firing. */
  readonly resolveMuted: boolean;
  readonly metrics: NotifyMetrics;
}

/**
 * The pipeline, for all receivers: what happens between a group's tick and its receivers. An empty list ends the
 * filters (a success); the fan-out is reached all the same, because a notification that is still on its way may have to
 * be withdrawn.
 *
 * @see prometheus/alertmanager notify/notify.go PipelineBuilder.New
 */
export function buildPipeline(options: PipelineOptions): Flush {
  const { inhibitor, silences, timeIntervals, groupMuteMarks, metrics } = options;
  const filters: readonly Stage[] = [
    settleStage(options.ready),
    muteStage('inhibit', inhibitor, 'inhibition', metrics),
    activeTimeStage(timeIntervals, groupMuteMarks, metrics),
    muteTimeStage(timeIntervals, groupMuteMarks, metrics),
    muteStage('silence', silences, 'silence', metrics),
  ];
  const deliver = fanOutStage(options);
  return async (context, incoming) => {
    const stageContext: StageContext = { ...context, incoming };
    try {
      let alerts = incoming;
      for (const stage of filters) {
        if (alerts.length === 0) break;
        alerts = await stage.run(stageContext, alerts);
      }
      await deliver.run(stageContext, alerts);
      return { kind: 'done' };
    } catch (error) {
      if (error instanceof AssertionFailure) throw error;
      return { kind: 'failed', error };
    }
  };
}

/** Runs each integration of the route's receiver beside the others; all get their turn, then failures are joined. */
function fanOutStage(options: PipelineOptions): Stage {
  const byReceiver = Map.groupBy(options.integrations, ({ receiverName }) => receiverName);
  const stages = new Map(
    [...byReceiver].map(([name, integrations]) => [
      name,
      integrations.map((integration) => outboxStage(integration, options)),
    ]),
  );
  return {
    name: 'fan-out',
    async run(context, alerts) {
      const receiverStages = stages.get(context.route.receiver) ?? [];
      const ends = await Promise.allSettled(receiverStages.map((stage) => stage.run(context, alerts)));
      const failures = ends.flatMap((end) => (end.status === 'rejected' ? [end.reason as unknown] : []));
      const bug = failures.find((failure) => failure instanceof AssertionFailure);
      if (bug !== undefined) throw bug;
      if (failures.length === 1) throw failures[0];
      if (failures.length > 1) {
        const text = failures.map(errorText).join('; ');
        throw new TocsinError('TOCSIN_ERR_HTTP', text, { cause: new AggregateError(failures) });
      }
      return alerts;
    },
  };
}

/** Dedup and outbox of one integration: both are decided together, because an open row is part of what is known. */
function outboxStage(integration: Integration, options: PipelineOptions): Stage {
  const { kind, index, receiverName, sendResolved } = integration;
  const { outbox, resolveMuted, metrics } = options;
  return {
    name: `outbox ${receiverName}/${kind}[${index}]`,
    async run(context, alerts): Promise<readonly Alert[]> {
      const outcome = await outbox.offer(
        {
          key: { groupKey: context.groupKey, receiver: receiverName, integration: kind, index },
          nowMs: context.nowMs,
          groupLabels: context.groupLabels,
          routeLabels: context.route.labels,
          incoming: context.incoming,
          surviving: alerts,
          sendResolved,
          resolveMuted,
          repeatIntervalMs: context.route.repeatIntervalMs,
          attemptTimeoutMs: Math.max(context.route.groupIntervalMs, MIN_FLUSH_MS),
        },
        context.signal,
      );
      countOutcome(outcome, kind, metrics);
      if (outcome.kind === 'rejected') {
        const place = `${receiverName}/${kind}[${index}]`;
        throw new TocsinError('TOCSIN_ERR_HTTP', `${place}: not delivered: ${outcome.message}`);
      }
      return alerts;
    },
  };
}

function countOutcome(outcome: OfferOutcome, integration: string, metrics: NotifyMetrics): void {
  if (outcome.kind === 'nothing') return;
  metrics.notifications.inc({ integration });
  if (outcome.kind !== 'delivered') metrics.failed(integration, outcome.reason);
}
