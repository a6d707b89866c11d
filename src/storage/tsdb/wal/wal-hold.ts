/** Keeps segments of the log from being removed; see {@link WalHolds}. */
export interface WalHold {
  /** Needs nothing before this segment any more. */
  moveTo(segment: number): void;
  /** Needs nothing any more; may be called again. */
  release(): void;
}

/**
 * Who still reads the log, behind its writer. Truncation leaves the segments that somebody holds, up to a bound: whoever is
 * further behind than that loses what goes.
 */
export class WalHolds {
  readonly #holds = new Map<WalHold, number>();
  readonly #maxSegments: number;

  /** `maxSegments` bounds how many segments behind the present one a hold counts. */
  constructor(maxSegments: number) {
    this.#maxSegments = maxSegments;
  }

  /** Holds `segment` and all that follow. */
  hold(segment: number): WalHold {
    const hold: WalHold = {
      moveTo: (next) => {
        if (this.#holds.has(hold)) this.#holds.set(hold, next);
      },
      release: () => {
        this.#holds.delete(hold);
      },
    };
    this.#holds.set(hold, segment);
    return hold;
  }

  /**
   * Last segment that may be removed when `upTo` is wanted and `live` is being written. Segments beyond the bound go, held or
   * not.
   */
  limit(upTo: number, live: number): number {
    let last = upTo;
    for (const segment of this.#holds.values()) last = Math.min(last, segment - 1);
    return Math.min(upTo, Math.max(last, live - this.#maxSegments - 1));
  }
}
