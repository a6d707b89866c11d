export { buildIntegrations } from './build-integrations.ts';
export { AlertmanagerClient, relabelAlerts } from './alertmanager-client.ts';
export type { AlertmanagerClientOptions } from './alertmanager-client.ts';
export { alertingSchema } from './alerting-config.ts';
export type { AlertingConfig, AlertmanagerConfig } from './alerting-config.ts';
export { notifyConfigOf, notifyShape } from './config.ts';
export type {
  IntegrationConfig,
  NotifyConfig,
  NotifyFields,
  NotifyProblem,
  ReceiverConfig,
} from './config.ts';
export { needsUpdate } from './dedup.ts';
export type { DedupInput, NotificationReason } from './dedup.ts';
export { DEFAULT_TEMPLATES } from './default-templates.ts';
export { NotifyMetrics } from './metrics.ts';
export type { OutboxGauges, SuppressionReason } from './metrics.ts';
export type { FailureReason, Integration, Notification, Receiver, SendOutcome } from './notification.ts';
export { decideFlush } from './outbox-decision.ts';
export type { FlushView, LoggedSets, OpenNotification, OutboxDecision } from './outbox-decision.ts';
export type { OfferOutcome } from './outbox-lane.ts';
export { Outbox } from './outbox.ts';
export type { Offer, OutboxOptions } from './outbox.ts';
export { buildPipeline } from './pipeline.ts';
export type { PipelineOptions } from './pipeline.ts';
export type {
  AlertMuter,
  GroupMuteMarks,
  KeyedLogEntry,
  NotificationKey,
  NotificationLogEntry,
  NotificationStore,
  OutboxRow,
  OutboxState,
  TimeIntervals,
} from './ports.ts';
export { ConsoleReceiver } from './receivers/console.ts';
export type { ReceiverPorts } from './receivers/receiver-kind.ts';
export { RECEIVER_KINDS_NOT_IN_VERSION } from './receivers/receiver-kinds.ts';
export type { SecretSource } from './secret-source.ts';
export type { Stage, StageContext } from './stage.ts';
export { NotificationTemplates, commonLabels } from './templates.ts';
export type { Rendering, TemplateSource } from './templates.ts';
