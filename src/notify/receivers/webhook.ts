import { isResolved } from '../../alerts/index.ts';
import type { Alert } from '../../alerts/index.ts';
import { secretsOf } from '../../core/authorized-http.ts';
import { quoteMeta } from '../../template/index.ts';
import type { NotificationView } from '../../template/index.ts';
import type { Notification, Receiver, SendOutcome } from '../notification.ts';
import { ZERO_TIME, formatRfc3339 } from '../time.ts';
import { deliver, httpReceiverPorts, secretOr, templateOutcome } from './http-receiver.ts';
import type { HttpReceiverPorts } from './http-receiver.ts';
import { receiverKind } from './receiver-kind.ts';
import { webhookOf, webhookSchema } from './webhook-config.ts';
import type { WebhookConfig } from './webhook-config.ts';
import { renderPayload } from './webhook-payload.ts';

/**
 * POSTs the group as JSON, version "4" of Alertmanager's body, or a payload of the user's own making.
 *
 * @see prometheus/alertmanager notify/webhook/webhook.go
 */
class WebhookReceiver implements Receiver {
  readonly #config: WebhookConfig;
  readonly #ports: HttpReceiverPorts;

  constructor(config: WebhookConfig, ports: HttpReceiverPorts) {
    this.#config = config;
    this.#ports = ports;
  }

  async send(notification: Notification, signal: AbortSignal): Promise<SendOutcome> {
    const { http, maxAlerts, timeoutMs, payload } = this.#config;
    const source = await secretOr(this.#config.url, 'url_file', this.#ports.files);
    if ('outcome' in source) return source.outcome;
    const alerts = cutAlerts(notification, maxAlerts);
    let url: string;
    let body: unknown;
    try {
      const rendering = this.#ports.templates.rendering(notification, alerts);
      url = rendering.text(source.value);
      body =
        payload === undefined
          ? webhookBody(notification, rendering.view, notification.alerts.length - alerts.length)
          : renderPayload(payload, rendering.text);
    } catch (error) {
      return templateOutcome('webhook template', error, [source.value]);
    }
    if (url === '')
      return { kind: 'reject', reason: 'other', message: 'webhook URL is empty after templating' };
    const delivery = {
      url,
      body: JSON.stringify(body),
      timeoutMs,
      kind: 'webhook',
      secrets: [source.value, url, ...secretsOf(http)],
    };
    return deliver(this.#ports, delivery, signal);
  }
}

/** `webhook_configs`. */
export const webhookKind = receiverKind({
  kind: 'webhook',
  schema: webhookSchema,
  complete: webhookOf,
  createReceiver: (config, context) => new WebhookReceiver(config, httpReceiverPorts(config.http, context)),
});

/** The first alerts; unlike Alertmanager those that fire come first, so that the cut can't make a group look resolved. */
function cutAlerts({ alerts, nowMs }: Notification, maxAlerts: number): readonly Alert[] {
  if (maxAlerts === 0 || alerts.length <= maxAlerts) return alerts;
  const firingFirst = alerts.toSorted((a, b) => Number(isResolved(a, nowMs)) - Number(isResolved(b, nowMs)));
  const kept = new Set(firingFirst.slice(0, maxAlerts));
  return alerts.filter((alert) => kept.has(alert));
}

/** Alertmanager's webhook message; keys in its order. */
function webhookBody(
  { key }: Notification,
  view: NotificationView,
  truncatedAlerts: number,
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
    version: '4',
    groupKey: key.groupKey,
    truncatedAlerts,
  };
}
