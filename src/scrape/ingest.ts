import type { Clock } from '../core/clock.ts';
import { assert } from '../core/errors.ts';
import type { Labels } from '../core/labels.ts';
import { AppendOutcome } from '../storage/index.ts';
import type { Appender, SeriesRef } from '../storage/index.ts';
import type { ScrapeFeatures } from './features.ts';
import { brokenHistogram, fittingHistogram } from './histogram-limits.ts';
import type { HistogramLimits } from './histogram-limits.ts';
import { Entry, ExpositionError } from './parser/entry.ts';
import type { ExpositionParser, StartSource } from './parser/exposition-parser.ts';
import { readSeriesLabels } from './parser/series-labels.ts';
import type { SampleColumns } from './sample-columns.ts';
import { LabelLimitError, storedLabels } from './sample-labels.ts';
import type { SampleLabelRules } from './sample-labels.ts';
import { type ScrapeCache, SlotKind } from './scrape-cache.ts';
import { NO_COLUMN, ScrapedExemplars, describeSeries } from './series-extras.ts';

/** How far ahead of the clock a sample's own time may lie. */
const AHEAD_MAX_MS = 10 * 60 * 1000;
/** Between looks at the clock. */
const ENTRIES_PER_LOOK = 128;
/** Other work gets a turn after so long. */
const TURN_MS = 8;

/** What decides how a body becomes samples. */
export interface IngestRules extends SampleLabelRules {
  readonly honorTimestamps: boolean;
  readonly trackTimestampsStaleness: boolean;
  /** Samples after relabelling that a scrape may have; 0 is no limit. */
  readonly sampleLimit: number;
  readonly histogramLimits: HistogramLimits;
  readonly features: ScrapeFeatures;
}

/** What was found in a body; true also when the scrape failed half-way. */
export interface IngestCounts {
  /** Samples in the body. */
  scraped: number;
  /** Samples left after relabelling. */
  kept: number;
  /** Series that were not in the scrape before. */
  added: number;
  outOfOrder: number;
  duplicate: number;
  /** Too old, or too far ahead. */
  outOfBounds: number;
  /** Exemplars that came too late. */
  outOfOrderExemplars: number;
  /** Samples of new series that there was no memory for. */
  refusedSeries: number;
}

/** Why a body was refused as a whole; nothing of it is kept. */
export type IngestFailure =
  | { readonly kind: 'malformed'; readonly error: Error }
  | { readonly kind: 'label-limit'; readonly error: Error }
  /** Which of `sample_limit` and `native_histogram_bucket_limit` was exceeded; when both were, `error` is of the former. */
  | { readonly kind: 'limit'; readonly error: Error; readonly samples: boolean; readonly buckets: boolean };

/** Fresh counts. */
export function emptyCounts(): IngestCounts {
  return {
    scraped: 0,
    kept: 0,
    added: 0,
    outOfOrder: 0,
    duplicate: 0,
    outOfBounds: 0,
    outOfOrderExemplars: 0,
    refusedSeries: 0,
  };
}

/**
 * Turns one body into samples in an appender. Samples without a time of their own go in as one column at `tMs` after
 * everything was read; when the body must be refused (`failure`), the caller rolls the appender back. Gives other work
 * a turn every few milliseconds.
 *
 * @see prometheus scrape/scrape.go scrapeLoopAppender.append
 */
export class Ingest {
  readonly counts: IngestCounts = emptyCounts();
  readonly #rules: IngestRules;
  readonly #cache: ScrapeCache;
  readonly #columns: SampleColumns;
  readonly #appender: Appender;
  readonly #tMs: number;
  readonly #nowMs: number;
  /** Slots whose samples went in at once, not by the columns, and count for staleness. */
  readonly #atOnce: number[] = [];
  /** Where samples' start timestamps are read; undefined when nobody wants them or the format has none. */
  #starts: StartSource | undefined;
  /** Undefined when nobody wants exemplars. */
  readonly #exemplars: ScrapedExemplars | undefined;
  #attempts = 0;
  #sampleLimitHit = false;
  #bucketLimitHit = false;

