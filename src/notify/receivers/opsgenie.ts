import { secretsOf } from '../../core/authorized-http.ts';
import type { Logger } from '../../core/log.ts';
import { groupKeyHash } from '../notification.ts';
import type { Notification, Receiver, SendOutcome } from '../notification.ts';
import type { Rendering } from '../templates.ts';
import { truncateLogged } from '../truncate.ts';
import { addPath } from './add-path.ts';
import {
  deliver,
  httpReceiverPorts,
  notificationLogger,
  renderOr,
  secretOr,
  withoutEmpty,
} from './http-receiver.ts';
import type { HttpReceiverPorts } from './http-receiver.ts';
import { opsgenieOf, opsgenieSchema } from './opsgenie-config.ts';
import type { OpsgenieConfig, OpsgenieResponder } from './opsgenie-config.ts';
import { receiverKind } from './receiver-kind.ts';

const MAX_MESSAGE_RUNES = 130;

/** One of the requests that tell of a notification. */
interface OpsgenieRequest {
  readonly method: 'POST' | 'PUT';
  readonly url: string;
  readonly body: unknown;
}

/**
 * Creates an alert at Opsgenie or closes it; its alias is the hash of the group key. An alert that is there already stays
 * as it is unless `update_alerts` has its message and description put up to date.
 *
 * @see prometheus/alertmanager notify/opsgenie/opsgenie.go
 */
class OpsgenieReceiver implements Receiver {
  readonly #config: OpsgenieConfig;
  readonly #ports: HttpReceiverPorts;

  constructor(config: OpsgenieConfig, ports: HttpReceiverPorts) {
    this.#config = config;
    this.#ports = ports;
  }

  async send(notification: Notification, signal: AbortSignal): Promise<SendOutcome> {
    const secret = await secretOr(this.#config.apiKey, 'api_key_file', this.#ports.files);
    if ('outcome' in secret) return secret.outcome;
    const logger = notificationLogger(this.#ports.logger, notification);
    const rendered = renderOr('opsgenie template', [secret.value], () => {
      const rendering = this.#ports.templates.rendering(notification);
      const requests = opsgenieRequests(this.#config, rendering, groupKeyHash(notification), logger);
      return { requests, apiKey: rendering.text(secret.value).trim() };
    });
    if ('outcome' in rendered) return rendered.outcome;
    const { requests, apiKey } = rendered.value;
    for (const { method, url, body } of requests) {
      const delivery = {
        method,
        url,
        body: JSON.stringify(body),
        headers: { Authorization: `GenieKey ${apiKey}` },
        timeoutMs: 0,
        kind: 'opsgenie',
        secrets: [secret.value, apiKey, ...secretsOf(this.#config.http)],
      };
      const outcome = await deliver(this.#ports, delivery, signal);
      if (outcome.kind !== 'sent') return outcome;
    }
    return { kind: 'sent' };
  }
}

/** `opsgenie_configs`. */
export const opsgenieKind = receiverKind({
  kind: 'opsgenie',
  schema: opsgenieSchema,
  complete: opsgenieOf,
  createReceiver: (config, context) => new OpsgenieReceiver(config, httpReceiverPorts(config.http, context)),
});

function opsgenieRequests(
  config: OpsgenieConfig,
  rendering: Rendering,
  alias: string,
  logger: Logger,
): OpsgenieRequest[] {
  const { text, view } = rendering;
  const alertUrl = (path: string): string => {
    const url = new URL(addPath(config.apiUrl, `v2/alerts/${alias}/${path}`));
    url.searchParams.set('identifierType', 'alias');
    return url.href;
  };
  if (view.status === 'resolved') {
    return [{ method: 'POST', url: alertUrl('close'), body: { source: text(config.source) } }];
  }
  const message = truncateLogged(text(config.message), MAX_MESSAGE_RUNES, 'message', logger);
  const description = text(config.description);
  const requests: OpsgenieRequest[] = [
    {
      method: 'POST',
      url: addPath(config.apiUrl, 'v2/alerts'),
      body: createMessage(config, rendering, { alias, message, description }),
    },
  ];
  if (config.updateAlerts) {
    requests.push(
      { method: 'PUT', url: alertUrl('message'), body: withoutEmpty({ message }) },
      { method: 'PUT', url: alertUrl('description'), body: withoutEmpty({ description }) },
    );
  }
  return requests;
}

function createMessage(
  config: OpsgenieConfig,
  { text, view }: Rendering,
  { alias, message, description }: Readonly<Record<'alias' | 'message' | 'description', string>>,
): Record<string, unknown> {
  const details: Record<string, string> = { ...view.commonLabels.toObject() };
  for (const [name, value] of Object.entries(config.details)) details[name] = text(value);
  return {
    alias,
    message,
    ...withoutEmpty({ description }),
    details,
    source: text(config.source),
    ...withoutEmpty<unknown>({
      responders: config.responders.flatMap((responder) => respondersOf(responder, text)),
      tags: splitCommas(text(config.tags)),
      note: text(config.note),
      priority: text(config.priority),
      entity: text(config.entity),
      actions: splitCommas(text(config.actions)),
    }),
  };
}

/** A responder as it is sent: none where all of it came out empty, several for a list of teams. */
function respondersOf(
  responder: OpsgenieResponder,
  text: (template: string) => string,
): Record<string, string>[] {
  const [id, name, username, type] = [responder.id, responder.name, responder.username, responder.type].map(
    text,
  ) as [string, string, string, string];
  if (id === '' && name === '' && username === '' && type === '') return [];
  if (type === 'teams') return splitCommas(name).map((team) => ({ name: text(team), type: 'team' }));
  return [{ ...withoutEmpty({ id, name, username }), type }];
}

function splitCommas(list: string): string[] {
  return list
    .trim()
    .split(',')
    .filter((item) => item !== '');
}
