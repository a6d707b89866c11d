import type { Clock } from '../../../core/clock.ts';
import type { Logger } from '../../../core/log.ts';
import type { Head } from './head.ts';

/** How often memory is looked at. */
const LOOK_MS = 1000;
/** New series are taken again below this share of the limit. */
const RELEASE_SHARE = 0.95;
/** After so many new series memory is looked at in between. */
const SERIES_PER_LOOK = 1000;

/** From when on new series are refused. */
export interface MemoryLimit {
  readonly bytes: number;
  /** Memory of the whole process that is resident; what the head has allocated counts alone when absent. */
  readonly residentBytes?: (() => number) | undefined;
}

/**
 * Refuses new series while memory in use is at its limit; those that are there go on. In use is what is resident of the process, or
 * what the head has allocated if that is more, less what the head could use again: it gives no memory back to the system. The limit is
 * one for new series, so samples, queries and vital series may take more.
 */
export class MemoryGuard {
  readonly #limit: MemoryLimit;
  readonly #head: Head;
  #isActive = false;
  #usedBytes = 0;
  #lookedAt = 0;
  /** How often a new series was refused. */
  refused = 0;

  constructor(limit: MemoryLimit, head: Head) {
    this.#limit = limit;
    this.#head = head;
    this.look();
  }

  get limitBytes(): number {
    return this.#limit.bytes;
  }

  /** Memory in use at the last look. */
  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** Whether new series are refused. */
  get isActive(): boolean {
    return this.#isActive;
  }

  /** Whether a series that is not there may be made; counts those that may not. */
  admits(): boolean {
    if (!this.#isActive && this.#head.seriesCreated - this.#lookedAt >= SERIES_PER_LOOK) this.look();
    return !this.#isActive;
  }

  /** Looks how much is in use. */
  look(): void {
    const { heldBytes, reusableBytes } = this.#head.memory;
    const resident = this.#limit.residentBytes?.() ?? 0;
    this.#usedBytes = Math.max(resident, heldBytes) - reusableBytes;
    this.#lookedAt = this.#head.seriesCreated;
    const share = this.#isActive ? RELEASE_SHARE : 1;
    this.#isActive = this.#usedBytes >= this.#limit.bytes * share;
  }

  /** Looks every second until `signal` is aborted, and says when that changes something. */
  async watch(clock: Clock, logger: Logger, signal: AbortSignal): Promise<void> {
    for (let wasActive = false; ; await clock.sleep(LOOK_MS, signal)) {
      this.look();
      const { limitBytes, usedBytes, refused } = this;
      if (this.#isActive === wasActive) continue;
      wasActive = this.#isActive;
      const figures = { usedBytes, limitBytes, refused };
      if (wasActive) logger.error(figures, 'memory is at --storage.memory-limit: new series are refused');
      else logger.info(figures, 'memory is below --storage.memory-limit: new series are taken again');
    }
  }
}
