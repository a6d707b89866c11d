export { StateStore } from './state-store.ts';
export type { AlertRepository } from './alert-repository.ts';
export type { AlertBatch, AlertRow } from './alert-repository.ts';
export type { HistoryRepository } from './history-repository.ts';
export type { HistoryQuery, HistoryRow } from './history-repository.ts';
export type { NotificationRepository } from './notification-repository.ts';
export type {
  KeyedLogEntry,
  NotificationKey,
  NotificationLogEntry,
  OutboxQuery,
  OutboxRow,
} from './notification-repository.ts';
export type { SilenceRepository } from './silence-repository.ts';
export type { SilenceRow } from './silence-repository.ts';
