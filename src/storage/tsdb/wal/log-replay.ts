import { basename } from 'node:path';
import type { Clock } from '../../../core/clock.ts';
import { errorText } from '../../../core/errors.ts';
import { Labels } from '../../../core/labels.ts';
import type { Logger } from '../../../core/log.ts';
import type { SeriesRef } from '../../seam.ts';
import { RunEntry } from '../head/chunk-store.ts';
import type { Head } from '../head/head.ts';
import { Row } from '../head/head-slabs.ts';
import type { StoredSample } from '../stored-sample.ts';
import { IdMap } from './id-map.ts';
import type { NamedSeries } from './named-series.ts';
import { RecordCursor } from './record-cursor.ts';
import type { LogStretch, OtherRecord } from './log-reader.ts';
import type { SampleBatch } from './sample-batch.ts';
import { isReadable, isRichType, readRecord } from './wal-records.ts';
import type { RecordSink } from './wal-records.ts';

/** How long replay works before it gives others a turn. */
const SLICE_MS = 8;
/** Series, or samples, that are put into the head between two looks at the time. */
const LOOK_EVERY = 64;

/** Takes what the log holds besides samples. Refs are the head's. */
export interface ReplayTarget {
  /** An exemplar; its labels as name, value, name, value … */
  exemplar(ref: SeriesRef, tMs: number, value: number, flat: readonly string[]): void;
  metadata(ref: SeriesRef, type: string, unit: string, help: string): void;
  /** Samples with minMs <= t <= maxMs that came before are deleted. */
  tombstone(ref: SeriesRef, minMs: number, maxMs: number): void;
}

/** What a {@link LogReplay} works with. */
export interface LogReplayOptions {
  readonly head: Head;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Samples before this are left out: blocks have them. */
  readonly minValidMs?: number;
  readonly target?: ReplayTarget;
  /** Gets the row of each log number, plus one. */
  readonly rows?: IdMap;
  /** Ends the reading; it then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** Puts stretches of the log into a head. */
export class LogReplay implements RecordSink {
  readonly #head: Head;
  readonly #clock: Clock;
  readonly #signal: AbortSignal | undefined;
  readonly #logger: Logger;
  readonly #paths: readonly string[];
  readonly #minValidMs: number;
  readonly #target: ReplayTarget | undefined;
  /** Row + 1 by log number. */
  readonly #rows: IdMap;
  /** Log numbers of series that have several: only the order of the log tells which of their samples is newer. */
  readonly #renamed = new Set<number>();
  /** Pairs of labels by the numbers that {@link NamedSeries} have for them. */
  readonly #pairs: number[] = [0];
  #sinceMs: number;
  readonly #toldTypes = new Set<number>();
  #minMs = Infinity;
  #maxMs = -Infinity;
  seriesCount = 0;
  sampleCount = 0;
  unknownSamples = 0;

  constructor(options: LogReplayOptions, paths: readonly string[]) {
    this.#rows = options.rows ?? new IdMap();
    this.#head = options.head;
    this.#clock = options.clock;
    this.#signal = options.signal;
    this.#logger = options.logger;
    this.#minValidMs = options.minValidMs ?? -Infinity;
    this.#target = options.target;
    this.#paths = paths;
    this.#sinceMs = this.#clock.monotonicMs();
  }

  /**
   * Takes a stretch, series by series: the head is the same as if its records had been taken one by one. Rejects with the signal's
   * reason.
   */
  async take({ batch, others }: LogStretch): Promise<void> {
    const rich: OtherRecord[] = [];
    for (const other of others) {
      // All but samples are independent of these; what names series does so before their samples come.
      if (isRichType(other.bytes[0] ?? 0)) rich.push(other);
      else if (other.series !== undefined) await this.#named(other.series);
      else this.#other(other);
      await this.pause();
    }
    const inOrder = await this.#takeBySeries(batch);
    if (inOrder !== undefined || rich.length > 0) await this.#takeInOrder(batch, inOrder, rich);
    this.#head.chunks.endBatch();
  }