  constructor(
    rules: IngestRules,
    cache: ScrapeCache,
    columns: SampleColumns,
    appender: Appender,
    tMs: number,
    nowMs: number,
  ) {
    this.#rules = rules;
    this.#cache = cache;
    this.#columns = columns;
    this.#appender = appender;
    this.#tMs = tMs;
    this.#nowMs = nowMs;
    this.#exemplars = rules.features.exemplars === true ? new ScrapedExemplars() : undefined;
    cache.family = undefined;
  }

  /** Reads the whole body. Resolves to why it is refused, or undefined. Errors that are bugs reject. */
  async run(makeParser: () => ExpositionParser, clock: Clock): Promise<IngestFailure | undefined> {
    this.#columns.clear();
    try {
      const parser = makeParser();
      const { storeStarts, startZeros } = this.#rules.features;
      if (storeStarts || startZeros) this.#starts = parser.startSource();
      await this.#read(parser, clock);
    } catch (error) {
      if (error instanceof LabelLimitError) return { kind: 'label-limit', error };
      if (error instanceof ExpositionError) return { kind: 'malformed', error };
      throw error;
    }
    const [samples, buckets] = [this.#sampleLimitHit, this.#bucketLimitHit];
    if (samples || buckets) {
      const error = new Error(samples ? 'sample limit exceeded' : 'histogram bucket limit exceeded');
      return { kind: 'limit', error, samples, buckets };
    }
    this.#flush();
    return undefined;
  }

  async #read(parser: ExpositionParser, clock: Clock): Promise<void> {
    const cache = this.#cache;
    let previous = -1;
    let left = ENTRIES_PER_LOOK;
    let turnStartMs = clock.monotonicMs();
    for (;;) {
      const guess = cache.guess(previous);
      if (guess >= 0) parser.hint(cache.keys, cache.keyStart(guess), cache.keyLength(guess));
      const entry = parser.next();
      if (entry === Entry.end) return;
      if (entry !== Entry.pause) {
        const known = parser.hinted ? guess : -1;
        const slot = entry === Entry.meta ? this.#meta(parser, known) : this.#sample(parser, known, entry);
        if (slot >= 0 && slot !== guess) cache.link(previous, slot);
        if (slot >= 0) previous = slot;
        if (--left > 0) continue;
      }
      left = ENTRIES_PER_LOOK;
      this.#starts?.keepUp();
      if (clock.monotonicMs() - turnStartMs > TURN_MS) {
        await clock.yieldTurn();
        turnStartMs = clock.monotonicMs();
      }
    }
  }

