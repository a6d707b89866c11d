import { z } from 'zod';
import { secretsOf } from '../../core/authorized-http.ts';
import { Secret } from '../../core/secret.ts';
import type { HttpAnswer } from '../http.ts';
import type { Notification, Receiver, SendOutcome } from '../notification.ts';
import { deliver, httpReceiverPorts, notificationLogger, renderOr, secretOr } from './http-receiver.ts';
import type { HttpReceiverPorts } from './http-receiver.ts';
import { incidentioOf, incidentioSchema } from './incidentio-config.ts';
import type { IncidentioConfig } from './incidentio-config.ts';
import { parseJson } from './parse-json.ts';
import { receiverKind } from './receiver-kind.ts';
import { cutAlerts, webhookBody } from './webhook-body.ts';

/** What incident.io takes as one body. */
const MAX_BODY_BYTES = 512 * 1024;

/**
 * Posts the group to an alert source of incident.io, version "1" of Alertmanager's body. A body that would be too large
 * has one alert only.
 *
 * @see prometheus/alertmanager notify/incidentio/incidentio.go
 */
class IncidentioReceiver implements Receiver {
  readonly #config: IncidentioConfig;
  readonly #ports: HttpReceiverPorts;

  constructor(config: IncidentioConfig, ports: HttpReceiverPorts) {
    this.#config = config;
    this.#ports = ports;
  }

  async send(notification: Notification, signal: AbortSignal): Promise<SendOutcome> {
    const { http, url, alertSourceToken, timeoutMs } = this.#config;
    const { files } = this.#ports;
    const source = 'value' in url ? { value: new Secret(url.value) } : url;
    const address = await secretOr(source, 'url_file', files);
    if ('outcome' in address) return address.outcome;
    const token =
      alertSourceToken === undefined
        ? undefined
        : await secretOr(alertSourceToken, 'alert_source_token_file', files);
    if (token !== undefined && 'outcome' in token) return token.outcome;
    const secrets = [...(token === undefined ? [] : [token.value]), ...secretsOf(http)];
    const body = renderOr('incidentio template', secrets, () => this.#body(notification));
    if ('outcome' in body) return body.outcome;
    const delivery = {
      url: address.value,
      body: body.value,
      headers: token === undefined ? {} : { Authorization: `Bearer ${token.value}` },
      timeoutMs,
      kind: 'incident.io',
      secrets,
      failureDetail,
    };
    return deliver(this.#ports, delivery, signal);
  }

  #body(notification: Notification): string {
    const alerts = cutAlerts(notification, this.#config.maxAlerts);
    const { view } = this.#ports.templates.rendering(notification, alerts);
    const whole = JSON.stringify(webhookBody('1', notification, view));
    const originalBytes = Buffer.byteLength(whole);
    if (originalBytes <= MAX_BODY_BYTES) return whole;
    const kept = view.alerts.filter(({ status }) => status === view.status).slice(0, 1);
    const cut = JSON.stringify(webhookBody('1', notification, { ...view, alerts: kept }));
    const finalBytes = Buffer.byteLength(cut);
    const sizes = { original_size: originalBytes, final_size: finalBytes, max_size: MAX_BODY_BYTES };
    const logger = notificationLogger(this.#ports.logger, notification);
    const text = 'Truncated alert content due to incident.io payload size limit';
    if (finalBytes <= MAX_BODY_BYTES) logger.warn(sizes, text);
    else logger.error(sizes, `${text}, but still exceeds limit`);
    return cut;
  }
}

/** `incidentio_configs`. */
export const incidentioKind = receiverKind({
  kind: 'incidentio',
  schema: incidentioSchema,
  complete: incidentioOf,
  createReceiver: (config, context) =>
    new IncidentioReceiver(config, httpReceiverPorts(config.http, context)),
});

const reasonsSchema = z.object({
  message: z.string().nullish(),
  error: z.string().nullish(),
  errors: z.array(z.string()).nullish(),
});

/** The reasons in an answer; '' where it has none. */
function failureDetail({ text }: HttpAnswer): string {
  const reasons = reasonsSchema.safeParse(parseJson(text)).data;
  return [reasons?.message, reasons?.error, reasons?.errors?.join(', ')]
    .filter((part) => part !== undefined && part !== null && part !== '')
    .join(': ');
}
