import type { ReceiverConfig } from './config.ts';
import type { Integration } from './notification.ts';
import type { ReceiverPorts } from './receivers/receiver-kind.ts';
import type { NotificationTemplates } from './templates.ts';

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
      integrations.map(({ kind, index, sendResolved, createReceiver }) => ({
        kind,
        index,
        receiverName: name,
        sendResolved,
        receiver: createReceiver({
          ...ports,
          templates,
          logger: ports.logger.child({ receiver: name, integration: kind }),
        }),
      })),
    );
}
