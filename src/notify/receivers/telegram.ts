import { secretsOf } from '../../core/authorized-http.ts';
import type { Logger } from '../../core/log.ts';
import type { HttpAnswer } from '../http.ts';
import type { Notification, Receiver, SendOutcome } from '../notification.ts';
import { classifyStatus } from '../retry.ts';
import type { Rendering } from '../templates.ts';
import { truncateLogged } from '../truncate.ts';
import { deliver, httpReceiverPorts, notificationLogger, renderOr, secretOr } from './http-receiver.ts';
import type { HttpReceiverPorts } from './http-receiver.ts';
import { parseJson } from './parse-json.ts';
import { receiverKind } from './receiver-kind.ts';
import { telegramOf, telegramSchema } from './telegram-config.ts';
import type { TelegramConfig } from './telegram-config.ts';

const MAX_MESSAGE_RUNES = 4096;

/** Takes the place of HTML that is too long: cutting it could leave a tag open. The text is Alertmanager's. */
const TOO_LONG =
  'Alertmanager notification could not be sent: message length exceeds Telegram limits.\n' +
  '\t\t\tPlease check the template used for producing the message content.';

/**
 * Sends a message with a Telegram bot. An answer that says `ok: false` is a failure whatever its status.
 *
 * Unlike Alertmanager, which tries again whatever Telegram says, an error that stays (4xx other than 429) is final.
 *
 * @see prometheus/alertmanager notify/telegram/telegram.go, tucnak/telebot bot_raw.go
 */
class TelegramReceiver implements Receiver {
  readonly #config: TelegramConfig;
  readonly #ports: HttpReceiverPorts;

  constructor(config: TelegramConfig, ports: HttpReceiverPorts) {
    this.#config = config;
    this.#ports = ports;
  }

  async send(notification: Notification, signal: AbortSignal): Promise<SendOutcome> {
    const { http, apiUrl, botToken } = this.#config;
    const logger = notificationLogger(this.#ports.logger, notification);
    const text = renderOr('telegram template', [], () =>
      messageText(this.#config, this.#ports.templates.rendering(notification), logger),
    );
    if ('outcome' in text) return text.outcome;
    const token = await secretOr(botToken, 'bot_token_file', this.#ports.files);
    if ('outcome' in token) return token.outcome;
    const chatId = await this.#readChatId();
    if ('outcome' in chatId) return chatId.outcome;
    const { clock } = this.#ports;
    return deliver(
      this.#ports,
      {
        url: `${apiUrl}/bot${token.value}/sendMessage`,
        body: JSON.stringify(this.#parameters(chatId.value, text.value)),
        timeoutMs: 0,
        kind: 'telegram',
        secrets: [token.value, ...secretsOf(http)],
        failureDetail: (answer) => telegramAnswer(answer)?.description || answer.text,
        retryAfter: (answer) => telegramAnswer(answer)?.retryAfter,
        accept: (answer) => readAccepted(answer, clock.nowMs()),
      },
      signal,
    );
  }

  async #readChatId(): Promise<{ readonly value: string } | { readonly outcome: SendOutcome }> {
    const { chatId } = this.#config;
    if ('id' in chatId) return { value: String(chatId.id) };
    const read = await secretOr(chatId, 'chat_id_file', this.#ports.files);
    if ('outcome' in read || /^[+-]?\d+$/.test(read.value)) return read;
    const message = `could not parse chat_id from ${chatId.file}`;
    return { outcome: { kind: 'retry', reason: 'other', message } };
  }

  /** All as text, as telebot sends them. */
  #parameters(chatId: string, text: string): Record<string, string> {
    const { disableNotifications, parseMode, messageThreadId } = this.#config;
    return {
      chat_id: chatId,
      text,
      disable_web_page_preview: 'true',
      ...(disableNotifications ? { disable_notification: 'true' } : {}),
      ...(parseMode === '' ? {} : { parse_mode: parseMode }),
      ...(messageThreadId === 0 ? {} : { message_thread_id: String(messageThreadId) }),
    };
  }
}

/** `telegram_configs`. */
export const telegramKind = receiverKind({
  kind: 'telegram',
  schema: telegramSchema,
  complete: telegramOf,
  createReceiver: (config, context) => new TelegramReceiver(config, httpReceiverPorts(config.http, context)),
});

function messageText(config: TelegramConfig, { text, html }: Rendering, logger: Logger): string {
  if (config.parseMode !== 'HTML') {
    return truncateLogged(text(config.message), MAX_MESSAGE_RUNES, 'message', logger);
  }
  const message = html(config.message);
  if (Array.from(message).length <= MAX_MESSAGE_RUNES) return message;
  logger.warn(
    { max_runes: MAX_MESSAGE_RUNES },
    'Replaced message that is too long and cannot be cut in HTML',
  );
  return TOO_LONG;
}

/** What an answer of the bot API says; undefined when it is not one. */
interface TelegramAnswer {
  readonly ok: boolean;
  readonly status: number;
  readonly description: string;
  /** In seconds. */
  readonly retryAfter: string | undefined;
}

function telegramAnswer(answer: HttpAnswer): TelegramAnswer | undefined {
  const body = parseJson(answer.text);
  if (typeof body !== 'object' || body === null) return undefined;
  const { ok, error_code, description, parameters } = body as Readonly<Record<string, unknown>>;
  const { retry_after } = (parameters ?? {}) as { readonly retry_after?: unknown };
  return {
    ok: ok === true,
    status: typeof error_code === 'number' ? error_code : answer.status,
    description: typeof description === 'string' ? description : '',
    retryAfter: typeof retry_after === 'number' ? String(retry_after) : undefined,
  };
}

/** A 2xx answer: its body has the last word. */
function readAccepted(answer: HttpAnswer, nowMs: number): SendOutcome {
  const read = telegramAnswer(answer);
  if (read === undefined) {
    const message = `could not unmarshal JSON response ${JSON.stringify(answer.text.slice(0, 500))}`;
    return { kind: 'retry', reason: 'other', message, unknown: true };
  }
  if (read.ok) return { kind: 'sent' };
  const message = `telegram: ${read.description} (${read.status})`;
  const outcome = classifyStatus(read.status, message, read.retryAfter, nowMs);
  return outcome.kind === 'sent' ? { kind: 'reject', reason: 'other', message } : outcome;
}
