import type { Clock, Timer } from '../core/clock.ts';
import { formatDuration } from '../core/duration.ts';
import { errorText } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import { relabel } from '../core/relabel.ts';
import { staleMarker } from '../storage/index.ts';
import type { Appender, SampleStorage } from '../storage/index.ts';
import type { ScrapeConfig } from './config.ts';
import type { FailureLogs } from './failure-logs.ts';
import type { ScrapeFeatures } from './features.ts';
import type { BodyBuffers } from './body.ts';
import { fetchBody } from './fetch-body.ts';
import type { FetchOptions, FetchOutcome, SendRequest } from './fetch-body.ts';
import { histogramLimits } from './histogram-limits.ts';
import { Ingest, emptyCounts } from './ingest.ts';
import type { IngestCounts, IngestRules } from './ingest.ts';
import type { ScrapeMetrics } from './metrics.ts';
import { makeParser } from './parser/content-type.ts';
import { acceptHeader, defaultProtocols, mediaTypeOf } from './protocols.ts';
import { probeTarget } from './probe.ts';
import { ReportWriter } from './report.ts';
import type { SampleColumnsPool } from './sample-columns.ts';
import type { ScrapeCache } from './scrape-cache.ts';
import { firstScrapeMs } from './target.ts';
import type { Seed, Target } from './target.ts';

/** What is known of a target's last scrape. */
export interface TargetState {
  readonly health: 'unknown' | 'up' | 'down';
  /** '' when there was none. Of a target that is up: what of the scrape was left out. */
  readonly lastError: string;
  /** undefined before the first scrape. */
  readonly lastScrapeMs: number | undefined;
  readonly lastScrapeDurationMs: number;
}

/** What all loops of a program work with. */
export interface ScrapeSurroundings {
  readonly clock: Clock;
  readonly storage: SampleStorage;
  readonly logger: Logger;
  readonly metrics: ScrapeMetrics;
  readonly buffers: BodyBuffers;
  readonly columns: SampleColumnsPool;
  readonly failureLogs: FailureLogs;
  readonly userAgent: string;
  readonly features: ScrapeFeatures;
  readonly seed: Seed;
  /** Where scrapes run: `stop` of the pool waits for them. */
  readonly spawn: (name: string, task: (signal: AbortSignal) => Promise<void>) => void;
}

/** What a {@link ScrapeLoop} works with. */
export interface ScrapeLoopOptions extends ScrapeSurroundings {
  readonly send: SendRequest;
  readonly config: ScrapeConfig;
  readonly target: Target;
  readonly cache: ScrapeCache;
  /** State to go on with, when the loop replaces another of the same target. */
  readonly state?: TargetState;
}

/** A scrape that starts no later than this after its time is recorded at its time, for smaller storage. */
const TOLERANCE_MS = 2;
/** Longest error text that is kept. */
const ERROR_TEXT_MAX = 2048;

/**
 * Scrapes one target at its times until stopped.
 *
 * A scrape that fails, for whatever reason, counts as one of an empty body: what was there before gets stale markers,
 * `up` is 0. Ticks that pass while a scrape runs are skipped.
 *
 * @see prometheus scrape/scrape.go scrapeLoop
 */
export class ScrapeLoop {
  readonly #options: ScrapeLoopOptions;
  readonly #rules: IngestRules;
  readonly #report: ReportWriter;
  readonly #accept: string;
  readonly #fallback: string;
  #state: TargetState;
  /** When set, the target is not asked and every scrape fails with this. */
  #forcedError: string | undefined;
  #timer: Timer | undefined;
  #slotMs = 0;
  /** Monotonic time of the last scrape's start; undefined before it. */
  #lastStartMs: number | undefined;
  #running = false;
  /** Whether the last scrape had new series that there was no memory for. */
  #isRefusing = false;
  #stopped = false;
  #onIdle: (() => void) | undefined;

