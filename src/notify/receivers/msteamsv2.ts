import type { Notification, Receiver, SendOutcome } from '../notification.ts';
import type { Rendering } from '../templates.ts';
import { httpReceiverPorts, renderOr } from './http-receiver.ts';
import type { HttpReceiverPorts } from './http-receiver.ts';
import { msteamsv2Of, msteamsv2Schema } from './msteamsv2-config.ts';
import type { Msteamsv2Config } from './msteamsv2-config.ts';
import { receiverKind } from './receiver-kind.ts';
import { postToWebhookUrl } from './webhook-url.ts';

/** Colours of the heading by their names in adaptive cards. */
const COLOURS = { firing: 'Attention', resolved: 'Good' } as const;

/**
 * Posts an adaptive card to a workflow of Microsoft Teams.
 *
 * @see prometheus/alertmanager notify/msteamsv2/msteamsv2.go
 */
class Msteamsv2Receiver implements Receiver {
  readonly #config: Msteamsv2Config;
  readonly #ports: HttpReceiverPorts;

  constructor(config: Msteamsv2Config, ports: HttpReceiverPorts) {
    this.#config = config;
    this.#ports = ports;
  }

  async send(notification: Notification, signal: AbortSignal): Promise<SendOutcome> {
    const { http, webhookUrl } = this.#config;
    const body = renderOr('msteamsv2 template', [], () =>
      adaptiveCard(this.#config, this.#ports.templates.rendering(notification)),
    );
    if ('outcome' in body) return body.outcome;
    return postToWebhookUrl(this.#ports, { kind: 'msteamsv2', http, webhookUrl, body: body.value }, signal);
  }
}

/** `msteamsv2_configs`. */
export const msteamsv2Kind = receiverKind({
  kind: 'msteamsv2',
  schema: msteamsv2Schema,
  complete: msteamsv2Of,
  createReceiver: (config, context) => new Msteamsv2Receiver(config, httpReceiverPorts(config.http, context)),
});

function adaptiveCard(config: Msteamsv2Config, { text, view }: Rendering): Record<string, unknown> {
  const heading = {
    type: 'TextBlock',
    text: text(config.title),
    weight: 'Bolder',
    size: 'Medium',
    wrap: true,
    style: 'heading',
    color: COLOURS[view.status],
  };
  const content = {
    $schema: 'http://adaptivecards.io/schemas/adaptive-card.json',
    type: 'AdaptiveCard',
    version: '1.2',
    body: [heading, { type: 'TextBlock', text: text(config.text), wrap: true }],
    msteams: { width: 'full' },
  };
  return {
    type: 'message',
    attachments: [{ contentType: 'application/vnd.microsoft.card.adaptive', contentUrl: null, content }],
  };
}