  #meta(parser: ExpositionParser, known: number): number {
    const cache = this.#cache;
    let slot = known;
    if (slot < 0) {
      const bytes = parser.body;
      slot = cache.find(bytes, parser.lineStart, parser.lineEnd);
      if (slot < 0) {
        slot = cache.addMeta(bytes, parser.lineStart, parser.lineEnd, {
          family: parser.metaFamily(),
          kind: parser.metaKind,
          text: parser.metaText(),
          type: parser.metricType,
        });
      }
    }
    cache.touch(slot);
    cache.applyMeta(slot, parser);
    return slot;
  }

  /** Takes the sample the parser stands at; returns the slot of its line, -1 when it has none. */
  #sample(parser: ExpositionParser, known: number, entry: Entry): number {
    const cache = this.#cache;
    if (this.#starts?.isStart() === true) return -1;
    this.counts.scraped++;
    const timestampMs = this.#rules.honorTimestamps ? parser.timestampMs : NaN;
    const timed = timestampMs === timestampMs;
    const slot = known >= 0 ? known : cache.find(parser.body, parser.seriesStart, parser.seriesEnd);
    if (slot < 0) return this.#newSample(parser, timestampMs, entry);
    if (cache.kind(slot) === SlotKind.dropped) {
      cache.touch(slot);
      return slot;
    }
    this.counts.kept++;
    if (cache.touch(slot) && !timed) {
      this.counts.duplicate++;
      return slot;
    }
    if (!this.#admit(parser, timestampMs, entry)) return slot;
    let ref = cache.ref(slot);
    if (!this.#appender.isLive(ref)) {
      ref = this.#revive(slot);
      if (ref === 0) return slot;
    } else if (this.#rules.features.metadata === true) this.#describeAnew(slot, ref);
    const startMs = this.#starts?.startMs() ?? 0;
    const tMs = timed ? timestampMs : this.#tMs;
    const isAtOnce = timed || entry === Entry.histogram;
    if (!isAtOnce) this.#columns.push(slot, ref, parser.value, false, startMs);
    else if (!this.#count(this.#appendAtOnce(parser, ref, tMs, startMs, entry))) return slot;
    else this.#noteAtOnce(slot, timed);
    this.#exemplars?.take(parser, ref, isAtOnce ? NO_COLUMN : this.#columns.count - 1, tMs);
    return slot;
  }

  #newSample(parser: ExpositionParser, timestampMs: number, entry: Entry): number {
    const cache = this.#cache;
    const { body, seriesStart, seriesEnd, metricType, unit } = parser;
    const labels = this.#storedLabels(body, seriesStart, seriesEnd, metricType, unit);
    if (labels === undefined) return cache.addDropped(body, seriesStart, seriesEnd);
    this.counts.kept++;
    if (!this.#admit(parser, timestampMs, entry)) return -1;
    const ref = this.#appender.series(labels);
    if (ref === 0) {
      this.counts.refusedSeries++;
      return -1;
    }
    const timed = timestampMs === timestampMs;
    const startMs = this.#starts?.startMs() ?? 0;
    const tMs = timed ? timestampMs : this.#tMs;
    const isAtOnce = timed || entry === Entry.histogram;
    if (isAtOnce && !this.#count(this.#appendAtOnce(parser, ref, tMs, startMs, entry))) return -1;
    const slot = cache.addSeries(body, seriesStart, seriesEnd, ref, metricType, unit);
    if (!this.#sampleLimitHit && !this.#bucketLimitHit) this.counts.added++;
    if (isAtOnce) this.#noteAtOnce(slot, timed);
    else this.#columns.push(slot, ref, parser.value, true, startMs);
    this.#exemplars?.take(parser, ref, isAtOnce ? NO_COLUMN : this.#columns.count - 1, tMs);
    if (this.#rules.features.metadata === true)
      describeSeries(this.#appender, ref, labels.metricName, cache.family);
    return slot;
  }

  /** Whether the limits let a sample through to the storage. */
  #admit(parser: ExpositionParser, timestampMs: number, entry: Entry): boolean {
    const { sampleLimit, histogramLimits } = this.#rules;
    if (entry === Entry.histogram) {
      parser.histogram = fittingHistogram(parser.histogram!, histogramLimits);
      if (parser.histogram === undefined) {
        this.#bucketLimitHit = true;
        return false;
      }
    }
    if (sampleLimit > 0 && ++this.#attempts > sampleLimit) {
      this.#sampleLimitHit = true;
      return false;
    }
    if (timestampMs > this.#nowMs + AHEAD_MAX_MS) {
      this.counts.outOfBounds++;
      return false;
    }
    return true;
  }

  /** The storage forgot the series of a known line: makes it anew from the line's bytes. 0 when there is no memory for it. */
  #revive(slot: number): SeriesRef {
    const labels = this.#labelsOf(slot);
    // The rules are the same as when the line was first seen, so it is still not dropped.
    const ref = labels === undefined ? 0 : this.#appender.series(labels);
    this.#cache.setRef(slot, ref);
    if (ref === 0) this.counts.refusedSeries++;
    if (this.#rules.features.metadata === true && labels !== undefined)
      describeSeries(this.#appender, ref, labels.metricName, this.#cache.family);
    return ref;
  }

  /** Describes a known series again when this scrape said something new of its family. */
  #describeAnew(slot: number, ref: SeriesRef): void {
    const { family, iteration } = this.#cache;
    if (family?.changedIteration !== iteration) return;
    const labels = this.#labelsOf(slot);
    if (labels !== undefined) describeSeries(this.#appender, ref, labels.metricName, family);
  }

  /** The stored labels of a known line, from its bytes. */
  #labelsOf(slot: number): Labels | undefined {
    const cache = this.#cache;
    const start = cache.keyStart(slot);
    const end = start + cache.keyLength(slot);
    return this.#storedLabels(cache.keys, start, end, cache.type(slot), cache.unit(slot));
  }

  #storedLabels(
    bytes: Uint8Array,
    start: number,
    end: number,
    type: number,
    unit: string,
  ): Labels | undefined {
    const rules = this.#rules;
    const empties: string[] = [];
    const shownUnit = rules.features.typeAndUnitLabels ? unit : undefined;
    const scraped = readSeriesLabels(bytes, start, end, type, shownUnit, empties);
    return storedLabels(scraped, rules, empties);
  }

  /** Appends a sample that does not go into the columns. A histogram that is not well-formed fails the scrape. */
  #appendAtOnce(
    parser: ExpositionParser,
    ref: SeriesRef,
    tMs: number,
    startMs: number,
    entry: Entry,
  ): AppendOutcome {
    if (entry !== Entry.histogram) return this.#append(ref, tMs, parser.value, startMs);
    const histogram = parser.histogram!;
    const fault = brokenHistogram(histogram, parser.isWhole);
    if (fault !== undefined) {
      this.counts.kept--;
      throw new ExpositionError(fault);
    }
    const { storeStarts, startZeros } = this.#rules.features;
    if (startZeros && startMs !== 0) this.#appender.appendStartZero(ref, startMs, tMs, histogram);
    return this.#appender.appendRich(ref, tMs, { value: 0, histogram, startMs: storeStarts ? startMs : 0 });
  }

  #append(ref: SeriesRef, tMs: number, value: number, startMs: number): AppendOutcome {
    const { storeStarts, startZeros } = this.#rules.features;
    if (startZeros && startMs !== 0) this.#appender.appendStartZero(ref, startMs, tMs);
    if (!storeStarts || startMs === 0) return this.#appender.append(ref, tMs, value);
    return this.#appender.appendRich(ref, tMs, { value, histogram: undefined, startMs });
  }

  #noteAtOnce(slot: number, timed: boolean): void {
    if (!timed || this.#rules.trackTimestampsStaleness) this.#atOnce.push(slot);
  }

  #flush(): void {
    const columns = this.#columns;
    const cache = this.#cache;
    const { count, outcomes, slots } = columns;
    if (this.#appendColumns() === 0) {
      for (let i = 0; i < count; i++) cache.track(slots[i]!);
    } else {
      for (let i = 0; i < count; i++) {
        if (this.#count(outcomes[i] as AppendOutcome)) cache.track(slots[i]!);
        else if (columns.isNew[i] === 1) {
          cache.forget(slots[i]!);
          this.counts.added--;
        }
      }
    }
    for (const slot of this.#atOnce) cache.track(slot);
    this.#exemplars?.flush(this.#appender, outcomes);
    this.counts.outOfOrderExemplars = this.#exemplars?.outOfOrder ?? 0;
  }

  /** How many samples of the columns were not taken; `outcomes` says which. */
  #appendColumns(): number {
    const { count, refs, values, outcomes, starts, hasStarts } = this.#columns;
    if (count === 0) return 0;
    if (!hasStarts) return this.#appender.appendColumn(refs, values, count, this.#tMs, outcomes);
    let refused = 0;
    for (let i = 0; i < count; i++) {
      const outcome = this.#append(refs[i]!, this.#tMs, values[i]!, starts[i]!);
      outcomes[i] = outcome;
      if (outcome > AppendOutcome.same) refused++;
    }
    return refused;
  }

  /** Counts a sample that was not taken; true when it was. */
  #count(outcome: AppendOutcome): boolean {
    switch (outcome) {
      case AppendOutcome.stored:
      case AppendOutcome.same:
        return true;
      case AppendOutcome.duplicate:
        this.counts.duplicate++;
        return false;
      case AppendOutcome.outOfOrder:
        this.counts.outOfOrder++;
        return false;
      case AppendOutcome.outOfBounds:
      case AppendOutcome.tooOld:
      case AppendOutcome.tooFarAhead:
        this.counts.outOfBounds++;
        return false;
      case AppendOutcome.malformed:
        assert(false, 'a histogram is looked at before it is appended');
    }
  }
}
