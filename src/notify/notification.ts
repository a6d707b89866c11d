import { createHash } from 'node:crypto';
import { isResolved } from '../alerts/index.ts';
import type { Alert } from '../alerts/index.ts';
import type { Labels } from '../core/labels.ts';
import type { NotificationReason } from './dedup.ts';
import type { NotificationKey } from './ports.ts';

/** What a receiver is asked to say. Alerts that fire have no end (`endsAtMs` is Infinity). */
export interface Notification {
  /** The outbox row's; the same for every request of one notification. */
  readonly id: string;
  readonly key: NotificationKey;
  readonly reason: NotificationReason;
  readonly groupLabels: Labels;
  /** The route's labels; their values are templates. */
  readonly routeLabels: Labels;
  readonly alerts: readonly Alert[];
  /** When this request is made; what `now` is in templates. */
  readonly nowMs: number;
  /** Requests made before for the same notification; above 0 it is a repetition of one that may have arrived. */
  readonly priorAttempts: number;
}

/** Classes of failure, the `reason` label of Alertmanager's failure metrics. */
export const FAILURE_REASONS = [
  'other',
  'clientError',
  'serverError',
  'contextCanceled',
  'contextDeadlineExceeded',
  'authError',
  'rateLimited',
] as const;

/** One of {@link FAILURE_REASONS}. */
export type FailureReason = (typeof FAILURE_REASONS)[number];

/**
 * How a request ended. `retry`: try again (not before `afterMs` from now where the receiver said so); `unknown` when it
 * may have arrived all the same. `reject`: trying again would not help. Texts hold no secrets.
 */
export type SendOutcome =
  | { readonly kind: 'sent' }
  | {
      readonly kind: 'retry';
      readonly reason: FailureReason;
      readonly message: string;
      readonly afterMs?: number;
      readonly unknown?: boolean;
    }
  | { readonly kind: 'reject'; readonly reason: FailureReason; readonly message: string };

/** Says one notification to somebody. Knows nothing of retries, dedup or the outbox; never throws for what is outside. */
export interface Receiver {
  /** One request; ends when `signal` is aborted. */
  send(notification: Notification, signal: AbortSignal): Promise<SendOutcome>;
}

/** A receiver with its place in the configuration. */
export interface Integration {
  /** `webhook`, `slack`, … */
  readonly kind: string;
  /** Position among the receiver's integrations of the same kind. */
  readonly index: number;
  readonly receiverName: string;
  readonly sendResolved: boolean;
  readonly receiver: Receiver;
}

/** Whether anything in the notification fires. */
export function notificationStatus(alerts: readonly Alert[], nowMs: number): 'firing' | 'resolved' {
  return alerts.some((alert) => !isResolved(alert, nowMs)) ? 'firing' : 'resolved';
}

/** A text that is equal exactly for equal keys. */
export function keyText(key: NotificationKey): string {
  return JSON.stringify([key.receiver, key.integration, key.index, key.groupKey]);
}

/** A text that is equal exactly for the same integration of the same receiver. */
export function integrationText(key: Omit<NotificationKey, 'groupKey'>): string {
  return JSON.stringify([key.receiver, key.integration, key.index]);
}

/** SHA-256 of the group key in hex: the name of the group at receivers that know one incident by a key. */
export function groupKeyHash({ key }: Notification): string {
  return createHash('sha256').update(key.groupKey).digest('hex');
}
