import { AwsAccount } from '../../core/aws/aws-account.ts';
import { AwsError } from '../../core/aws/aws-http.ts';
import { secretsOf } from '../../core/authorized-http.ts';
import { USER_AGENT, outcomeOfTransportError, redact } from '../http.ts';
import { groupKeyHash } from '../notification.ts';
import type { Notification, Receiver, SendOutcome } from '../notification.ts';
import { classifyStatus } from '../retry.ts';
import type { Rendering } from '../templates.ts';
import { startInBytes, truncateRunes } from '../truncate.ts';
import { httpReceiverPorts, renderOr } from './http-receiver.ts';
import type { HttpReceiverPorts } from './http-receiver.ts';
import { receiverKind } from './receiver-kind.ts';
import { snsOf, snsSchema } from './sns-config.ts';
import type { SnsConfig } from './sns-config.ts';

/** Of SNS' API. */
const VERSION = '2010-03-31';
const MAX_MESSAGE_BYTES = 256 * 1024;
const MAX_SMS_BYTES = 1600;
/** SNS wants fewer than a hundred. */
const MAX_SUBJECT_RUNES = 99;

/** AWS' words for calls that come too fast, whatever their status. */
const THROTTLED: ReadonlySet<string> = new Set([
  'LimitExceededException',
  'RequestLimitExceeded',
  'RequestThrottled',
  'RequestThrottledException',
  'SlowDown',
  'ThrottledException',
  'Throttling',
  'ThrottlingException',
  'TooManyRequestsException',
]);
/** AWS' words for credentials that are over; the next call gets new ones. */
const EXPIRED: ReadonlySet<string> = new Set(['ExpiredToken', 'ExpiredTokenException', 'RequestExpired']);

/**
 * Publishes to a topic, a phone or an endpoint of SNS. Unlike Alertmanager it fits the subject to SNS' rules (short, one
 * line, or none), since SNS refuses the whole message for a bad one, and never cuts within a character.
 *
 * @see prometheus/alertmanager notify/sns/sns.go
 */
class SnsReceiver implements Receiver {
  readonly #config: SnsConfig;
  readonly #ports: HttpReceiverPorts;
  readonly #account: AwsAccount;

  constructor(config: SnsConfig, ports: HttpReceiverPorts, account: AwsAccount) {
    this.#config = config;
    this.#ports = ports;
    this.#account = account;
  }

  async send(notification: Notification, signal: AbortSignal): Promise<SendOutcome> {
    const { http, access, apiUrl } = this.#config;
    const secretKey = access.secretKey?.reveal() ?? '';
    const secrets = [secretKey, ...secretsOf(http)];
    const rendered = renderOr('sns template', secrets, () => {
      const { text } = this.#ports.templates.rendering(notification);
      return { endpoint: text(apiUrl), parameters: publishParameters(this.#config, text, notification) };
    });
    if ('outcome' in rendered) return rendered.outcome;
    const query = { service: 'sns', version: VERSION, action: 'Publish', ...rendered.value } as const;
    try {
      await this.#account.query(query, signal);
      return { kind: 'sent' };
    } catch (error) {
      if (!(error instanceof AwsError)) return outcomeOfTransportError(error, secrets);
      return outcomeOfAwsError(error, secrets, this.#ports.clock.nowMs());
    }
  }
}

/** `sns_configs`. */
export const snsKind = receiverKind({
  kind: 'sns',
  schema: snsSchema,
  complete: snsOf,
  createReceiver: (config, context) => {
    const ports = httpReceiverPorts(config.http, context);
    const { clock, files, environment, programs } = context;
    const aws = { clock, files, environment, programs, userAgent: USER_AGENT, http: ports.http };
    return new SnsReceiver(config, ports, new AwsAccount(config.access, aws));
  },
});

function outcomeOfAwsError(error: AwsError, secrets: readonly string[], nowMs: number): SendOutcome {
  const said = `unexpected status code ${error.status}: ${error.awsCode}: ${error.reason}`;
  const message = redact(said, secrets);
  const isThrottled = THROTTLED.has(error.awsCode);
  const outcome = classifyStatus(isThrottled ? 429 : error.status, message, error.retryAfter, nowMs);
  if (!EXPIRED.has(error.awsCode)) return outcome;
  return { kind: 'retry', reason: 'authError', message };
}

function publishParameters(
  config: SnsConfig,
  text: Rendering['text'],
  notification: Notification,
): Record<string, string> {
  const parameters: Record<string, string> = {};
  const attributes = new Map<string, string>();
  for (const [name, value] of Object.entries(config.attributes)) attributes.set(text(name), text(value));
  if (config.topicArn !== '') {
    const topic = text(config.topicArn);
    parameters['TopicArn'] = topic;
    if (topic.endsWith('.fifo')) {
      const alias = groupKeyHash(notification);
      parameters['MessageDeduplicationId'] = alias;
      parameters['MessageGroupId'] = alias;
    }
  }
  if (config.phoneNumber !== '') parameters['PhoneNumber'] = text(config.phoneNumber);
  if (config.targetArn !== '') parameters['TargetArn'] = text(config.targetArn);

  const message = text(config.message);
  const cut = startInBytes(message, config.phoneNumber === '' ? MAX_MESSAGE_BYTES : MAX_SMS_BYTES);
  if (cut !== message) attributes.set('truncated', 'true');
  parameters['Message'] = cut;

  const subject = text(config.subject)
    .replaceAll(/[\u0000-\u001f\u007f]+/g, ' ')
    .trimStart();
  if (subject !== '') parameters['Subject'] = truncateRunes(subject, MAX_SUBJECT_RUNES);

  for (const [i, [name, value]] of [...attributes].entries()) {
    const at = `MessageAttributes.entry.${i + 1}`;
    parameters[`${at}.Name`] = name;
    parameters[`${at}.Value.DataType`] = 'String';
    parameters[`${at}.Value.StringValue`] = value;
  }
  return parameters;
}
