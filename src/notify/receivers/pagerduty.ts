import { secretsOf } from '../../core/authorized-http.ts';
import type { Logger } from '../../core/log.ts';
import type { HttpAnswer } from '../http.ts';
import { groupKeyHash } from '../notification.ts';
import type { Notification, Receiver, SendOutcome } from '../notification.ts';
import type { Rendering } from '../templates.ts';
import { truncateLogged } from '../truncate.ts';
import {
  deliver,
  httpReceiverPorts,
  notificationLogger,
  renderOr,
  secretOr,
  withoutEmpty,
} from './http-receiver.ts';
import type { HttpReceiverPorts } from './http-receiver.ts';
import { pagerdutyOf, pagerdutySchema } from './pagerduty-config.ts';
import type { PagerdutyConfig } from './pagerduty-config.ts';
import { parseJson } from './parse-json.ts';
import { receiverKind } from './receiver-kind.ts';
import { renderPayload } from './webhook-payload.ts';

/** Of an event as it is sent. */
const MAX_EVENT_BYTES = 512_000;
const MAX_SUMMARY_RUNES = 1024;
/** Version 1 of the API answers 403 where there are too many requests. */
const V1_RETRIED_STATUSES: readonly number[] = [403];

type Details = Readonly<Record<string, unknown>>;

/** An event whose details may have to go: they stand in another place in each version. */
interface Draft {
  readonly key: string;
  readonly details: Details;
  readonly event: (details: Details) => Record<string, unknown>;
}

/**
 * Sends a trigger or a resolve to PagerDuty's events API, version 2 by a routing key and version 1 by a service key. An
 * incident is known by the hash of the group key.
 *
 * @see prometheus/alertmanager notify/pagerduty/pagerduty.go
 */
class PagerdutyReceiver implements Receiver {
  readonly #config: PagerdutyConfig;
  readonly #ports: HttpReceiverPorts;

  constructor(config: PagerdutyConfig, ports: HttpReceiverPorts) {
    this.#config = config;
    this.#ports = ports;
  }

  async send(notification: Notification, signal: AbortSignal): Promise<SendOutcome> {
    const { http, version, url, timeoutMs } = this.#config;
    const what = version === 1 ? 'service_key_file' : 'routing_key_file';
    const secret = await secretOr(this.#config.key, what, this.#ports.files);
    if ('outcome' in secret) return secret.outcome;
    const logger = notificationLogger(this.#ports.logger, notification);
    const draft = renderOr('pagerduty template', [secret.value], () =>
      this.#draft(notification, secret.value, logger),
    );
    if ('outcome' in draft) return draft.outcome;
    if (draft.value.key === '') {
      const message = `${version === 1 ? 'service' : 'routing'} key cannot be empty`;
      return { kind: 'reject', reason: 'other', message };
    }
    return deliver(
      this.#ports,
      {
        url,
        body: encodeEvent(draft.value, logger),
        timeoutMs,
        kind: 'pagerduty',
        secrets: [secret.value, draft.value.key, ...secretsOf(http)],
        failureDetail,
        ...(version === 1 ? { retriedStatuses: V1_RETRIED_STATUSES } : {}),
      },
      signal,
    );
  }

  #draft(notification: Notification, secret: string, logger: Logger): Draft {
    const config = this.#config;
    const rendering = this.#ports.templates.rendering(notification);
    const { text, view } = rendering;
    const details = Object.fromEntries(
      Object.entries(config.details).map(([name, value]) => [name, renderPayload(value, text)]),
    );
    const key = text(secret);
    const action = view.status === 'resolved' ? 'resolve' : 'trigger';
    const dedupKey = groupKeyHash(notification);
    if (config.version === 1)
      return { key, details, event: eventV1(config, rendering, key, action, dedupKey, logger) };
    return { key, details, event: eventV2(config, rendering, key, action, dedupKey, logger) };
  }
}

/** `pagerduty_configs`. */
export const pagerdutyKind = receiverKind({
  kind: 'pagerduty',
  schema: pagerdutySchema,
  complete: pagerdutyOf,
  createReceiver: (config, context) => new PagerdutyReceiver(config, httpReceiverPorts(config.http, context)),
});

type Action = 'trigger' | 'resolve';

function eventV1(
  config: PagerdutyConfig,
  { text }: Rendering,
  key: string,
  action: Action,
  dedupKey: string,
  logger: Logger,
): Draft['event'] {
  const isTrigger = action === 'trigger';
  const event = {
    service_key: key,
    incident_key: dedupKey,
    event_type: action,
    ...withoutEmpty({
      description: truncateLogged(text(config.description), MAX_SUMMARY_RUNES, 'description', logger),
    }),
    // Both are of version 2; Alertmanager sends them empty.
    event_action: '',
    payload: null,
    ...withoutEmpty({
      client: isTrigger ? text(config.client) : '',
      client_url: isTrigger ? text(config.clientUrl) : '',
    }),
  };
  return (details) => ({ ...event, details });
}

function eventV2(
  config: PagerdutyConfig,
  { text }: Rendering,
  key: string,
  action: Action,
  dedupKey: string,
  logger: Logger,
): Draft['event'] {
  const payload = {
    summary: truncateLogged(text(config.description), MAX_SUMMARY_RUNES, 'summary', logger),
    source: text(config.source),
    severity: text(config.severity),
    ...withoutEmpty({
      class: text(config.class),
      component: text(config.component),
      group: text(config.group),
    }),
  };
  const images = config.images
    .map(({ src, alt, href }) => ({ src: text(src), alt: text(alt), href: text(href) }))
    .filter(({ src }) => src !== '');
  const links = config.links
    .map((link) => ({ href: text(link.href), text: text(link.text) }))
    .filter(({ href }) => href !== '');
  const ends = withoutEmpty<unknown>({
    client: text(config.client),
    client_url: text(config.clientUrl),
    images,
    links,
  });
  return (details) => ({
    routing_key: key,
    dedup_key: dedupKey,
    event_action: action,
    payload: { ...payload, custom_details: details },
    ...ends,
  });
}

/** The event as JSON; details that make it too large are replaced by a note. */
function encodeEvent({ event, details }: Draft, logger: Logger): string {
  const whole = JSON.stringify(event(details));
  const sizeBytes = Buffer.byteLength(whole);
  if (sizeBytes <= MAX_EVENT_BYTES) return whole;
  const limit = metricBytes(MAX_EVENT_BYTES);
  logger.warn(
    {},
    `Truncated Details because message of size ${metricBytes(sizeBytes)} exceeds limit ${limit}`,
  );
  const error = `Custom details have been removed because the original event exceeds the maximum size of ${limit}`;
  return JSON.stringify(event({ error }));
}

/** `512KB`, `513KB20B`: powers of 1000, as Alertmanager's messages show sizes. */
function metricBytes(sizeBytes: number): string {
  const parts = ['B', 'KB', 'MB', 'GB'].map((unit, power) => {
    const count = Math.floor(sizeBytes / 1000 ** power) % 1000;
    return count === 0 ? '' : `${count}${unit}`;
  });
  return parts.toReversed().join('');
}

/** PagerDuty explains only what is wrong with an event; other bodies say nothing. */
function failureDetail({ status, text }: HttpAnswer): string {
  if (status !== 400) return '';
  const answer = parseJson(text);
  if (typeof answer !== 'object' || answer === null) return '';
  const { message, errors } = answer as { readonly message?: unknown; readonly errors?: unknown };
  return `${typeof message === 'string' ? message : ''}: ${Array.isArray(errors) ? errors.join(',') : ''}`;
}
