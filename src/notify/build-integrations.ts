import { AuthorizedHttp } from '../core/authorized-http.ts';
import type { Clock } from '../core/clock.ts';
import type { HttpClientConfig } from '../core/http-config.ts';
import type { Logger } from '../core/log.ts';
import type { Mailer } from '../core/mailer.ts';
import type { FileSystem, HttpClient, Random, TextOutput } from '../core/ports.ts';
import type { IntegrationConfig, ReceiverConfig } from './config.ts';
import type { Integration, Receiver } from './notification.ts';
import { ConsoleReceiver } from './receivers/console.ts';
import { EmailReceiver } from './receivers/email.ts';
import { SlackReceiver } from './receivers/slack.ts';
import { WebhookReceiver } from './receivers/webhook.ts';
import type { NotificationTemplates } from './templates.ts';

/** The world that receivers reach out to. */
export interface ReceiverPorts {
  readonly http: HttpClient;
  readonly mailer: Mailer;
  readonly files: FileSystem;
  readonly console: TextOutput;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** For `proxy_from_environment`. */
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** Builds the integrations of those receivers that some route uses. */
export function buildIntegrations(
  receivers: readonly ReceiverConfig[],
  usedReceivers: ReadonlySet<string>,
  templates: NotificationTemplates,
  ports: ReceiverPorts,
): readonly Integration[] {
  return receivers
    .filter(({ name }) => usedReceivers.has(name))
    .flatMap(({ name, integrations }) =>
      integrations.map((integration) => ({
        kind: integration.kind,
        index: integration.index,
        receiverName: name,
        sendResolved: integration.sendResolved,
        receiver: buildReceiver(integration, templates, ports),
      })),
    );
}

function buildReceiver(
  integration: IntegrationConfig,
  templates: NotificationTemplates,
  ports: ReceiverPorts,
): Receiver {
  const { files, clock, random, environment, mailer, logger } = ports;
  const httpPorts = (config: HttpClientConfig) => ({
    http: new AuthorizedHttp({ http: ports.http, files, clock, random, config, environment }),
    files,
    clock,
    templates,
  });
  switch (integration.kind) {
    case 'webhook':
      return new WebhookReceiver(integration.config, httpPorts(integration.config.http));
    case 'slack':
      return new SlackReceiver(integration.config, httpPorts(integration.config.http));
    case 'email':
      return new EmailReceiver(integration.config, { mailer, files, clock, logger, templates });
    case 'console':
      return new ConsoleReceiver(integration.config, ports.console);
  }
}
