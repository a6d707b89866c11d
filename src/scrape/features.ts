/** What `--enable-feature` says about scraping. */
export interface ScrapeFeatures {
  /** Type and unit of a metric are labels of its series: `__type__` and `__unit__`. */
  readonly typeAndUnitLabels: boolean;
  /** Samples keep the start timestamps that OpenMetrics gives as `_created`. */
  readonly storeStarts: boolean;
  /** A 0 is stored at a start timestamp. */
  readonly startZeros: boolean;
  /** Exemplars are handed to the storage; no when absent. */
  readonly exemplars?: boolean;
  /** What metrics are is handed to the storage, for the log; no when absent. */
  readonly metadata?: boolean;
  /** OpenMetrics 2.0 is asked for and read; no when absent. */
  readonly openMetrics2?: boolean;
}

/** Features by the names that Prometheus gives them; names of other parts of the program are passed over. */
export function scrapeFeatures(names: ReadonlySet<string>): ScrapeFeatures {
  return {
    typeAndUnitLabels: names.has('type-and-unit-labels'),
    storeStarts: names.has('st-storage'),
    startZeros: names.has('created-timestamp-zero-ingestion'),
    exemplars: names.has('exemplar-storage'),
    metadata: names.has('metadata-wal-records'),
    openMetrics2: names.has('openmetrics-2.0'),
  };
}
