export { StateStore } from './state-store.ts';
export { AlertRepository } from './alert-repository.ts';
export type { AlertBatch, AlertRow } from './alert-repository.ts';
export { HistoryRepository } from './history-repository.ts';
export type { HistoryQuery, HistoryRow } from './history-repository.ts';
export { NotificationRepository } from './notification-repository.ts';
export type {
  KeyedLogEntry,
  NotificationKey,
  NotificationLogEntry,
  OutboxQuery,
  OutboxRow,
  OutboxState,
} from './notification-repository.ts';
export { SilenceRepository } from './silence-repository.ts';
export type { SilenceRow, StoredMatcher } from './silence-repository.ts';
