import { TocsinError } from '../../../core/errors.ts';
import type {
  Appender,
  Cardinality,
  CardinalityRow,
  Querier,
  ReadableStorage,
  SampleStorage,
  StorageStats,
} from '../../seam.ts';
import { Appenders } from './head-appender.ts';
import type { AppendCounters } from './append-counters.ts';
import type { SampleLog } from './head-appender.ts';
import { HeadDeletions } from './head-deletions.ts';
import { HeadQuerier } from './head-querier.ts';
import { HeadReader } from './head-reader.ts';
import { SLOTS_PER_READER } from './head-reader-lease.ts';
import type { HeadReaderLease } from './head-reader-lease.ts';
import { READER_SLOTS } from './head-slabs.ts';
import { Head } from './head.ts';
import { MemoryGuard } from './memory-guard.ts';
import type { MemoryLimit } from './memory-guard.ts';
import { OooQuerier } from '../ooo/ooo-querier.ts';
import type { SeriesExtras } from './series-extras.ts';
import type { SlabAnnouncement } from './slabs.ts';

/** Prometheus' two hours: chunks are cut and bounds set at multiples of it. */
export const DEFAULT_CHUNK_RANGE_MS = 2 * 3600_000;

/** A head behind the seam: samples in memory, and in a log if there is one. */
export class HeadStorage implements SampleStorage {
  readonly head: Head;
  readonly #appenders: Appenders;
  /** The writer thread's own. */
  readonly reader: HeadReader;
  readonly deletions: HeadDeletions;
  /** Undefined where memory has no limit. */
  readonly guard: MemoryGuard | undefined;

  constructor(
    options: {
      readonly chunkRangeMs?: number;
      readonly log?: SampleLog;
      /** Where samples that came out of order go too: `wbl/`. */
      readonly oooLog?: SampleLog;
      readonly memoryLimit?: MemoryLimit | undefined;
    } = {},
  ) {
    this.head = new Head(options.chunkRangeMs ?? DEFAULT_CHUNK_RANGE_MS);
    this.guard = options.memoryLimit && new MemoryGuard(options.memoryLimit, this.head);
    this.#appenders = new Appenders(this.head, options.log, options.oooLog, this.guard);
    this.reader = new HeadReader(this.head.slabs, this.head.labels, this.head.epochs);
    this.deletions = new HeadDeletions(this.head, this.reader, options.log);
  }

  /** What came out of order alone. */
  readonly outOfOrder: ReadableStorage = {
    querier: (minMs, maxMs) => new OooQuerier(this.reader, minMs, maxMs),
  };

  /** What appenders counted so far. */
  /** Who is told of every sample that comes late: how far, in milliseconds, it is behind the newest of all. */
  set onLate(tell: (deltaMs: number) => void) {
    this.#appenders.onLate = tell;
  }

  get counters(): Readonly<AppendCounters> {
    return this.#appenders.counters;
  }

  /** Exemplars and metadata of its series. */
  get extras(): SeriesExtras {
    return this.#appenders.extras;
  }

  appender(nowMs: number): Appender {
    return this.#appenders.open(nowMs);
  }

  querier(minMs: number, maxMs: number): Querier {
    return new HeadQuerier(this.reader, minMs, maxMs);
  }

  /**
   * Lets another thread read; see head-reader-lease.ts. `tell` is called for every slab that comes or goes, before
   * anything refers to it, until the lease is released; `queriers` is how many the thread has open at a time. Throws
   * TOCSIN_ERR_STORAGE when there would be more than 64 in all threads.
   */
  leaseReader(tell: (announcement: SlabAnnouncement) => void, queriers = SLOTS_PER_READER): HeadReaderLease {
    const { slabs, epochs } = this.head;
    const slots = epochs.takeSlots(queriers);
    if (slots === undefined) {
      throw new TocsinError(
        'TOCSIN_ERR_STORAGE',
        `no more than ${READER_SLOTS} queries can read the samples in memory from other threads at a time; end a thread first`,
      );
    }
    const unsubscribe = slabs.subscribe(tell);
    let isHeld = true;
    return {
      data: { descriptor: slabs.describe(), slots },
      release: () => {
        if (!isHeld) return;
        isHeld = false;
        unsubscribe();
        epochs.freeSlots(slots);
      },
    };
  }

  stats(): StorageStats {
    const { head } = this;
    const bytes = Object.values(head.slabs.byteLengths()).reduce((sum, part) => sum + part, 0);
    return {
      seriesCount: head.seriesCount,
      chunkCount: head.chunks.openChunks + head.chunks.closedChunks,
      sampleCount: head.chunks.openSamples + head.chunks.closedSamples,
      labelPairCount: head.labels.pairCount,
      minTimeMs: Number.isNaN(head.minTimeMs) ? undefined : head.minTimeMs,
      maxTimeMs: Number.isNaN(head.maxTimeMs) ? undefined : head.maxTimeMs,
      bytes,
    };
  }

  /** @see prometheus tsdb/index/postings.go MemPostings.Stats */
  cardinality(limit: number): Cardinality {
    const { labels } = this.head;
    const { symbols } = labels;
    const metricNames = new TopRows(limit);
    const valueCounts = new TopRows(limit);
    const memory = new TopRows(limit);
    const pairCounts = new TopRows(limit);
    const metricNameSymbol = symbols.find('__name__');
    for (const ofName of labels.names()) {
      const name = labels.name(ofName);
      const values = labels.list(ofName);
      let bytes = 0;
      for (const pair of values) {
        const count = labels.listLength(pair);
        const value = labels.value(pair);
        bytes += symbols.byteLength(value) * count;
        pairCounts.add(count, () => `${symbols.text(name)}=${symbols.text(value)}`);
        if (name === metricNameSymbol) metricNames.add(count, () => symbols.text(value));
      }
      valueCounts.add(values.length, () => symbols.text(name));
      memory.add(bytes, () => symbols.text(name));
    }
    return {
      seriesCountByMetricName: metricNames.rows(),
      labelValueCountByLabelName: valueCounts.rows(),
      memoryInBytesByLabelName: memory.rows(),
      seriesCountByLabelValuePair: pairCounts.rows(),
    };
  }
}

/** The rows with the largest values, equal ones by the order in which they came. */
class TopRows {
  readonly #limit: number;
  readonly #rows: { readonly value: number; readonly name: () => string }[] = [];

  constructor(limit: number) {
    this.#limit = limit;
  }

  add(value: number, name: () => string): void {
    const last = this.#rows.at(-1);
    if (this.#rows.length >= this.#limit && (last === undefined || value <= last.value)) return;
    let at = this.#rows.length;
    while (at > 0 && this.#rows[at - 1]!.value < value) at--;
    this.#rows.splice(at, 0, { value, name });
    if (this.#rows.length > this.#limit) this.#rows.pop();
  }

  rows(): CardinalityRow[] {
    return this.#rows.map(({ value, name }) => ({ name: name(), value }));
  }
}
