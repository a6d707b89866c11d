import { METRIC_NAME, type Labels } from '../core/labels.ts';
import type { Matcher } from '../core/matcher.ts';
import {
  SampleBuffer,
  type Querier,
  type ReadableStorage,
  type SelectHints,
  type SeriesCursor,
  type SeriesRef,
} from '../storage/index.ts';
import { KeptSamples } from './eval/kept-samples.ts';

/**
 * Reads that many queries at one time have in common: the rules of a group look at the same series again and again, so
 * what one of them read serves the next.
 */

/** Most samples that the reads of one tick keep; selections beyond it are read by each query for itself. */
const MAX_SAMPLES = 5_000_000;

/** How far before and after the tick the queries look that select the same series. */
interface Reach {
  readonly beforeMs: number;
  readonly afterMs: number;
  readonly uses: number;
}

interface KeptSeries {
  readonly labels: Labels;
  readonly ref: SeriesRef;
  readonly samples: KeptSamples;
}

/**
 * Remembers from one tick to the next what is worth sharing: what was selected only once is not kept the next time.
 * Lives as long as the rules do whose reads it shares; used by one tick at a time.
 */
export class ReadSharer {
  readonly #storage: ReadableStorage;
  #reaches: ReadonlyMap<string, Reach> = new Map();
  #labels: ReadonlyMap<SeriesRef, Labels> = new Map();

  constructor(storage: ReadableStorage) {
    this.#storage = storage;
  }

  /** Begins the reads of a tick; give them to {@link end} when its queries are done. */
  begin(timeMs: number): SharedReads {
    return new SharedReads(this.#storage, timeMs, this.#reaches, this.#labels);
  }

  /** Ends the reads of a tick: what they pinned in the storage is free again. */
  end(reads: SharedReads): void {
    reads.close();
    this.#reaches = reads.reaches;
    this.#labels = reads.labels;
  }
}

/** The reads of one tick. All its queries see the samples as they were when the first of them looked. */
export class SharedReads {
  readonly #storage: ReadableStorage;
  readonly #timeMs: number;
  readonly #expected: ReadonlyMap<string, Reach>;
  readonly #knownLabels: ReadonlyMap<SeriesRef, Labels>;
  readonly #kept = new Map<string, KeptSelection>();
  /** What was selected in this tick, for the next one. */
  readonly reaches = new Map<string, Reach>();
  readonly labels = new Map<SeriesRef, Labels>();
  readonly #queriers: Querier[] = [];
  #room = MAX_SAMPLES;

  constructor(
    storage: ReadableStorage,
    timeMs: number,
    expected: ReadonlyMap<string, Reach>,
    knownLabels: ReadonlyMap<SeriesRef, Labels>,
  ) {
    this.#storage = storage;
    this.#timeMs = timeMs;
    this.#expected = expected;
    this.#knownLabels = knownLabels;
  }

  /** Like the storage's own. */
  querier(minMs: number, maxMs: number): Querier {
    const own = (): Querier => this.#storage.querier(minMs, maxMs);
    return new SharedQuerier(this, own);
  }

  /** What is missing in what was read so far. */
  get warnings(): readonly string[] {
    return this.#queriers.flatMap(({ warnings = [] }) => warnings);
  }

