import type { Logger } from '../../core/log.ts';
import type { Notification, Receiver, SendOutcome } from '../notification.ts';
import type { Rendering } from '../templates.ts';
import { truncateLogged } from '../truncate.ts';
import { discordOf, discordSchema } from './discord-config.ts';
import type { DiscordConfig } from './discord-config.ts';
import { httpReceiverPorts, notificationLogger, renderOr, withoutEmpty } from './http-receiver.ts';
import type { HttpReceiverPorts } from './http-receiver.ts';
import { receiverKind } from './receiver-kind.ts';
import { postToWebhookUrl } from './webhook-url.ts';

const MAX_TITLE_RUNES = 256;
const MAX_DESCRIPTION_RUNES = 4096;
const MAX_CONTENT_RUNES = 2000;

/** Colours of the embed, 0xRRGGBB. */
const COLOURS = { firing: 0x99_2d_22, resolved: 0x2e_cc_71 } as const;

/**
 * Posts a message with one embed to a Discord webhook.
 *
 * @see prometheus/alertmanager notify/discord/discord.go
 */
class DiscordReceiver implements Receiver {
  readonly #config: DiscordConfig;
  readonly #ports: HttpReceiverPorts;

  constructor(config: DiscordConfig, ports: HttpReceiverPorts) {
    this.#config = config;
    this.#ports = ports;
  }

  async send(notification: Notification, signal: AbortSignal): Promise<SendOutcome> {
    const { http, webhookUrl } = this.#config;
    const logger = notificationLogger(this.#ports.logger, notification);
    const body = renderOr('discord template', [], () =>
      discordMessage(this.#config, this.#ports.templates.rendering(notification), logger),
    );
    if ('outcome' in body) return body.outcome;
    return postToWebhookUrl(this.#ports, { kind: 'discord', http, webhookUrl, body: body.value }, signal);
  }
}

/** `discord_configs`. */
export const discordKind = receiverKind({
  kind: 'discord',
  schema: discordSchema,
  complete: discordOf,
  createReceiver: (config, context) => new DiscordReceiver(config, httpReceiverPorts(config.http, context)),
});

function discordMessage(
  config: DiscordConfig,
  { text, view }: Rendering,
  logger: Logger,
): Record<string, unknown> {
  const title = truncateLogged(text(config.title), MAX_TITLE_RUNES, 'title', logger);
  const description = truncateLogged(text(config.message), MAX_DESCRIPTION_RUNES, 'message', logger);
  // `message` here too, as in Alertmanager's log; the limit tells which.
  const content = truncateLogged(text(config.content), MAX_CONTENT_RUNES, 'message', logger);
  return {
    content,
    embeds: [{ title, description, color: COLOURS[view.status] }],
    ...withoutEmpty({ username: config.username, avatar_url: avatarUrlOf(config, logger) }),
  };
}

/** The avatar's address; none, with a word in the log, where it is no address. */
function avatarUrlOf({ avatarUrl }: DiscordConfig, logger: Logger): string {
  // A relative one is for Discord to judge.
  if (avatarUrl === '' || URL.canParse(avatarUrl, 'http://relative.invalid')) return avatarUrl;
  logger.warn({}, 'Bad avatar url');
  return '';
}
