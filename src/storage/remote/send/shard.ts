import { waitFor } from '../../../core/clock.ts';
import type { Clock } from '../../../core/clock.ts';
import type { QueueConfig } from '../config.ts';
import { OutgoingBatch } from './outgoing-batch.ts';

/** Sends a batch until it is through or given up; rejects only with the reason of `signal`. */
export type DeliverBatch = (batch: OutgoingBatch, signal: AbortSignal) => Promise<void>;

/**
 * Sends the items of some series, one batch after the other, so that the samples of a series arrive in order. A batch goes
 * when it is full, or when its first item has waited as long as it may.
 */
export class Shard {
  readonly #config: QueueConfig;
  readonly #clock: Clock;
  readonly #deliver: DeliverBatch;
  readonly #waiting: OutgoingBatch[] = [];
  #filling: OutgoingBatch;
  #free: OutgoingBatch[] = [];
  #wake: (() => void) | undefined;
  #isClosing = false;

  constructor(config: QueueConfig, clock: Clock, deliver: DeliverBatch) {
    this.#config = config;
    this.#clock = clock;
    this.#deliver = deliver;
    this.#filling = new OutgoingBatch(config.maxSamplesPerSend);
  }

  /** Items that are not being sent yet. */
  get pending(): number {
    let items = this.#filling.length;
    for (const batch of this.#waiting) items += batch.length;
    return items;
  }

  /** The batch that takes the next item; call {@link added} when it has it. */
  batch(): OutgoingBatch {
    return this.#filling;
  }

  /** An item was put into the batch. */
  added(): void {
    const batch = this.#filling;
    if (batch.length === 1) {
      batch.sinceMs = this.#clock.nowMs();
      this.#wake?.();
    }
    if (!batch.isFull) return;
    this.#waiting.push(batch);
    this.#filling = this.#free.pop() ?? new OutgoingBatch(this.#config.maxSamplesPerSend);
    this.#wake?.();
  }

  /** Sends what comes until {@link close} was called and everything has gone; rejects with the signal's reason. */
  async run(signal: AbortSignal): Promise<void> {
    for (;;) {
      const batch = await this.#take(signal);
      if (batch === undefined) return;
      await this.#deliver(batch, signal);
      batch.clear();
      this.#free.push(batch);
    }
  }

  /** Takes nothing any more; what is there goes at once. */
  close(): void {
    this.#isClosing = true;
    this.#wake?.();
  }

  async #take(signal: AbortSignal): Promise<OutgoingBatch | undefined> {
    for (;;) {
      signal.throwIfAborted();
      const full = this.#waiting.shift();
      if (full !== undefined) return full;
      const { length, sinceMs } = this.#filling;
      if (this.#isClosing && length === 0) return undefined;
      const dueMs = sinceMs + this.#config.batchSendDeadlineMs;
      if (length > 0 && (this.#isClosing || this.#clock.nowMs() >= dueMs)) {
        const batch = this.#filling;
        this.#filling = this.#free.pop() ?? new OutgoingBatch(this.#config.maxSamplesPerSend);
        return batch;
      }
      await this.#wait(length > 0 ? dueMs : undefined, signal);
    }
  }

  /** Until something has come, the time is there, or the signal is aborted. */
  #wait(untilMs: number | undefined, signal: AbortSignal): Promise<void> {
    return waitFor(signal, (resolve) => {
      const timer = untilMs === undefined ? undefined : this.#clock.setTimer(untilMs, resolve);
      this.#wake = resolve;
      return () => {
        timer?.cancel();
        this.#wake = undefined;
      };
    });
  }
}