  /** Gives others a turn every few milliseconds. Rejects with the signal's reason. */
  async pause(): Promise<void> {
    this.#signal?.throwIfAborted();
    if (this.#clock.monotonicMs() - this.#sinceMs < SLICE_MS) return;
    this.#head.chunks.endBatch();
    await this.#clock.yieldTurn();
    this.#sinceMs = this.#clock.monotonicMs();
  }

  /** Returns 1 for each slot whose samples must be taken in the order of the log; undefined when there is none. */
  async #takeBySeries(batch: SampleBatch): Promise<Uint8Array | undefined> {
    const { ids, ends, mixed } = batch;
    let inOrder: Uint8Array | undefined;
    let from = 0;
    for (let slot = 0; slot < batch.slots; slot++) {
      if (slot % LOOK_EVERY === 0) await this.pause();
      const to = ends[slot]!;
      const walId = ids[slot]!;
      const row = this.#rows.get(walId) - 1;
      if (row < 0) this.unknownSamples += to - from;
      else if (mixed[slot] === 1 || this.#renamed.has(walId)) {
        inOrder ??= new Uint8Array(batch.slots);
        inOrder[slot] = 1;
      } else this.#takeRun(row, batch, from, to);
      from = to;
    }
    return inOrder;
  }

  async #takeInOrder(
    batch: SampleBatch,
    inOrder: Uint8Array | undefined,
    rich: readonly OtherRecord[],
  ): Promise<void> {
    const { entries, ids, samples } = batch;
    let entry = 0;
    const takeBefore = async (end: number): Promise<void> => {
      for (; entry < end; entry++) {
        if (entry % LOOK_EVERY === 0) await this.pause();
        const at = entry * RunEntry.words;
        const slot = entries[at + RunEntry.own]!;
        if (inOrder?.[slot] !== 1) continue;
        const tMs = batch.timeOf(entry);
        this.sample(ids[slot]!, tMs, entries[at + RunEntry.low]!, entries[at + RunEntry.high]!);
      }
    };
    for (const other of rich) {
      await takeBefore(other.at);
      this.#other(other);
      await this.pause();
    }
    if (inOrder !== undefined) await takeBefore(samples);
  }

  /** Adds those samples of a slot that are newer than the one before; `order` has only these afterwards. */
  #takeRun(row: number, batch: SampleBatch, from: number, to: number): void {
    const head = this.#head;
    const words = head.rowWords(row);
    const floats = head.rowFloats(row);
    const start = head.rowStart(row);
    const { order } = batch;
    let lastMs = floats[(start >>> 1) + Row.lastTimeFloat]!;
    let end = from;
    for (let i = from; i < to; i++) {
      const entry = order[i]!;
      const tMs = batch.timeOf(entry);
      if (!(tMs > lastMs) || tMs < this.#minValidMs) continue;
      if (tMs < this.#minMs) this.#minMs = tMs;
      lastMs = tMs;
      order[end++] = entry;
    }
    if (end === from) return;
    if (lastMs > this.#maxMs) this.#maxMs = lastMs;
    this.sampleCount += end - from;
    head.chunks.appendRun(words, floats, start, batch, from, end);
  }

  #other({ bytes, fault, file }: OtherRecord): void {
    const path = this.#paths[file]!;
    if (fault !== undefined) {
      this.#tellFault(path, fault);
      return;
    }
    let type: number;
    try {
      type = readRecord(bytes, this);
    } catch (error) {
      this.#tellFault(path, errorText(error));
      return;
    }
    if (isReadable(type) || this.#toldTypes.has(type)) return;
    this.#toldTypes.add(type);
    this.#logger.warn(
      { segment: basename(path), type },
      `the log holds records of a kind that this version does not know (${type}); they are left out`,
    );
  }

  /** Its checksum is right, so it was written like this; what precedes the fault has been taken. */
  #tellFault(path: string, fault: string): void {
    this.#logger.error({ segment: path, err: fault }, `a record of the log is not understood: ${fault}`);
  }

