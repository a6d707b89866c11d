import type { Notification, Receiver, SendOutcome } from '../notification.ts';
import type { Rendering } from '../templates.ts';
import { httpReceiverPorts, renderOr } from './http-receiver.ts';
import type { HttpReceiverPorts } from './http-receiver.ts';
import { msteamsOf, msteamsSchema } from './msteams-config.ts';
import type { MsteamsConfig } from './msteams-config.ts';
import { receiverKind } from './receiver-kind.ts';
import { postToWebhookUrl } from './webhook-url.ts';

/** Colours of the card, RRGGBB. */
const COLOURS = { firing: '8C1A1A', resolved: '2DC72D' } as const;

/**
 * Posts a MessageCard to a connector of Microsoft Teams.
 *
 * @see prometheus/alertmanager notify/msteams/msteams.go
 */
class MsteamsReceiver implements Receiver {
  readonly #config: MsteamsConfig;
  readonly #ports: HttpReceiverPorts;

  constructor(config: MsteamsConfig, ports: HttpReceiverPorts) {
    this.#config = config;
    this.#ports = ports;
  }

  async send(notification: Notification, signal: AbortSignal): Promise<SendOutcome> {
    const { http, webhookUrl } = this.#config;
    const body = renderOr('msteams template', [], () =>
      messageCard(this.#config, this.#ports.templates.rendering(notification)),
    );
    if ('outcome' in body) return body.outcome;
    return postToWebhookUrl(this.#ports, { kind: 'msteams', http, webhookUrl, body: body.value }, signal);
  }
}

/** `msteams_configs`. */
export const msteamsKind = receiverKind({
  kind: 'msteams',
  schema: msteamsSchema,
  complete: msteamsOf,
  createReceiver: (config, context) => new MsteamsReceiver(config, httpReceiverPorts(config.http, context)),
});

function messageCard(config: MsteamsConfig, { text, view }: Rendering): Record<string, string> {
  return {
    '@context': 'http://schema.org/extensions',
    type: 'MessageCard',
    title: text(config.title),
    summary: text(config.summary),
    text: text(config.text),
    themeColor: COLOURS[view.status],
  };
}
