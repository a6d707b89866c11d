import { isResolved } from '../../alerts/index.ts';
import type { Alert } from '../../alerts/index.ts';
import { quoteMeta } from '../../template/index.ts';
import type { NotificationView } from '../../template/index.ts';
import type { Notification } from '../notification.ts';
import { ZERO_TIME, formatRfc3339 } from '../time.ts';

/** The first alerts; unlike Alertmanager those that fire come first, so that the cut can't make a group look resolved. */
export function cutAlerts({ alerts, nowMs }: Notification, maxAlerts: number): readonly Alert[] {
  if (maxAlerts === 0 || alerts.length <= maxAlerts) return alerts;
  const firingFirst = alerts.toSorted((a, b) => Number(isResolved(a, nowMs)) - Number(isResolved(b, nowMs)));
  const kept = new Set(firingFirst.slice(0, maxAlerts));
  return alerts.filter((alert) => kept.has(alert));
}

/** Alertmanager's message for webhooks and incident.io about the alerts of `view`; keys in its order. */
export function webhookBody(
  version: string,
  { key, alerts }: Notification,
  view: NotificationView,
): Record<string, unknown> {
  return {
    receiver: quoteMeta(view.receiver),
    status: view.status,
    alerts: view.alerts.map((alert) => ({
      status: alert.status,
      labels: alert.labels,
      annotations: alert.annotations,
      startsAt: formatRfc3339(alert.startsAtMs),
      endsAt: alert.endsAtMs === undefined ? ZERO_TIME : formatRfc3339(alert.endsAtMs),
      generatorURL: alert.generatorUrl,
      fingerprint: alert.fingerprint,
    })),
    notification_reason: view.notificationReason,
    groupLabels: view.groupLabels,
    commonLabels: view.commonLabels,
    commonAnnotations: view.commonAnnotations,
    routeLabels: view.routeLabels,
    externalURL: view.externalUrl,
    version,
    groupKey: key.groupKey,
    truncatedAlerts: alerts.length - view.alerts.length,
  };
}
