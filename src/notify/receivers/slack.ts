import { secretsOf } from '../../core/authorized-http.ts';
import type { Logger } from '../../core/log.ts';
import type { HttpAnswer } from '../http.ts';
import type { Notification, Receiver, SendOutcome } from '../notification.ts';
import type { Rendering } from '../templates.ts';
import { truncateLogged } from '../truncate.ts';
import {
  deliver,
  httpReceiverPorts,
  inChannel,
  notificationLogger,
  secretOr,
  templateOutcome,
  withoutEmpty,
} from './http-receiver.ts';
import type { HttpReceiverPorts } from './http-receiver.ts';
import { receiverKind } from './receiver-kind.ts';
import { slackOf, slackSchema } from './slack-config.ts';
import type { SlackConfig } from './slack-config.ts';

const MAX_TITLE_RUNES = 1024;
const DEFAULT_MARKDOWN_IN: readonly string[] = ['fallback', 'pretext', 'text'];

/**
 * Posts one attachment to a Slack webhook or, with an app token, to chat.postMessage. An answer that says `ok: false`, or
 * a webhook's text other than `ok`, is a failure whatever its status.
 *
 * @see prometheus/alertmanager notify/slack/slack.go
 */
class SlackReceiver implements Receiver {
  readonly #config: SlackConfig;
  readonly #ports: HttpReceiverPorts;

  constructor(config: SlackConfig, ports: HttpReceiverPorts) {
    this.#config = config;
    this.#ports = ports;
  }

  async send(notification: Notification, signal: AbortSignal): Promise<SendOutcome> {
    const { http, endpoint, timeoutMs } = this.#config;
    const source = endpoint.kind === 'webhook' ? endpoint.url : endpoint.token;
    const what = endpoint.kind === 'webhook' ? 'api_url_file' : 'app_token_file';
    const secret = await secretOr(source, what, this.#ports.files);
    if ('outcome' in secret) return secret.outcome;
    let body: SlackMessage;
    try {
      const logger = notificationLogger(this.#ports.logger, notification);
      body = slackMessage(this.#config, this.#ports.templates.rendering(notification), logger);
    } catch (error) {
      return templateOutcome('slack template', error, [secret.value]);
    }
    const outcome = await deliver(
      this.#ports,
      {
        url: endpoint.kind === 'webhook' ? secret.value : endpoint.appUrl,
        body: JSON.stringify(body),
        headers: endpoint.kind === 'webhook' ? {} : { Authorization: `Bearer ${secret.value}` },
        timeoutMs,
        kind: 'slack',
        secrets: [secret.value, ...secretsOf(http)],
        accept: readSlackAnswer,
      },
      signal,
    );
    return body.channel === undefined ? outcome : inChannel(outcome, body.channel);
  }
}

/** `slack_configs`. */
export const slackKind = receiverKind({
  kind: 'slack',
  schema: slackSchema,
  complete: slackOf,
  createReceiver: (config, context) => new SlackReceiver(config, httpReceiverPorts(config.http, context)),
});

/** The body that Slack gets; empty texts are left out where Alertmanager leaves them out. */
interface SlackMessage {
  readonly channel?: string;
  readonly attachments: readonly Record<string, unknown>[];
}

function slackMessage(config: SlackConfig, { text }: Rendering, logger: Logger): SlackMessage {
  const channel = text(config.channel);
  return {
    ...(channel === '' ? {} : { channel }),
    ...withoutEmpty({
      username: text(config.username),
      icon_emoji: text(config.iconEmoji),
      icon_url: text(config.iconUrl),
      link_names: config.linkNames,
      text: text(config.messageText),
    }),
    attachments: [
      {
        ...withoutEmpty({
          title: truncateLogged(text(config.title), MAX_TITLE_RUNES, 'title', logger),
          title_link: text(config.titleLink),
          pretext: text(config.pretext),
        }),
        text: text(config.text),
        fallback: text(config.fallback),
        callback_id: text(config.callbackId),
        ...fieldsAndActions(config, text),
        ...withoutEmpty({ image_url: text(config.imageUrl), thumb_url: text(config.thumbUrl) }),
        footer: text(config.footer),
        ...withoutEmpty({ color: text(config.color) }),
        mrkdwn_in: config.mrkdwnIn.length > 0 ? config.mrkdwnIn : DEFAULT_MARKDOWN_IN,
      },
    ],
  };
}

function fieldsAndActions(config: SlackConfig, text: (template: string) => string): Record<string, unknown> {
  const fields = config.fields.map((field) => ({
    title: text(field.title),
    value: text(field.value),
    short: field.short ?? config.shortFields,
  }));
  const actions = config.actions.map((action) => ({
    ...withoutEmpty({
      type: text(action.type),
      text: text(action.text),
      url: text(action.url),
      style: text(action.style),
      name: text(action.name),
      value: text(action.value),
    }),
    ...(action.confirm === undefined
      ? {}
      : {
          confirm: withoutEmpty({
            text: text(action.confirm.text),
            title: text(action.confirm.title),
            ok_text: text(action.confirm.okText),
            dismiss_text: text(action.confirm.dismissText),
          }),
        }),
  }));
  return { ...(fields.length > 0 ? { fields } : {}), ...(actions.length > 0 ? { actions } : {}) };
}

/** Errors of Slack's API after which trying again makes sense. */
const TRANSIENT_ERRORS = new Set([
  'ratelimited',
  'rate_limited',
  'internal_error',
  'fatal_error',
  'service_unavailable',
  'request_timeout',
  'rollup_error',
]);

function readSlackAnswer(answer: HttpAnswer): SendOutcome {
  if (!(answer.headers['content-type'] ?? '').startsWith('application/json')) {
    if (answer.text === 'ok') return { kind: 'sent' };
    const message = `received an error response from Slack: ${answer.text.slice(0, 500)}`;
    return { kind: 'reject', reason: 'clientError', message };
  }
  let data: unknown;
  try {
    data = JSON.parse(answer.text);
  } catch {
    const message = `could not unmarshal JSON response ${JSON.stringify(answer.text.slice(0, 500))}`;
    return { kind: 'retry', reason: 'clientError', message, unknown: true };
  }
  const { ok, error } = (typeof data === 'object' && data !== null ? data : {}) as {
    readonly ok?: unknown;
    readonly error?: unknown;
  };
  if (ok === true) return { kind: 'sent' };
  const name = typeof error === 'string' ? error : 'no reason given';
  const message = `error response from Slack: ${name}`;
  if (!TRANSIENT_ERRORS.has(name)) return { kind: 'reject', reason: 'clientError', message };
  return { kind: 'retry', reason: name.startsWith('rate') ? 'rateLimited' : 'serverError', message };
}
