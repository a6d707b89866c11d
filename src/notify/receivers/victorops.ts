import { secretsOf } from '../../core/authorized-http.ts';
import type { Logger } from '../../core/log.ts';
import { groupKeyHash } from '../notification.ts';
import type { Notification, Receiver, SendOutcome } from '../notification.ts';
import type { Rendering } from '../templates.ts';
import { truncateLogged } from '../truncate.ts';
import { addPath } from './add-path.ts';
import { deliver, httpReceiverPorts, notificationLogger, renderOr, secretOr } from './http-receiver.ts';
import type { HttpReceiverPorts } from './http-receiver.ts';
import { receiverKind } from './receiver-kind.ts';
import { victoropsOf, victoropsSchema } from './victorops-config.ts';
import type { VictoropsConfig } from './victorops-config.ts';

const MAX_STATE_MESSAGE_RUNES = 20_480;
/** Of an alert that fires; anything else is `CRITICAL`. */
const FIRING_MESSAGE_TYPES: readonly string[] = ['INFO', 'WARNING', 'CRITICAL'];

/**
 * Posts to VictorOps' REST endpoint: the message type that is configured while something fires, `RECOVERY` at the end.
 * An incident is known by the hash of the group key.
 *
 * @see prometheus/alertmanager notify/victorops/victorops.go
 */
class VictoropsReceiver implements Receiver {
  readonly #config: VictoropsConfig;
  readonly #ports: HttpReceiverPorts;

  constructor(config: VictoropsConfig, ports: HttpReceiverPorts) {
    this.#config = config;
    this.#ports = ports;
  }

  async send(notification: Notification, signal: AbortSignal): Promise<SendOutcome> {
    const { http, apiKey, apiUrl, routingKey } = this.#config;
    const secret = await secretOr(apiKey, 'api_key_file', this.#ports.files);
    if ('outcome' in secret) return secret.outcome;
    const logger = notificationLogger(this.#ports.logger, notification);
    const rendered = renderOr('victorops template', [secret.value], () => {
      const rendering = this.#ports.templates.rendering(notification);
      return {
        url: addPath(apiUrl, `${secret.value}/${rendering.text(routingKey)}`),
        message: victoropsMessage(this.#config, rendering, groupKeyHash(notification), logger),
      };
    });
    if ('outcome' in rendered) return rendered.outcome;
    const delivery = {
      url: rendered.value.url,
      body: JSON.stringify(rendered.value.message),
      timeoutMs: 0,
      kind: 'victorops',
      secrets: [secret.value, ...secretsOf(http)],
    };
    return deliver(this.#ports, delivery, signal);
  }
}

/** `victorops_configs`. */
export const victoropsKind = receiverKind({
  kind: 'victorops',
  schema: victoropsSchema,
  complete: victoropsOf,
  createReceiver: (config, context) => new VictoropsReceiver(config, httpReceiverPorts(config.http, context)),
});

function victoropsMessage(
  config: VictoropsConfig,
  { text, view }: Rendering,
  entityId: string,
  logger: Logger,
): Record<string, string> {
  const configured = text(config.messageType);
  const firing = FIRING_MESSAGE_TYPES.includes(configured) ? configured : 'CRITICAL';
  const message: Record<string, string> = {
    message_type: view.status === 'resolved' ? 'RECOVERY' : firing,
    entity_id: entityId,
    entity_display_name: text(config.entityDisplayName),
    state_message: truncateLogged(
      text(config.stateMessage),
      MAX_STATE_MESSAGE_RUNES,
      'state_message',
      logger,
    ),
    monitoring_tool: text(config.monitoringTool),
  };
  for (const [name, value] of Object.entries(config.customFields)) message[name] = text(value);
  return message;
}
