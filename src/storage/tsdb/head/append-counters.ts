/** What appenders count. */
export interface AppendCounters {
  appended: number;
  appendedHistograms: number;
  outOfOrder: number;
  outOfOrderHistograms: number;
  outOfBounds: number;
  outOfBoundsHistograms: number;
  tooFarAhead: number;
  duplicate: number;
  /** Beyond the out-of-order window. */
  tooOld: number;
  tooOldHistograms: number;
  /** Out of order, and taken. */
  appendedOutOfOrder: number;
  appendedOutOfOrderHistograms: number;
  committed: number;
  rolledBack: number;
}

/** Nothing counted yet. */
export function newAppendCounters(): AppendCounters {
  return {
    appended: 0,
    appendedHistograms: 0,
    outOfOrder: 0,
    outOfOrderHistograms: 0,
    outOfBounds: 0,
    outOfBoundsHistograms: 0,
    tooFarAhead: 0,
    duplicate: 0,
    tooOld: 0,
    tooOldHistograms: 0,
    appendedOutOfOrder: 0,
    appendedOutOfOrderHistograms: 0,
    committed: 0,
    rolledBack: 0,
  };
}