  constructor(options: ScrapeLoopOptions) {
    const { config, target } = options;
    this.#options = options;
    this.#state = options.state ?? NEVER_SCRAPED;
    this.#rules = {
      targetLabels: target.labels,
      honorLabels: config.honorLabels,
      relabel:
        config.metricRelabelConfigs.length === 0
          ? undefined
          : (labels) => relabel(labels, config.metricRelabelConfigs),
      nameScheme: config.metricNameValidationScheme,
      labelLimit: config.labelLimit,
      labelNameLengthLimit: config.labelNameLengthLimit,
      labelValueLengthLimit: config.labelValueLengthLimit,
      honorTimestamps: config.honorTimestamps,
      trackTimestampsStaleness: config.trackTimestampsStaleness,
      sampleLimit: config.sampleLimit,
      histogramLimits: histogramLimits(
        config.nativeHistogramBucketLimit,
        config.nativeHistogramMinBucketFactor,
      ),
      features: options.features,
    };
    this.#report = new ReportWriter(target.labels, config.extraScrapeMetrics);
    const protocols = config.scrapeProtocols ?? defaultProtocols(config.histograms.native, options.features);
    const { openMetrics2 } = options.features;
    this.#accept = acceptHeader(protocols, config.metricNameEscapingScheme, openMetrics2);
    const fallback = config.fallbackScrapeProtocol;
    this.#fallback = fallback === undefined ? '' : mediaTypeOf(fallback);
  }

  get target(): Target {
    return this.#options.target;
  }

  get state(): TargetState {
    return this.#state;
  }

  get cache(): ScrapeCache {
    return this.#options.cache;
  }

  setForcedError(error: string | undefined): void {
    this.#forcedError = error;
  }

  /** Begins at the target's next time; nothing happens when the loop was stopped before. */
  start(): void {
    if (this.#stopped) return;
    const { clock, seed, target } = this.#options;
    this.#slotMs = firstScrapeMs(target, seed, clock.nowMs());
    this.#arm();
  }

  /** Scrapes no more; resolves when the scrape under way, if any, is recorded. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    this.#timer = undefined;
    if (!this.#running) return;
    await new Promise<void>((resolve) => {
      this.#onIdle = resolve;
    });
  }

  /**
   * Writes stale markers for everything that the last scrape had, at the time of the scrape that did not happen. Called
   * a good two intervals after `stop`: if the target came back meanwhile its new samples are newer, and the markers are
   * refused.
   */
  async writeStaleMarkers(): Promise<void> {
    if (this.#lastStartMs === undefined) return;
    const { storage, clock } = this.#options;
    const appender = storage.appender(clock.nowMs());
    const staleMs = this.#slotMs;
    this.#markStale(appender, staleMs);
    this.#report.writeStale(appender, staleMs);
    await this.#commit(appender);
  }

  /** When {@link writeStaleMarkers} is due, if the loop stops now. */
  get staleMarkersDueMs(): number {
    const { intervalMs } = this.target;
    return this.#slotMs + intervalMs + Math.floor(intervalMs / 10);
  }

  #arm(): void {
    this.#timer = this.#options.clock.setTimer(this.#slotMs, () => {
      this.#timer = undefined;
      this.#running = true;
      this.#options.spawn(`scrape ${this.target.url}`, (signal) => this.#tick(signal));
    });
  }

  async #tick(signal: AbortSignal): Promise<void> {
    const { clock, target } = this.#options;
    const { intervalMs } = target;
    try {
      const nowMs = clock.nowMs();
      // A wall clock that was set forward leaves slots behind.
      while (nowMs - this.#slotMs >= intervalMs) this.#slotMs += intervalMs;
      const lateMs = nowMs - this.#slotMs;
      const isOnTime = lateMs >= 0 && lateMs <= Math.min(TOLERANCE_MS, intervalMs / 100);
      await this.#scrape(isOnTime ? this.#slotMs : nowMs, nowMs, signal);
    } finally {
      this.#running = false;
      this.#slotMs += intervalMs;
      this.#onIdle?.();
      if (!this.#stopped && !signal.aborted) this.#skipMissed();
    }
  }

  /** One tick that passed during a scrape is made up for at once, more are skipped, as Go's tickers do. */
  #skipMissed(): void {
    const { clock, target } = this.#options;
    const lateMs = clock.nowMs() - this.#slotMs;
    // The wall clock was set back by a lot: find the new grid instead of waiting for the old one.
    if (lateMs < -2 * target.intervalMs) this.start();
    else this.#arm();
  }

  async #scrape(tMs: number, nowMs: number, signal: AbortSignal): Promise<void> {
    const { clock, storage, config, target, metrics } = this.#options;
    const startMs = clock.monotonicMs();
    this.#observeInterval(startMs);
    const fetched = this.#forcedError === undefined ? await this.#fetch(signal) : undefined;
    if (fetched?.kind === 'stopped' || signal.aborted) return;
    let appender = storage.appender(nowMs);
    let counts = emptyCounts();
    let error = this.#forcedError ?? '';
    let bodySizeBytes = 0;
    if (fetched?.kind === 'failed') {
      error = fetched.reason;
      if (fetched.tooLarge) {
        metrics.bodySizeLimitExceeded.inc();
        bodySizeBytes = -1;
      }
    } else if (fetched?.kind === 'body') {
      bodySizeBytes = fetched.body.length;
      const result = await this.#ingest(fetched, appender, tMs, nowMs);
      this.#options.buffers.give(fetched.body.bytes);
      counts = result.counts;
      error = result.error;
      if (error !== '') {
        appender.rollback();
        appender = storage.appender(nowMs);
      }
    }
    const isGood = error === '' && bodySizeBytes > 0;
    this.#markStale(appender, tMs);
    if (this.cache.finish(isGood)) metrics.cacheFlushForced.inc();
    const durationMs = clock.monotonicMs() - startMs;
    this.#report.write(appender, tMs, {
      up: error === '',
      durationMs,
      scraped: counts.scraped,
      kept: counts.kept,
      added: counts.added,
      timeoutMs: target.timeoutMs,
      sampleLimit: config.sampleLimit,
      bodySizeBytes,
    });
    this.#state = {
      health: error === '' ? 'up' : 'down',
      lastError: error === '' ? refusedText(counts) : shortened(error),
      lastScrapeMs: tMs,
      lastScrapeDurationMs: durationMs,
    };
    if (error !== '' && this.#forcedError === undefined) this.#noteFailure(error);
    await this.#commit(appender);
    if (config.extraScrapeMetrics) metrics.scrapeDuration.observe((clock.monotonicMs() - startMs) / 1000);
  }

  #noteFailure(error: string): void {
    const { logger, failureLogs, config, target } = this.#options;
    logger.debug({ err: error }, 'Scrape failed');
    failureLogs.write(config.scrapeFailureLogFile, { job: config.jobName, target: target.url, error });
  }

  #observeInterval(startMs: number): void {
    const { metrics, target } = this.#options;
    if (this.#lastStartMs !== undefined) {
      const labels = { interval: formatDuration(target.intervalMs) };
      const seconds = (startMs - this.#lastStartMs) / 1000;
      metrics.intervalLength.observe(labels, seconds);
      metrics.intervalLengthHistogram.observe(labels, seconds);
    }
    this.#lastStartMs = startMs;
  }

  #fetch(signal: AbortSignal): Promise<FetchOutcome> {
    const { clock, send, buffers, config, target, userAgent } = this.#options;
    const options: FetchOptions = {
      send,
      clock,
      url: target.url,
      accept: this.#accept,
      userAgent,
      enableCompression: config.enableCompression,
      timeoutMs: target.timeoutMs,
      bodySizeLimitBytes: config.bodySizeLimitBytes,
      buffers,
      signal,
    };
    if (config.probe === undefined) return fetchBody(options);
    return probeTarget(options, config.probe, (reason) => {
      this.#noteFailure(reason);
    });
  }

  /** Takes a body into the appender; `error` says why nothing of it may stay. */
  async #ingest(
    fetched: Extract<FetchOutcome, { kind: 'body' }>,
    appender: Appender,
    tMs: number,
    nowMs: number,
  ): Promise<{ readonly counts: IngestCounts; readonly error: string }> {
    const { bytes, length } = fetched.body;
    if (length === 0) return { counts: emptyCounts(), error: '' };
    const { clock, metrics, columns: pool, features } = this.#options;
    const options = { ...this.target.histograms, openMetrics2: features.openMetrics2 === true };
    this.cache.reserve(bytes, length);
    const columns = pool.take();
    const ingest = new Ingest(this.#rules, this.cache, columns, appender, tMs, nowMs);
    const failure = await ingest.run(
      () => makeParser(bytes, length, fetched.contentType, this.#fallback, options),
      clock,
    );
    pool.give(columns);
    const { counts } = ingest;
    if (failure?.kind === 'label-limit') metrics.labelLimitsExceeded.inc();
    if (failure?.kind === 'limit') {
      if (failure.samples) metrics.sampleLimitExceeded.inc();
      if (failure.buckets) metrics.bucketLimitExceeded.inc();
    }
    this.#noteRefused(counts);
    return { counts, error: failure === undefined ? '' : errorText(failure.error) };
  }

  #noteRefused(counts: IngestCounts): void {
    const { metrics, logger } = this.#options;
    const isRefusing = counts.refusedSeries > 0;
    if (isRefusing !== this.#isRefusing) {
      this.#isRefusing = isRefusing;
      if (isRefusing) logger.warn({ num_dropped: counts.refusedSeries }, 'There is no memory for new series');
      else logger.info({}, 'There is memory for all series again');
    }
    const { outOfOrder, duplicate, outOfBounds, outOfOrderExemplars } = counts;
    if (outOfOrder > 0) {
      metrics.samplesOutOfOrder.inc(outOfOrder);
      logger.warn({ num_dropped: outOfOrder }, 'Error on ingesting out-of-order samples');
    }
    if (outOfOrderExemplars > 0) {
      metrics.exemplarsOutOfOrder.inc(outOfOrderExemplars);
      logger.warn({ num_dropped: outOfOrderExemplars }, 'Error on ingesting out-of-order exemplars');
    }
    if (duplicate > 0) {
      metrics.samplesDuplicate.inc(duplicate);
      logger.warn(
        { num_dropped: duplicate },
        'Error on ingesting samples with different value but same timestamp',
      );
    }
    if (outOfBounds > 0) {
      metrics.samplesOutOfBounds.inc(outOfBounds);
      logger.warn(
        { num_dropped: outOfBounds },
        'Error on ingesting samples that are too old or are too far into the future',
      );
    }
  }

  /** Stale markers for what the last scrape had and this one has not. */
  #markStale(appender: Appender, tMs: number): void {
    for (const ref of this.cache.staleRefs()) {
      // Refused when the series has newer samples from elsewhere, which is as it should be.
      if (appender.isLive(ref)) appender.append(ref, tMs, staleMarker);
    }
  }

  async #commit(appender: Appender): Promise<void> {
    try {
      await appender.commit('soon');
    } catch (error) {
      this.#options.logger.error({ err: errorText(error) }, 'Scrape commit failed');
    }
  }
}

function shortened(error: string): string {
  return error.length > ERROR_TEXT_MAX ? `${error.slice(0, ERROR_TEXT_MAX)}…` : error;
}

/** What is said of a scrape that did not fail but had new series that there was no memory for. */
function refusedText({ refusedSeries }: IngestCounts): string {
  return refusedSeries === 0
    ? ''
    : `memory is at --storage.memory-limit: ${refusedSeries} samples of new series were left out`;
}

const NEVER_SCRAPED: TargetState = {
  health: 'unknown',
  lastError: '',
  lastScrapeMs: undefined,
  lastScrapeDurationMs: 0,
};
