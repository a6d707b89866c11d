import type { Clock } from '../core/clock.ts';
import { assert } from '../core/errors.ts';
import { AppendOutcome } from '../storage/index.ts';
import type { Appender, SeriesRef } from '../storage/index.ts';
import { Entry, ExpositionError } from './parser/entry.ts';
import type { ExpositionParser } from './parser/exposition-parser.ts';
import { readSeriesLabels } from './parser/series-labels.ts';
import { LabelLimitError, storedLabels } from './sample-labels.ts';
import type { SampleLabelRules } from './sample-labels.ts';
import { type ScrapeCache, SlotKind } from './scrape-cache.ts';

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
}

/** Why a body was refused as a whole; nothing of it is kept. */
export type IngestFailure =
  | { readonly kind: 'malformed'; readonly error: Error }
  | { readonly kind: 'label-limit'; readonly error: Error }
  | { readonly kind: 'sample-limit'; readonly error: Error };

/** Fresh counts. */
export function emptyCounts(): IngestCounts {
  return { scraped: 0, kept: 0, added: 0, outOfOrder: 0, duplicate: 0, outOfBounds: 0 };
}

/** Columns of one scrape's samples; kept and reused, so that a steady target allocates nothing. */
export class SampleColumns {
  refs = new Uint32Array(256);
  values = new Float64Array(256);
  slots = new Int32Array(256);
  /** 1 for a series that this scrape saw first. */
  isNew = new Uint8Array(256);
  outcomes = new Uint8Array(256);
  count = 0;

  push(slot: number, ref: SeriesRef, value: number, isNew: boolean): void {
    if (this.count === this.refs.length) this.#grow();
    const at = this.count++;
    this.slots[at] = slot;
    this.refs[at] = ref;
    this.values[at] = value;
    this.isNew[at] = isNew ? 1 : 0;
  }

  #grow(): void {
    const capacity = this.refs.length * 2;
    const { refs, values, slots, isNew } = this;
    this.refs = new Uint32Array(capacity);
    this.values = new Float64Array(capacity);
    this.slots = new Int32Array(capacity);
    this.isNew = new Uint8Array(capacity);
    this.outcomes = new Uint8Array(capacity);
    this.refs.set(refs);
    this.values.set(values);
    this.slots.set(slots);
    this.isNew.set(isNew);
  }
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
  /** Slots whose samples had a time of their own and count for staleness all the same. */
  readonly #timed: number[] = [];
  #attempts = 0;
  #limitHit = false;

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
  }

  /** Reads the whole body. Resolves to why it is refused, or undefined. Errors that are bugs reject. */
  async run(makeParser: () => ExpositionParser, clock: Clock): Promise<IngestFailure | undefined> {
    this.#columns.count = 0;
    try {
      await this.#read(makeParser(), clock);
    } catch (error) {
      if (error instanceof LabelLimitError) return { kind: 'label-limit', error };
      if (error instanceof ExpositionError) return { kind: 'malformed', error };
      throw error;
    }
    if (this.#limitHit) return { kind: 'sample-limit', error: new Error('sample limit exceeded') };
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
        const slot = entry === Entry.series ? this.#sample(parser, known) : this.#meta(parser, known);
        if (slot >= 0 && slot !== guess) cache.link(previous, slot);
        if (slot >= 0) previous = slot;
        if (--left > 0) continue;
      }
      left = ENTRIES_PER_LOOK;
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
    parser.metricType = cache.applyMeta(slot, parser.metricType);
    return slot;
  }

  /** Takes the sample the parser stands at; returns the slot of its line, -1 when it has none. */
  #sample(parser: ExpositionParser, known: number): number {
    const cache = this.#cache;
    this.counts.scraped++;
    const timestampMs = this.#rules.honorTimestamps ? parser.timestampMs : NaN;
    const timed = timestampMs === timestampMs;
    const slot = known >= 0 ? known : cache.find(parser.body, parser.seriesStart, parser.seriesEnd);
    if (slot < 0) return this.#newSample(parser, timestampMs);
    if (cache.kind(slot) === SlotKind.dropped) {
      cache.touch(slot);
      return slot;
    }
    this.counts.kept++;
    if (cache.touch(slot) && !timed) {
      this.counts.duplicate++;
      return slot;
    }
    if (!this.#admit(timestampMs)) return slot;
    let ref = cache.ref(slot);
    if (!this.#appender.isLive(ref)) ref = this.#revive(slot);
    if (!timed) this.#columns.push(slot, ref, parser.value, false);
    else if (this.#appendTimed(ref, timestampMs, parser.value)) this.#noteTimed(slot);
    return slot;
  }

  #newSample(parser: ExpositionParser, timestampMs: number): number {
    const cache = this.#cache;
    const { body, seriesStart, seriesEnd, metricType } = parser;
    const labels = storedLabels(readSeriesLabels(body, seriesStart, seriesEnd, metricType), this.#rules);
    if (labels === undefined) return cache.addDropped(body, seriesStart, seriesEnd);
    this.counts.kept++;
    if (!this.#admit(timestampMs)) return -1;
    const ref = this.#appender.series(labels);
    const timed = timestampMs === timestampMs;
    if (timed && !this.#appendTimed(ref, timestampMs, parser.value)) return -1;
    const slot = cache.addSeries(body, seriesStart, seriesEnd, ref, metricType);
    if (!this.#limitHit) this.counts.added++;
    if (timed) this.#noteTimed(slot);
    else this.#columns.push(slot, ref, parser.value, true);
    return slot;
  }

  /** Whether the limits let a sample through to the storage. */
  #admit(timestampMs: number): boolean {
    const { sampleLimit } = this.#rules;
    if (sampleLimit > 0 && ++this.#attempts > sampleLimit) {
      this.#limitHit = true;
      return false;
    }
    if (timestampMs > this.#nowMs + AHEAD_MAX_MS) {
      this.counts.outOfBounds++;
      return false;
    }
    return true;
  }

  /** The storage forgot the series of a known line: makes it anew from the line's bytes. */
  #revive(slot: number): SeriesRef {
    const cache = this.#cache;
    const start = cache.keyStart(slot);
    const scraped = readSeriesLabels(cache.keys, start, start + cache.keyLength(slot), cache.type(slot));
    const labels = storedLabels(scraped, this.#rules);
    // The rules are the same as when the line was first seen, so it is still not dropped.
    const ref = labels === undefined ? 0 : this.#appender.series(labels);
    cache.setRef(slot, ref);
    return ref;
  }

  #appendTimed(ref: SeriesRef, timestampMs: number, value: number): boolean {
    return this.#count(this.#appender.append(ref, timestampMs, value));
  }

  #noteTimed(slot: number): void {
    if (this.#rules.trackTimestampsStaleness) this.#timed.push(slot);
  }

  #flush(): void {
    const columns = this.#columns;
    const cache = this.#cache;
    const { count, refs, values, outcomes, slots } = columns;
    const refused = count === 0 ? 0 : this.#appender.appendColumn(refs, values, count, this.#tMs, outcomes);
    if (refused === 0) {
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
    for (const slot of this.#timed) cache.track(slot);
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
      case AppendOutcome.tooFarAhead:
        this.counts.outOfBounds++;
        return false;
      case AppendOutcome.malformed:
        assert(false, 'a float is never malformed');
    }
  }
}
