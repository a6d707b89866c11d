import { secretsOf } from '../../core/authorized-http.ts';
import type { Notification, Receiver, SendOutcome } from '../notification.ts';
import { truncateBytes } from '../truncate.ts';
import { deliver, httpReceiverPorts, notificationLogger, renderOr } from './http-receiver.ts';
import type { HttpReceiverPorts } from './http-receiver.ts';
import { receiverKind } from './receiver-kind.ts';
import { webexOf, webexSchema } from './webex-config.ts';
import type { WebexConfig } from './webex-config.ts';

/** What Webex takes as one message. */
const MAX_MESSAGE_BYTES = 7439;

/**
 * Posts a Markdown message to a room of Webex.
 *
 * @see prometheus/alertmanager notify/webex/webex.go
 */
class WebexReceiver implements Receiver {
  readonly #config: WebexConfig;
  readonly #ports: HttpReceiverPorts;

  constructor(config: WebexConfig, ports: HttpReceiverPorts) {
    this.#config = config;
    this.#ports = ports;
  }

  async send(notification: Notification, signal: AbortSignal): Promise<SendOutcome> {
    const { http, apiUrl, roomId, message } = this.#config;
    const secrets = secretsOf(http);
    const rendered = renderOr('webex template', secrets, () => {
      const { text } = this.#ports.templates.rendering(notification);
      return { markdown: text(message), room: text(roomId) };
    });
    if ('outcome' in rendered) return rendered.outcome;
    const { markdown, room } = rendered.value;
    const cut = truncateBytes(markdown, MAX_MESSAGE_BYTES);
    if (cut !== markdown) {
      const logger = notificationLogger(this.#ports.logger, notification);
      logger.warn({ max_bytes: MAX_MESSAGE_BYTES }, 'Truncated message');
    }
    const body = JSON.stringify({ markdown: cut, ...(room === '' ? {} : { roomId: room }) });
    return deliver(this.#ports, { url: apiUrl, body, timeoutMs: 0, kind: 'webex', secrets }, signal);
  }
}

/** `webex_configs`. */
export const webexKind = receiverKind({
  kind: 'webex',
  schema: webexSchema,
  complete: webexOf,
  createReceiver: (config, context) => new WebexReceiver(config, httpReceiverPorts(config.http, context)),
});
