import { secretsOf } from '../../core/authorized-http.ts';
import type { Notification, Receiver, SendOutcome } from '../notification.ts';
import { deliver, httpReceiverPorts, secretOr, templateOutcome } from './http-receiver.ts';
import type { HttpReceiverPorts } from './http-receiver.ts';
import { receiverKind } from './receiver-kind.ts';
import { cutAlerts, webhookBody } from './webhook-body.ts';
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
          ? webhookBody('4', notification, rendering.view)
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
