import { z } from 'zod';
import { secretsOf } from '../../core/authorized-http.ts';
import type { HttpAnswer } from '../http.ts';
import type { Notification, Receiver, SendOutcome } from '../notification.ts';
import type { Rendering } from '../templates.ts';
import { addPath } from './add-path.ts';
import { deliver, httpReceiverPorts, renderOr, secretOr, withoutEmpty } from './http-receiver.ts';
import type { HttpReceiverPorts } from './http-receiver.ts';
import { parseJson } from './parse-json.ts';
import { receiverKind } from './receiver-kind.ts';
import { wechatOf, wechatSchema } from './wechat-config.ts';
import type { WechatConfig } from './wechat-config.ts';

/** As long as WeChat's tokens hold. */
const TOKEN_LIFE_MS = 2 * 60 * 60 * 1000;
/** Codes that say that the token no longer holds: expired, or replaced by a newer one. */
const TOKEN_CODES = new Set([42_001, 40_014]);
/** Codes after which trying again makes sense although the token is good: busy, too many calls. */
const BUSY_CODES = new Set([-1, 45_009, 45_033]);

/**
 * Sends a message through WeChat Work with a token that is kept for two hours. Unlike Alertmanager it also fetches a new
 * token when WeChat calls the old one invalid, and tries again when WeChat is busy.
 *
 * @see prometheus/alertmanager notify/wechat/wechat.go
 */
class WechatReceiver implements Receiver {
  readonly #config: WechatConfig;
  readonly #ports: HttpReceiverPorts;
  #token: { readonly value: string; readonly fetchedAtMs: number } | undefined;

  constructor(config: WechatConfig, ports: HttpReceiverPorts) {
    this.#config = config;
    this.#ports = ports;
  }

  async send(notification: Notification, signal: AbortSignal): Promise<SendOutcome> {
    const secret = await secretOr(this.#config.apiSecret, 'api_secret_file', this.#ports.files);
    if ('outcome' in secret) return secret.outcome;
    const secrets = [secret.value, ...secretsOf(this.#config.http)];
    const rendered = renderOr('wechat template', secrets, () => {
      const { text } = this.#ports.templates.rendering(notification);
      const corp = { corpid: text(this.#config.corpId), corpsecret: text(secret.value) };
      return { corp, message: wechatMessage(this.#config, text) };
    });
    if ('outcome' in rendered) return rendered.outcome;
    const { corp, message } = rendered.value;
    secrets.push(corp.corpsecret);
    const token = await this.#findToken(corp, secrets, signal);
    if (typeof token !== 'string') return token;
    const url = new URL(addPath(this.#config.apiUrl, 'message/send'));
    url.searchParams.set('access_token', token);
    const delivery = {
      url: url.href,
      body: JSON.stringify(message),
      timeoutMs: 0,
      kind: 'wechat',
      secrets: [token, ...secrets],
      accept: (answer: HttpAnswer) => this.#readAnswer(answer),
    };
    return deliver(this.#ports, delivery, signal);
  }

  async #findToken(
    corp: { readonly corpid: string; readonly corpsecret: string },
    secrets: readonly string[],
    signal: AbortSignal,
  ): Promise<string | SendOutcome> {
    const nowMs = this.#ports.clock.nowMs();
    if (this.#token !== undefined && nowMs - this.#token.fetchedAtMs <= TOKEN_LIFE_MS) {
      return this.#token.value;
    }
    const url = new URL(addPath(this.#config.apiUrl, 'gettoken'));
    url.search = new URLSearchParams(corp).toString();
    let value = '';
    const delivery = {
      method: 'GET',
      url: url.href,
      timeoutMs: 0,
      kind: 'wechat',
      secrets,
      accept: (answer: HttpAnswer): SendOutcome => {
        const json = readJson(answer);
        if ('outcome' in json) return json.outcome;
        const { read } = json;
        value = read.access_token;
        if (value !== '') return { kind: 'sent' };
        const said = read.errmsg === '' ? '' : `: ${read.errmsg}`;
        return codeOutcome(read.errcode, `invalid APISecret for CorpID: ${corp.corpid}${said}`);
      },
    } as const;
    const outcome = await deliver(this.#ports, delivery, signal);
    // Whatever became of the question for a token, no message has arrived.
    if (outcome.kind !== 'sent') return outcome.kind === 'retry' ? { ...outcome, unknown: false } : outcome;
    this.#token = { value, fetchedAtMs: nowMs };
    return value;
  }

  #readAnswer(answer: HttpAnswer): SendOutcome {
    const json = readJson(answer);
    if ('outcome' in json) return json.outcome;
    const { read } = json;
    if (read.errcode === 0) return { kind: 'sent' };
    const message = `error response from WeChat: ${read.errcode}: ${read.errmsg}`;
    if (!TOKEN_CODES.has(read.errcode)) return codeOutcome(read.errcode, message);
    this.#token = undefined;
    return { kind: 'retry', reason: 'authError', message };
  }
}

/** `wechat_configs`. */
export const wechatKind = receiverKind({
  kind: 'wechat',
  schema: wechatSchema,
  complete: wechatOf,
  createReceiver: (config, context) => new WechatReceiver(config, httpReceiverPorts(config.http, context)),
});

/** The body that WeChat gets: both contents are always there, one of them empty. */
type WechatMessage = Readonly<Record<string, string | { readonly content: string }>>;

function wechatMessage(config: WechatConfig, text: Rendering['text']): WechatMessage {
  const content = text(config.message);
  const isMarkdown = config.messageType === 'markdown';
  const receivers = withoutEmpty({
    touser: text(config.toUser),
    toparty: text(config.toParty),
    totag: text(config.toTag),
    agentid: text(config.agentId),
  });
  return {
    text: { content: isMarkdown ? '' : content },
    ...receivers,
    safe: '0',
    msgtype: config.messageType,
    markdown: { content: isMarkdown ? content : '' },
  };
}

const answerSchema = z.object({
  /** 0 is success. */
  errcode: z.number().default(0),
  errmsg: z.string().default(''),
  access_token: z.string().default(''),
});

/** What an answer says, or the outcome of its being something else. */
function readJson({
  text,
}: HttpAnswer): { readonly read: z.output<typeof answerSchema> } | { readonly outcome: SendOutcome } {
  const result = answerSchema.safeParse(parseJson(text));
  if (result.success) return { read: result.data };
  const message = `could not unmarshal JSON response ${JSON.stringify(text.slice(0, 500))}`;
  return { outcome: { kind: 'retry', reason: 'other', message, unknown: true } };
}

function codeOutcome(code: number, message: string): SendOutcome {
  if (!BUSY_CODES.has(code)) return { kind: 'reject', reason: 'clientError', message };
  return { kind: 'retry', reason: code === -1 ? 'serverError' : 'rateLimited', message };
}
