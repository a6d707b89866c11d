import type { z } from 'zod';
import { secretsOf } from '../../core/authorized-http.ts';
import type { HttpClientConfig } from '../../core/http-config.ts';
import { filePathSchema } from '../../core/schema.ts';
import type { Secret } from '../../core/secret.ts';
import { atMostOne, isGiven, secretUrlSchema, sourceOf } from '../config-fields.ts';
import type { SendOutcome } from '../notification.ts';
import type { SecretSource } from '../secret-source.ts';
import { deliver, secretOr } from './http-receiver.ts';
import type { HttpReceiverPorts } from './http-receiver.ts';

/** The keys of receivers that are reached by one secret address, for their schemas. */
export const webhookUrlShape = {
  webhook_url: secretUrlSchema.optional(),
  webhook_url_file: filePathSchema.optional(),
};

/** What {@link webhookUrlShape} reads. */
interface WebhookUrlFields {
  readonly webhook_url?: Secret | undefined;
  readonly webhook_url_file?: string | undefined;
}

/** Says when not exactly one of address and file is given, for `superRefine`; messages are Alertmanager's. */
export function checkWebhookUrl(fields: WebhookUrlFields, context: z.RefinementCtx): void {
  const { webhook_url: url, webhook_url_file: file } = fields;
  atMostOne(context, ['webhook_url', url], ['webhook_url_file', file]);
  if (isGiven(url) || isGiven(file)) return;
  const message = 'one of webhook_url or webhook_url_file must be configured';
  context.addIssue({ code: 'custom', message });
}

/** The address, or what is missing. */
export function webhookUrlOf(fields: WebhookUrlFields, kind: string): SecretSource | string {
  return (
    sourceOf(fields.webhook_url, fields.webhook_url_file) ?? `no ${kind} webhook URL or URLFile provided`
  );
}

/** Posts JSON to a secret address, read anew from its file. */
export async function postToWebhookUrl(
  ports: HttpReceiverPorts,
  post: {
    readonly kind: string;
    readonly http: HttpClientConfig;
    readonly webhookUrl: SecretSource;
    readonly body: unknown;
  },
  signal: AbortSignal,
): Promise<SendOutcome> {
  const url = await secretOr(post.webhookUrl, 'webhook_url_file', ports.files);
  if ('outcome' in url) return url.outcome;
  const delivery = {
    url: url.value,
    body: JSON.stringify(post.body),
    timeoutMs: 0,
    kind: post.kind,
    secrets: [url.value, ...secretsOf(post.http)],
  };
  return deliver(ports, delivery, signal);
}
