import { secretsOf } from '../../core/authorized-http.ts';
import type { Logger } from '../../core/log.ts';
import type { Notification, Receiver, SendOutcome } from '../notification.ts';
import type { Rendering } from '../templates.ts';
import { truncateLogged } from '../truncate.ts';
import { deliver, httpReceiverPorts, notificationLogger, renderOr, secretOr } from './http-receiver.ts';
import type { HttpReceiverPorts } from './http-receiver.ts';
import { pushoverOf, pushoverSchema } from './pushover-config.ts';
import type { PushoverConfig } from './pushover-config.ts';
import { receiverKind } from './receiver-kind.ts';

const API_URL = 'https://api.pushover.net/1/messages.json';
const MAX_TITLE_RUNES = 250;
const MAX_MESSAGE_RUNES = 1024;
const MAX_URL_RUNES = 512;
/** Pushover refuses messages without a text. */
const NO_MESSAGE = '(no details)';

/**
 * Posts a message to Pushover, all of it in the query string.
 *
 * @see prometheus/alertmanager notify/pushover/pushover.go
 */
class PushoverReceiver implements Receiver {
  readonly #config: PushoverConfig;
  readonly #ports: HttpReceiverPorts;

  constructor(config: PushoverConfig, ports: HttpReceiverPorts) {
    this.#config = config;
    this.#ports = ports;
  }

  async send(notification: Notification, signal: AbortSignal): Promise<SendOutcome> {
    const { files, templates } = this.#ports;
    const token = await secretOr(this.#config.token, 'token_file', files);
    if ('outcome' in token) return token.outcome;
    const user = await secretOr(this.#config.userKey, 'user_key_file', files);
    if ('outcome' in user) return user.outcome;
    const logger = notificationLogger(this.#ports.logger, notification);
    const secrets = [token.value, user.value];
    const rendered = renderOr('pushover template', secrets, () => {
      const rendering = templates.rendering(notification);
      const keys = { token: rendering.text(token.value), user: rendering.text(user.value) };
      return { ...keys, ...pushoverMessage(this.#config, rendering, logger) };
    });
    if ('outcome' in rendered) return rendered.outcome;
    const parameters = new URLSearchParams(rendered.value);
    parameters.sort();
    const delivery = {
      url: `${API_URL}?${parameters.toString()}`,
      contentType: 'text/plain',
      timeoutMs: 0,
      kind: 'pushover',
      secrets: [...secrets, rendered.value.token, rendered.value.user, ...secretsOf(this.#config.http)],
    };
    return deliver(this.#ports, delivery, signal);
  }
}

/** `pushover_configs`. */
export const pushoverKind = receiverKind({
  kind: 'pushover',
  schema: pushoverSchema,
  complete: pushoverOf,
  createReceiver: (config, context) => new PushoverReceiver(config, httpReceiverPorts(config.http, context)),
});

function pushoverMessage(
  config: PushoverConfig,
  { text, html }: Rendering,
  logger: Logger,
): Record<string, string> {
  const { format, ttlMs } = config;
  const whole = format === 'html' ? html(config.message) : text(config.message);
  const message = truncateLogged(whole, MAX_MESSAGE_RUNES, 'message', logger).trim();
  return {
    title: truncateLogged(text(config.title), MAX_TITLE_RUNES, 'title', logger),
    ...(format === 'plain' ? {} : { [format]: '1' }),
    message: message === '' ? NO_MESSAGE : message,
    url: truncateLogged(text(config.url), MAX_URL_RUNES, 'URL', logger),
    url_title: text(config.urlTitle),
    priority: text(config.priority),
    retry: wholeSeconds(config.retryMs),
    expire: wholeSeconds(config.expireMs),
    device: text(config.device),
    sound: text(config.sound),
    ...(ttlMs < 1000 ? {} : { ttl: wholeSeconds(ttlMs) }),
  };
}

function wholeSeconds(durationMs: number): string {
  return String(Math.floor(durationMs / 1000));
}
