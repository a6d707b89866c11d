/** Weight of the newest tick. */
const WEIGHT = 0.2;

/** A rate a second, smoothed over ticks. @see prometheus storage/remote/ewma.go */
export class SmoothedRate {
  #events = 0;
  #rate = 0;
  #hasBegun = false;

  /** Per second. */
  get rate(): number {
    return this.#rate;
  }

  add(count: number): void {
    this.#events += count;
  }

  /** Ends a tick. */
  tick(seconds: number): void {
    const instant = this.#events / seconds;
    this.#events = 0;
    if (this.#hasBegun) this.#rate += WEIGHT * (instant - this.#rate);
    else if (instant > 0) {
      this.#hasBegun = true;
      this.#rate = instant;
    }
  }
}

/** How far the number of shards may be off before it is changed. */
const TOLERANCE = 0.3;
/** With a longer delay than this the number of shards is not lowered. */
const MAX_DELAY_SECONDS = 10;

/** What {@link desiredShards} looks at. */
export interface SendRates {
  readonly inRate: number;
  readonly outRate: number;
  readonly droppedRate: number;
  /** Seconds spent on sending a second, over all shards. */
  readonly outDuration: number;
  /** Seconds between the newest sample that came and the newest that was sent. */
  readonly delaySeconds: number;
  readonly shards: number;
  readonly minShards: number;
  readonly maxShards: number;
}

/**
 * How many shards would keep up with what comes in, and work off 5 % of the backlog a second.
 *
 * @see prometheus storage/remote/queue_manager.go calculateDesiredShards
 */
export function desiredShards(rates: SendRates): number {
  const { inRate, outRate, droppedRate, outDuration, delaySeconds, shards } = rates;
  if (outRate <= 0) return shards;
  const keptRate = inRate * (outRate / (droppedRate + outRate));
  const wanted = Math.ceil((outDuration / outRate) * (keptRate + 0.05 * delaySeconds * keptRate));
  if (wanted >= shards * (1 - TOLERANCE) && wanted <= shards * (1 + TOLERANCE)) return shards;
  if (wanted < shards && delaySeconds > MAX_DELAY_SECONDS) return shards;
  return Math.min(Math.max(wanted, rates.minShards), rates.maxShards);
}
