/** What a log's writer counts; see the metrics of the same names. */
export interface WalCounters {
  pageFlushes: number;
  completedPages: number;
  recordParts: number;
  /** Bytes of fragments with their heads. */
  recordPartBytes: number;
  /** Bytes that compression made records shorter by. */
  savedBytes: number;
  writesFailed: number;
  syncsFailed: number;
  /** Calls `observe` with the seconds that each fsync took. */
  fsyncSeconds(seconds: number): void;
}

/** Counters that nobody looks at. */
export function ownCounters(): WalCounters {
  return {
    pageFlushes: 0,
    completedPages: 0,
    recordParts: 0,
    recordPartBytes: 0,
    savedBytes: 0,
    writesFailed: 0,
    syncsFailed: 0,
    fsyncSeconds() {},
  };
}
