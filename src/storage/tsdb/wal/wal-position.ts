/** A place in the log: a segment's index and a byte in it, where a record ends or begins. */
export interface WalPosition {
  readonly segment: number;
  readonly offset: number;
}

/** A log that grows, as those see it who read behind its writer. */
export interface WalProgress {
  /** Where what the system has taken ends: everything before it can be read, nothing after it may. */
  readonly position: WalPosition;
  /** Calls `listener` when the position has moved. Returns how to end that. */
  onProgress(listener: () => void): () => void;
}

/** Whether one place comes before another. */
export function isBefore(a: WalPosition, b: WalPosition): boolean {
  return a.segment < b.segment || (a.segment === b.segment && a.offset < b.offset);
}
