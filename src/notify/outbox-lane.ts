import type { Timer } from '../core/clock.ts';
import { TocsinError, errorText } from '../core/errors.ts';
import type { FailureReason, SendOutcome } from './notification.ts';
import { decodePayload } from './outbox-payload.ts';
import type { OutboxPayload } from './outbox-payload.ts';
import type { NotificationKey, OutboxRow } from './ports.ts';
import { Semaphore } from './semaphore.ts';

/**
 * What became of an offer by the time its signal fired: `nothing` to say; `delivered`; `queued` = durable, tried further
 * without the flush; `rejected` = the receiver refused it for good.
 */
export type OfferOutcome =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'delivered' }
  | { readonly kind: 'queued'; readonly reason: FailureReason; readonly message: string }
  | { readonly kind: 'rejected'; readonly reason: FailureReason; readonly message: string };

/** An open row with its payload read. */
export interface OpenRow {
  readonly row: OutboxRow;
  readonly payload: OutboxPayload;
}

/** Everything about one key: its open row, and the lock that keeps deciding and sending apart. */
export class Lane {
  readonly key: NotificationKey;
  readonly lock = new Semaphore(1);
  readonly waiters = new Set<(outcome: OfferOutcome) => void>();
  open: OpenRow | undefined;
  timer: Timer | undefined;
  lastFailure: { readonly reason: FailureReason; readonly message: string } | undefined;
  users = 0;

  constructor(key: NotificationKey) {
    this.key = key;
  }

  /** Tells those who wait; nobody waits afterwards. */
  conclude(outcome: OfferOutcome): void {
    for (const waiter of this.waiters) waiter(outcome);
    this.waiters.clear();
    this.lastFailure = undefined;
  }

  /** The outcome for somebody who does not wait any longer. */
  queued(): OfferOutcome {
    const { reason, message } = this.lastFailure ?? {
      reason: 'contextDeadlineExceeded',
      message: 'not delivered by the end of the flush',
    };
    return { kind: 'queued', reason, message };
  }

  /** Resolves when the open row is concluded, or with {@link queued} when `signal` fires. */
  waitForDelivery(signal: AbortSignal): Promise<OfferOutcome> {
    if (signal.aborted) return Promise.resolve(this.queued());
    return new Promise((resolve) => {
      const onAbort = (): void => {
        this.waiters.delete(onConclusion);
        resolve(this.queued());
      };
      const onConclusion = (outcome: OfferOutcome): void => {
        signal.removeEventListener('abort', onAbort);
        resolve(outcome);
      };
      this.waiters.add(onConclusion);
      signal.addEventListener('abort', onAbort, { once: true });
    });
  }
}

/** The row's payload; undefined when it cannot be read. */
export function readPayload(row: OutboxRow): OutboxPayload | undefined {
  try {
    return decodePayload(row.payload);
  } catch {
    return undefined;
  }
}

/** What a receiver's own failure means; anything but a {@link TocsinError} is a bug and goes on. */
export function outcomeOfError(error: unknown): SendOutcome {
  if (!(error instanceof TocsinError)) throw error;
  const message = errorText(error);
  if (error.code === 'TOCSIN_ERR_TEMPLATE') return { kind: 'reject', reason: 'other', message };
  const reason = error.code === 'TOCSIN_ERR_TIMEOUT' ? 'contextDeadlineExceeded' : 'other';
  return { kind: 'retry', reason, message, unknown: true };
}
