import { z } from 'zod';
import { secretsOf } from '../../core/authorized-http.ts';
import type { Logger } from '../../core/log.ts';
import type { HttpAnswer } from '../http.ts';
import type { Notification, Receiver, SendOutcome } from '../notification.ts';
import type { Rendering } from '../templates.ts';
import { truncateLogged } from '../truncate.ts';
import { addPath } from './add-path.ts';
import {
  deliver,
  httpReceiverPorts,
  inChannel,
  notificationLogger,
  renderOr,
  secretOr,
  withoutEmpty,
} from './http-receiver.ts';
import type { HttpReceiverPorts } from './http-receiver.ts';
import { parseJson } from './parse-json.ts';
import { receiverKind } from './receiver-kind.ts';
import { rocketchatOf, rocketchatSchema } from './rocketchat-config.ts';
import type { RocketchatConfig } from './rocketchat-config.ts';

const MAX_TITLE_RUNES = 1024;

/**
 * Posts one attachment to a channel of Rocket.Chat by chat.postMessage. An answer without `success: true` is a failure
 * whatever its status.
 *
 * @see prometheus/alertmanager notify/rocketchat/rocketchat.go
 */
class RocketchatReceiver implements Receiver {
  readonly #config: RocketchatConfig;
  readonly #ports: HttpReceiverPorts;

  constructor(config: RocketchatConfig, ports: HttpReceiverPorts) {
    this.#config = config;
    this.#ports = ports;
  }

  async send(notification: Notification, signal: AbortSignal): Promise<SendOutcome> {
    const { http, apiUrl } = this.#config;
    const token = await secretOr(this.#config.token, 'token_file', this.#ports.files);
    if ('outcome' in token) return token.outcome;
    const tokenId = await secretOr(this.#config.tokenId, 'token_id_file', this.#ports.files);
    if ('outcome' in tokenId) return tokenId.outcome;
    const secrets = [token.value, tokenId.value, ...secretsOf(http)];
    const logger = notificationLogger(this.#ports.logger, notification);
    const rendered = renderOr('rocketchat template', secrets, () =>
      rocketchatMessage(this.#config, this.#ports.templates.rendering(notification).text, logger),
    );
    if ('outcome' in rendered) return rendered.outcome;
    const message = rendered.value;
    const delivery = {
      url: addPath(apiUrl, 'api/v1/chat.postMessage'),
      body: JSON.stringify(message),
      headers: { 'X-Auth-Token': token.value, 'X-User-Id': tokenId.value },
      timeoutMs: 0,
      kind: 'rocketchat',
      secrets,
      accept: readAnswer,
    };
    const outcome = await deliver(this.#ports, delivery, signal);
    return inChannel(outcome, message.channel ?? '');
  }
}

/** `rocketchat_configs`. */
export const rocketchatKind = receiverKind({
  kind: 'rocketchat',
  schema: rocketchatSchema,
  complete: rocketchatOf,
  createReceiver: (config, context) =>
    new RocketchatReceiver(config, httpReceiverPorts(config.http, context)),
});

/** The body that Rocket.Chat gets; empty texts are left out. */
interface RocketchatMessage {
  readonly channel?: string;
  readonly emoji?: string;
  readonly avatar?: string;
  readonly attachments: readonly Record<string, unknown>[];
}

function rocketchatMessage(
  config: RocketchatConfig,
  text: Rendering['text'],
  logger: Logger,
): RocketchatMessage {
  const fields = config.fields.map(({ title, value, short }) => ({
    short: short ?? config.shortFields,
    ...withoutEmpty({ title: text(title), value: text(value) }),
  }));
  const actions = config.actions.map((action) => ({
    type: 'button',
    ...withoutEmpty({ text: text(action.text), url: text(action.url) }),
    is_webview: false,
    ...withoutEmpty({ msg: text(action.msg) }),
    msg_in_chat_window: false,
  }));
  const attachment = {
    ...withoutEmpty({
      title: truncateLogged(text(config.title), MAX_TITLE_RUNES, 'title', logger),
      title_link: text(config.titleLink),
      text: text(config.text),
      image_url: text(config.imageUrl),
      thumb_url: text(config.thumbUrl),
      color: text(config.color),
    }),
    ...(fields.length > 0 ? { fields } : {}),
    ...(actions.length > 0 ? { actions } : {}),
  };
  return {
    ...withoutEmpty({
      channel: text(config.channel),
      emoji: text(config.emoji),
      avatar: text(config.iconUrl),
    }),
    attachments: [attachment],
  };
}

const answerSchema = z.object({
  success: z.boolean().default(false),
  error: z.string().default('no reason given'),
});

function readAnswer({ text }: HttpAnswer): SendOutcome {
  const answer = answerSchema.safeParse(parseJson(text)).data;
  if (answer === undefined) {
    const message = `could not unmarshal JSON response ${JSON.stringify(text.slice(0, 500))}`;
    return { kind: 'retry', reason: 'clientError', message, unknown: true };
  }
  if (answer.success) return { kind: 'sent' };
  const message = `error response from Rocketchat: ${answer.error}`;
  return { kind: 'reject', reason: 'clientError', message };
}
