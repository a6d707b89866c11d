import { AuthorizedHttp } from '../../core/authorized-http.ts';
import { startDeadline } from '../../core/clock.ts';
import type { Clock } from '../../core/clock.ts';
import { formatDuration } from '../../core/duration.ts';
import { TocsinError, errorText } from '../../core/errors.ts';
import type { HttpClientConfig } from '../../core/http-config.ts';
import type { Logger } from '../../core/log.ts';
import type { FileSystem } from '../../core/ports.ts';
import { outcomeOfTransportError, redact, sendRequest, statusMessage } from '../http.ts';
import type { HttpAnswer, NotifyHttp, NotifyRequest } from '../http.ts';
import type { Notification, SendOutcome } from '../notification.ts';
import { classifyStatus } from '../retry.ts';
import { readSecret } from '../secret-source.ts';
import type { SecretSource } from '../secret-source.ts';
import type { NotificationTemplates } from '../templates.ts';
import type { ReceiverContext } from './receiver-kind.ts';

/** What receivers over HTTP work with. */
export interface HttpReceiverPorts {
  readonly http: NotifyHttp;
  readonly files: FileSystem;
  readonly clock: Clock;
  readonly templates: NotificationTemplates;
  /** The integration's own. */
  readonly logger: Logger;
}

/** What a receiver over HTTP works with, its `http_config` in it. */
export function httpReceiverPorts(config: HttpClientConfig, context: ReceiverContext): HttpReceiverPorts {
  const { files, clock, random, templates, logger, environment } = context;
  const http = new AuthorizedHttp({ http: context.http, files, clock, random, config, environment });
  return { http, files, clock, templates, logger };
}

/** The log of one notification. */
export function notificationLogger(logger: Logger, { key }: Notification): Logger {
  return logger.child({ group_key: key.groupKey });
}

/** How one request goes: where to, for how long, and what its answer means. */
export interface Delivery extends NotifyRequest {
  /** The integration's own limit, 0 = none beyond the outbox's. */
  readonly timeoutMs: number;
  /** Kind of the receiver, for messages. */
  readonly kind: string;
  /** Texts that must not show in messages. */
  readonly secrets: readonly string[];
  /** Statuses besides 5xx and 429 after which trying again makes sense. */
  readonly retriedStatuses?: readonly number[];
  /** What a failed answer says; its whole body when absent. */
  readonly failureDetail?: (answer: HttpAnswer) => string;
  /** How long an answer asks to wait, as in `Retry-After`; that header when absent. */
  readonly retryAfter?: (answer: HttpAnswer) => string | undefined;
  /** Looks at a 2xx answer; without it 2xx is success. */
  readonly accept?: (answer: HttpAnswer) => SendOutcome;
}

/** Sends and classifies: never rejects for what is outside. */
export async function deliver(
  ports: HttpReceiverPorts,
  delivery: Delivery,
  signal: AbortSignal,
): Promise<SendOutcome> {
  const { clock } = ports;
  const url = URL.parse(delivery.url);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    // Not shown: the whole URL may be a secret.
    return {
      kind: 'reject',
      reason: 'other',
      message: `the ${delivery.kind} URL is not an http or https URL`,
    };
  }
  const secrets = [
    ...delivery.secrets,
    url.password,
    decodeURIComponent(url.password),
    // Of a secret address servers show the path alone.
    ...(delivery.secrets.includes(delivery.url) && url.pathname !== '/' ? [url.pathname] : []),
  ];
  const { timeoutMs } = delivery;
  const text = `configured ${delivery.kind} timeout reached (${formatDuration(timeoutMs)})`;
  const deadline =
    timeoutMs > 0
      ? startDeadline(clock, timeoutMs, () => new TocsinError('TOCSIN_ERR_TIMEOUT', text), signal)
      : undefined;
  try {
    const answer = await sendRequest(ports.http, delivery, deadline?.signal ?? signal);
    const outcome = classifyStatus(
      answer.status,
      statusMessage(answer, secrets, delivery.failureDetail?.(answer)),
      delivery.retryAfter?.(answer) ?? answer.headers['retry-after'],
      clock.nowMs(),
      delivery.retriedStatuses,
    );
    if (outcome.kind !== 'sent') return outcome;
    return redactOutcome(delivery.accept?.(answer) ?? outcome, secrets);
  } catch (error) {
    return outcomeOfTransportError(error, secrets);
  } finally {
    deadline?.dispose();
  }
}

function redactOutcome(outcome: SendOutcome, secrets: readonly string[]): SendOutcome {
  return outcome.kind === 'sent' ? outcome : { ...outcome, message: redact(outcome.message, secrets) };
}

/** A secret, or the outcome of not being able to read it (tried again: the file may be about to be replaced). */
export async function secretOr(
  source: SecretSource,
  what: string,
  files: FileSystem,
): Promise<{ readonly value: string } | { readonly outcome: SendOutcome }> {
  try {
    return { value: await readSecret(source, files) };
  } catch (error) {
    const message = `read ${what}: ${errorText(error)}`;
    return { outcome: { kind: 'retry', reason: 'other', message } };
  }
}

/** The outcome of a template that failed: sending again would not help. Anything else is thrown on. */
export function templateOutcome(what: string, error: unknown, secrets: readonly string[]): SendOutcome {
  if (!(error instanceof TocsinError) || error.code !== 'TOCSIN_ERR_TEMPLATE') throw error;
  const message = redact(`${what}: ${errorText(error)}`, secrets);
  return { kind: 'reject', reason: 'other', message };
}

/** What a rendering gives, or the outcome of a template that failed. */
export function renderOr<T>(
  what: string,
  secrets: readonly string[],
  render: () => T,
): { readonly value: T } | { readonly outcome: SendOutcome } {
  try {
    return { value: render() };
  } catch (error) {
    return { outcome: templateOutcome(what, error, secrets) };
  }
}

/** An outcome whose message names the channel that was written to. */
export function inChannel(outcome: SendOutcome, channel: string): SendOutcome {
  if (outcome.kind === 'sent') return outcome;
  return { ...outcome, message: `channel ${JSON.stringify(channel)}: ${outcome.message}` };
}

/** Fields of a JSON body without those that are empty, as Go's `omitempty` leaves them out. */
export function withoutEmpty<T>(fields: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => !isEmpty(value)));
}

function isEmpty(value: unknown): boolean {
  if (Array.isArray(value)) return value.length === 0;
  return value === '' || value === false || value === 0 || value === undefined;
}