  /** Gives up what is being fetched. */
  cancel(): void {
    for (const querier of this.#queriers) querier.cancel?.();
  }

  /** A metric got samples in this tick: the queries that follow must see them. */
  wrote(metricName: string): void {
    for (const [key, { name }] of this.#kept) {
      if (name === undefined || name === metricName) this.#kept.delete(key);
    }
  }

  /** Frees what is kept. Cursors are of no use any more. */
  close(): void {
    for (const querier of this.#queriers) querier.close();
    this.#queriers.length = 0;
    this.#kept.clear();
  }

  /** A cursor over kept series; undefined when the selection is not to be kept. */
  async select(
    matchers: readonly Matcher[],
    minMs: number,
    maxMs: number,
  ): Promise<SeriesCursor | undefined> {
    const key = keyOf(matchers);
    const reach = this.#note(key, minMs, maxMs);
    const kept = this.#kept.get(key);
    if (kept !== undefined && kept.minMs <= minMs && kept.maxMs >= maxMs) return new KeptCursor(kept);
    const expected = this.#expected.get(key);
    if (this.#room <= 0 || Math.max(reach.uses, expected?.uses ?? 0) < 2) return undefined;
    const fromMs = Math.min(minMs, this.#timeMs - Math.max(reach.beforeMs, expected?.beforeMs ?? 0));
    const toMs = Math.max(maxMs, this.#timeMs + Math.max(reach.afterMs, expected?.afterMs ?? 0));
    const querier = this.#storage.querier(fromMs, toMs);
    this.#queriers.push(querier);
    const cursor = await querier.select(matchers, { minMs: fromMs, maxMs: toMs, limit: 0 });
    const selection = new KeptSelection(this, cursor, matchers, fromMs, toMs);
    this.#kept.set(key, selection);
    return new KeptCursor(selection);
  }

  /** Labels of a series, the same object as in the tick before. */
  labelsOf(cursor: SeriesCursor): Labels {
    const ref = cursor.ref();
    const labels = this.labels.get(ref) ?? this.#knownLabels.get(ref) ?? cursor.labels();
    this.labels.set(ref, labels);
    return labels;
  }

  /** Accounts for samples that are kept. */
  take(samples: number): void {
    this.#room -= samples;
  }

  #note(key: string, minMs: number, maxMs: number): Reach {
    const before = this.reaches.get(key);
    const reach = {
      beforeMs: Math.max(before?.beforeMs ?? 0, this.#timeMs - minMs),
      afterMs: Math.max(before?.afterMs ?? 0, maxMs - this.#timeMs),
      uses: (before?.uses ?? 0) + 1,
    };
    this.reaches.set(key, reach);
    return reach;
  }
}

/** Text that is equal for equal matchers. */
function keyOf(matchers: readonly Matcher[]): string {
  return matchers.map(({ name, op, value }) => `${name}\0${op}\0${value}`).join('\0\0');
}

/** The series of a selection; each is read once, when first wanted. */
class KeptSelection {
  readonly minMs: number;
  readonly maxMs: number;
  /** The metric's name when all series have the same. */
  readonly name: string | undefined;
  readonly count: number;
  readonly #reads: SharedReads;
  readonly #cursor: SeriesCursor;
  readonly #series: KeptSeries[] = [];
  readonly #buffer = new SampleBuffer();

  constructor(
    reads: SharedReads,
    cursor: SeriesCursor,
    matchers: readonly Matcher[],
    minMs: number,
    maxMs: number,
  ) {
    this.#reads = reads;
    this.#cursor = cursor;
    this.minMs = minMs;
    this.maxMs = maxMs;
    this.count = cursor.count;
    this.name = matchers.find(({ name, op }) => name === METRIC_NAME && op === '=')?.value;
  }

  at(index: number): KeptSeries | undefined {
    while (this.#series.length <= index) {
      if (!this.#cursor.next()) return undefined;
      const buffer = this.#buffer;
      const length = this.#cursor.read(this.minMs, this.maxMs, buffer);
      this.#reads.take(length);
      this.#series.push({
        labels: this.#reads.labelsOf(this.#cursor),
        ref: this.#cursor.ref(),
        samples: new KeptSamples(buffer),
      });
    }
    return this.#series[index];
  }
}

class KeptCursor implements SeriesCursor {
  readonly #selection: KeptSelection;
  #index = -1;
  #present: KeptSeries | undefined;

  constructor(selection: KeptSelection) {
    this.#selection = selection;
  }

  get count(): number {
    return this.#selection.count;
  }

  next(): boolean {
    this.#present = this.#selection.at(++this.#index);
    return this.#present !== undefined;
  }

  labels(): Labels {
    return this.#present!.labels;
  }

  ref(): SeriesRef {
    return this.#present!.ref;
  }

  read(minMs: number, maxMs: number, into: SampleBuffer): number {
    return this.#present!.samples.read(minMs, maxMs, into);
  }
}

/** A query's view of the shared reads; what isn't shared it reads for itself. */
class SharedQuerier implements Querier {
  readonly #reads: SharedReads;
  readonly #open: () => Querier;
  #own: Querier | undefined;

  constructor(reads: SharedReads, open: () => Querier) {
    this.#reads = reads;
    this.#open = open;
  }

  async select(matchers: readonly Matcher[], hints: SelectHints): Promise<SeriesCursor> {
    const kept = hints.limit === 0 ? await this.#reads.select(matchers, hints.minMs, hints.maxMs) : undefined;
    return kept ?? (await this.#unshared().select(matchers, hints));
  }

  async labelNames(matchers: readonly Matcher[], limit: number): Promise<string[]> {
    return await this.#unshared().labelNames(matchers, limit);
  }

  async labelValues(name: string, matchers: readonly Matcher[], limit: number): Promise<string[]> {
    return await this.#unshared().labelValues(name, matchers, limit);
  }

  get warnings(): readonly string[] {
    return [...new Set([...this.#reads.warnings, ...(this.#own?.warnings ?? [])])];
  }

  cancel(): void {
    this.#own?.cancel?.();
    this.#reads.cancel();
  }

  close(): void {
    this.#own?.close();
  }

  #unshared(): Querier {
    this.#own ??= this.#open();
    return this.#own;
  }
}
