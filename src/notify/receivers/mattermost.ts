import { secretsOf } from '../../core/authorized-http.ts';
import type { Logger } from '../../core/log.ts';
import type { Notification, Receiver, SendOutcome } from '../notification.ts';
import type { Rendering } from '../templates.ts';
import { truncateLogged } from '../truncate.ts';
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
import { mattermostOf, mattermostSchema } from './mattermost-config.ts';
import type { MattermostAttachment, MattermostConfig, MattermostPriority } from './mattermost-config.ts';
import { receiverKind } from './receiver-kind.ts';

/** What Mattermost takes as the text of a post. */
const MAX_TEXT_RUNES = 16_383;

/**
 * Posts to an incoming webhook of Mattermost: one attachment made of the config's own keys, or its `attachments` below
 * its text.
 *
 * @see prometheus/alertmanager notify/mattermost/mattermost.go
 */
class MattermostReceiver implements Receiver {
  readonly #config: MattermostConfig;
  readonly #ports: HttpReceiverPorts;

  constructor(config: MattermostConfig, ports: HttpReceiverPorts) {
    this.#config = config;
    this.#ports = ports;
  }

  async send(notification: Notification, signal: AbortSignal): Promise<SendOutcome> {
    const { webhookUrl, http } = this.#config;
    const url = await secretOr(webhookUrl, 'webhook_url_file', this.#ports.files);
    if ('outcome' in url) return url.outcome;
    if (url.value === '') return { kind: 'reject', reason: 'other', message: 'webhook url missing' };
    const secrets = [url.value, ...secretsOf(http)];
    const logger = notificationLogger(this.#ports.logger, notification);
    const rendered = renderOr('mattermost template', secrets, () =>
      mattermostMessage(this.#config, this.#ports.templates.rendering(notification).text, logger),
    );
    if ('outcome' in rendered) return rendered.outcome;
    const message = rendered.value;
    const body = JSON.stringify(message);
    const delivery = { url: url.value, body, timeoutMs: 0, kind: 'mattermost', secrets };
    const outcome = await deliver(this.#ports, delivery, signal);
    return inChannel(outcome, message.channel ?? '');
  }
}

/** `mattermost_configs`. */
export const mattermostKind = receiverKind({
  kind: 'mattermost',
  schema: mattermostSchema,
  complete: mattermostOf,
  createReceiver: (config, context) =>
    new MattermostReceiver(config, httpReceiverPorts(config.http, context)),
});

/** The body that Mattermost gets; empty texts are left out. */
interface MattermostMessage {
  readonly channel?: string;
  readonly [key: string]: unknown;
}

function mattermostMessage(
  config: MattermostConfig,
  text: Rendering['text'],
  logger: Logger,
): MattermostMessage {
  const { attachments, attachment, priority } = config;
  const ownText = attachments.length > 0 ? text(config.text) : '';
  const card = text(config.card);
  return {
    ...withoutEmpty({
      text: truncateLogged(ownText, MAX_TEXT_RUNES, 'text', logger),
      channel: text(config.channel),
      username: text(config.username),
      icon_url: text(config.iconUrl),
      icon_emoji: text(config.iconEmoji),
    }),
    attachments: (attachments.length > 0 ? attachments : [attachment]).map((each) =>
      attachmentBody(each, text),
    ),
    ...withoutEmpty({ type: text(config.type) }),
    ...(config.card === '' ? {} : { props: withoutEmpty({ card }) }),
    ...(priority === undefined ? {} : { priority: priorityBody(priority, text, logger) }),
  };
}

function attachmentBody(attachment: MattermostAttachment, text: Rendering['text']): Record<string, unknown> {
  const fields = attachment.fields.map(({ title, value, short }) => ({
    ...withoutEmpty({ title: text(title), value: text(value) }),
    ...(short === undefined ? {} : { short }),
  }));
  return {
    ...withoutEmpty({
      fallback: text(attachment.fallback),
      color: text(attachment.color),
      pretext: text(attachment.pretext),
      text: text(attachment.text),
      author_name: text(attachment.authorName),
      author_link: text(attachment.authorLink),
      author_icon: text(attachment.authorIcon),
      title: text(attachment.title),
      title_link: text(attachment.titleLink),
    }),
    ...(fields.length > 0 ? { fields } : {}),
    ...withoutEmpty({
      thumb_url: text(attachment.thumbUrl),
      footer: text(attachment.footer),
      footer_icon: text(attachment.footerIcon),
      image_url: text(attachment.imageUrl),
    }),
  };
}

/** Mattermost refuses a post with a priority it does not know, or with flags that the priority does not allow. */
function priorityBody(
  config: MattermostPriority,
  text: Rendering['text'],
  logger: Logger,
): Record<string, unknown> {
  const written = text(config.priority);
  let priority = written.toLowerCase();
  if (!['urgent', 'important', 'standard'].includes(priority)) {
    logger.warn({ priority: written }, 'Priority is set to standard due to invalid value');
    priority = 'standard';
  }
  const mayAsk = priority !== 'standard';
  if (config.requestedAck && !mayAsk) {
    logger.warn({}, 'RequestedAck is set to false due to priority is standard');
  }
  const mayPersist = priority === 'urgent';
  if (config.persistentNotifications && !mayPersist) {
    logger.warn({}, 'PersistentNotifications is set to false due to priority is not urgent');
  }
  return {
    priority,
    ...(config.requestedAck && mayAsk ? { requested_ack: true } : {}),
    ...(config.persistentNotifications && mayPersist ? { persistent_notifications: true } : {}),
  };
}