  async #named({ words, texts, isFresh }: NamedSeries): Promise<void> {
    const { labels } = this.#head;
    if (isFresh) this.#pairs.length = 1;
    const cursor = new RecordCursor(texts, 0);
    const pairs: number[] = [];
    for (let at = 0, count = 0; at < words.length; count++) {
      if (count % LOOK_EVERY === 0) await this.pause();
      const walId = words[at]! + words[at + 1]! * 0x1_0000_0000;
      const end = at + 3 + words[at + 2]!;
      pairs.length = 0;
      for (at += 3; at < end; at++) {
        const id = words[at]!;
        if (id === this.#pairs.length) this.#pairs.push(labels.intern(cursor.text(), cursor.text()));
        pairs.push(this.#pairs[id]!);
      }
      this.#head.reserveWalIds(walId + 1);
      if (pairs.length > 0) this.#name(this.#head.seriesOf(pairs, walId), walId);
    }
  }

  /** Called by {@link readRecord}. */
  series(walId: number, flat: readonly string[]): void {
    const entries: [string, string][] = [];
    for (let i = 0; i < flat.length; i += 2) entries.push([flat[i]!, flat[i + 1]!]);
    const labels = Labels.fromEntries(entries);
    this.#head.reserveWalIds(walId + 1);
    if (labels.size > 0) this.#name(this.#head.series(labels, walId), walId);
  }

  /** Several numbers may name one series; the newest record of a number counts. */
  #name(ref: SeriesRef, walId: number): void {
    const row = this.#head.slabs.rowOf(ref);
    const firstId = this.#head.walIdOf(row);
    if (firstId !== walId) this.#renamed.add(firstId).add(walId);
    this.#rows.set(walId, row + 1);
    this.seriesCount++;
  }

  /** Called by {@link readRecord}. */
  sample(walId: number, tMs: number, low: number, high: number): void {
    const row = this.#rows.get(walId) - 1;
    if (!this.#takes(row, tMs)) return;
    const head = this.#head;
    head.chunks.append(head.rowWords(row), head.rowFloats(row), head.rowStart(row), tMs, low, high);
  }

  /** Called by {@link readRecord}. */
  rich(walId: number, tMs: number, sample: StoredSample): void {
    const row = this.#rows.get(walId) - 1;
    if (!this.#takes(row, tMs)) return;
    const head = this.#head;
    head.chunks.appendRich(head.rowWords(row), head.rowFloats(row), head.rowStart(row), tMs, sample);
  }

  /** Called by {@link readRecord}. */
  exemplar(walId: number, tMs: number, value: number, flat: readonly string[]): void {
    const row = this.#rows.get(walId) - 1;
    if (row >= 0) this.#target?.exemplar(this.#refOf(row), tMs, value, flat);
  }

  /** Called by {@link readRecord}. */
  metadata(walId: number, type: string, unit: string, help: string): void {
    const row = this.#rows.get(walId) - 1;
    if (row >= 0) this.#target?.metadata(this.#refOf(row), type, unit, help);
  }

  /** Called by {@link readRecord}. */
  tombstone(walId: number, minMs: number, maxMs: number): void {
    const row = this.#rows.get(walId) - 1;
    if (row >= 0) this.#target?.tombstone(this.#refOf(row), minMs, maxMs);
  }

  #refOf(row: number): SeriesRef {
    return this.#head.rowWords(row)[this.#head.rowStart(row) + Row.ref]!;
  }

  /** Whether a sample is of a known series (-1 is none) and newer than its last; if so it counts. */
  #takes(row: number, tMs: number): boolean {
    if (row < 0) {
      this.unknownSamples++;
      return false;
    }
    if (tMs < this.#minValidMs) return false;
    const lastTime = (this.#head.rowStart(row) >>> 1) + Row.lastTimeFloat;
    if (!(tMs > this.#head.rowFloats(row)[lastTime]!)) return false;
    this.sampleCount++;
    if (tMs < this.#minMs) this.#minMs = tMs;
    if (tMs > this.#maxMs) this.#maxMs = tMs;
    return true;
  }

  finish(): void {
    this.#head.chunks.endBatch();
    if (this.#maxMs >= this.#minMs) this.#head.noteTimes(this.#minMs, this.#maxMs);
    if (this.unknownSamples > 0) {
      this.#logger.warn(
        { samples: this.unknownSamples },
        'the log holds samples of series that it does not name; they are left out',
      );
    }
  }
}
