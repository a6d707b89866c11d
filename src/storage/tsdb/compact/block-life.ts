import type { Clock } from '../../../core/clock.ts';
import { errorText } from '../../../core/errors.ts';
import type { Logger } from '../../../core/log.ts';
import type { FileSystem, Random } from '../../../core/ports.ts';
import type { BlockMeta } from '../block/index.ts';
import type { Epochs } from '../head/epochs.ts';
import type { BlockStore, StoredBlock } from './block-store.ts';
import { blockRanges, planCompaction } from './compaction-plan.ts';
import { Backoff, InterruptedError, isUnwritable } from './failures.ts';
import type { BlockMetrics } from './metrics.ts';
import type { FloatEncoding } from '../../config.ts';
import { expiredBlocks } from './retention.ts';
import type { StorageJob, StorageWorker } from './storage-jobs.ts';
import { makeUlid } from './ulid.ts';

/** What is kept; 0 is no limit. */
export interface Retention {
  readonly timeMs: number;
  readonly sizeBytes: number;
  /** Of the disk; counts instead of {@link sizeBytes} where it is given. */
  readonly percentage: number;
}

/** The part of the head that blocks are made of. */
export interface CompactableHead {
  readonly minTimeMs: number;
  readonly maxTimeMs: number;
  readonly truncatedMs: number;
  readonly epochs: Epochs;
}

/** What {@link BlockLife} works with. */
export interface BlockLifeOptions {
  readonly files: FileSystem;
  readonly path: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: BlockMetrics;
  readonly store: BlockStore;
  readonly worker: StorageWorker;
  readonly head: CompactableHead;
  /** `--storage.tsdb.min-block-duration`. */
  readonly minBlockMs: number;
  /** `--storage.tsdb.max-block-duration`; undefined is a tenth of the retention, 31 days at most. */
  readonly maxBlockMs: number | undefined;
  /** Most bytes of a file of chunks; 0 is 512 MiB. */
  readonly segmentBytes: number;
  /** Takes everything before this out of the head and its log: it is in a block. */
  readonly truncateHead: (minMs: number) => Promise<void>;
  /** Samples that came out of order, between being marked and being in blocks. */
  readonly outOfOrder: {
    begin(): { readonly minMs: number; readonly maxMs: number } | undefined;
    end(): Promise<void>;
  };
  /** Bytes that count beside blocks. */
  readonly otherBytes: () => number;
  /** Whether the program ends: nothing more is begun. */
  readonly isEnding: () => boolean;
}

const MAX_BLOCK_MS = 31 * 24 * 3600_000;
/** How long blocks that could not be joined are left alone, so that one damaged block does not keep others from it. */
const FAILED_REST_MS = 3600_000;

/**
 * What becomes of samples with time: head, blocks of two hours, ever longer blocks, nothing. One step after the other; each leaves
 * a folder that opens with everything, wherever it is interrupted.
 *
 * @see prometheus tsdb/db.go Compact
 */
export class BlockLife {
  readonly #options: BlockLifeOptions;
  /** How chunks of floats are encoded from now on. */
  floatEncoding: FloatEncoding = 'xor';
  #retention: Retention;
  /** Blocks that could not be joined with others, by name, and until when (monotonic) that is not tried again. */
  readonly #resting = new Map<string, number>();
  readonly #removals = new Set<Promise<void>>();
  readonly #headBackoff = new Backoff();
  readonly #diskBackoff = new Backoff();
  readonly #oooBackoff = new Backoff();
  #owesOutOfOrder = false;

  constructor(options: BlockLifeOptions, retention: Retention) {
    this.#options = options;
    this.#retention = retention;
  }

  /** What is kept at present. */
  get retention(): Retention {
    return this.#retention;
  }

  set retention(retention: Retention) {
    this.#retention = retention;
  }

  /**
   * Does everything that is to be done now; what failed a short while ago waits. Rejects when a step failed, and does what does not
   * depend on it first.
   */
  async run(): Promise<void> {
    const failures: unknown[] = [];
    const attempt = async (step: () => Promise<boolean>, backoff?: Backoff): Promise<boolean> => {
      if (this.#options.isEnding() || backoff?.isWaiting(this.#nowMs()) === true) return false;
      try {
        const goesOn = await step();
        backoff?.worked();
        return goesOn;
      } catch (error) {
        if (error instanceof InterruptedError) return false;
        failures.push(error);
        if (backoff === this.#headBackoff || backoff === this.#oooBackoff || isUnwritable(error))
          backoff?.failed(this.#nowMs());
        return false;
      }
    };
    const writeHead = (): Promise<boolean> => attempt(() => this.writeHead(), this.#headBackoff);
    while (await writeHead());
    if (this.#owesOutOfOrder) await attempt(() => this.writeOutOfOrder(), this.#oooBackoff);
    await attempt(() => this.expire());
    while (await attempt(() => this.compact(), this.#diskBackoff)) {
      // The head must not wait for a long row of compactions.
      while (await writeHead());
    }
    this.#options.head.epochs.collect();
    if (failures.length > 0) throw failures[0];
  }

  /** Resolves when no folder is being removed any more. */
  async settle(): Promise<void> {
    await Promise.all(this.#removals);
  }

  /** Makes a block of the head's oldest span when the head is long enough; false when it is not. */
  async writeHead(): Promise<boolean> {
    const { head, minBlockMs } = this.#options;
    const { minTimeMs, maxTimeMs } = head;
    if (Number.isNaN(minTimeMs) || maxTimeMs - minTimeMs <= minBlockMs * 1.5) return false;
    const minMs = Math.floor(minTimeMs / minBlockMs) * minBlockMs;
    await this.writeSpan(minMs, minMs + minBlockMs, []);
    await this.#options.truncateHead(minMs + minBlockMs);
    this.#owesOutOfOrder = true;
    return true;
  }

  /**
   * Makes blocks of what came out of order until now, and takes that out of memory; false, because there is no more to do.
   *
   * @see prometheus tsdb/db.go compactOOOHead
   */
  async writeOutOfOrder(): Promise<boolean> {
    const { minBlockMs, outOfOrder } = this.#options;
    const span = outOfOrder.begin();
    const firstMs = Math.floor((span?.minMs ?? 0) / minBlockMs) * minBlockMs;
    for (let fromMs = firstMs; span !== undefined && fromMs <= span.maxMs; fromMs += minBlockMs)
      await this.writeSpan(fromMs, fromMs + minBlockMs, ['from-out-of-order'], true);
    await outOfOrder.end();
    this.#owesOutOfOrder = false;
    return false;
  }

  /** Makes a block of what the head has with minMs <= t < maxMs; the head keeps it. */
  async writeSpan(
    minMs: number,
    maxMs: number,
    hints: readonly string[],
    isOutOfOrder = false,
  ): Promise<void> {
    const { path, segmentBytes, store, clock, logger } = this.#options;
    const ulid = this.#ulid();
    const startMs = clock.monotonicMs();
    const { block } = await this.#work({
      kind: 'headBlock',
      job: { path, ulid, minMs, maxMs, hints, segmentBytes, isOutOfOrder, floats: this.floatEncoding },
    });
    if (block === undefined) return;
    await this.#use(ulid, () => store.replace([], ulid));
    const { numSeries: series, numSamples: samples } = block.stats;
    const tookMs = Math.round(clock.monotonicMs() - startMs);
    logger.info({ block: ulid, minMs, maxMs, series, samples, tookMs }, 'wrote a block');
  }

  /** As {@link writeSpan} in another folder than that of the data. */
  async writeSnapshotBlock(path: string, minMs: number, maxMs: number, isOutOfOrder = false): Promise<void> {
    const { segmentBytes } = this.#options;
    const floats = this.floatEncoding;
    const hints = isOutOfOrder ? ['from-out-of-order'] : [];
    const job = { path, ulid: this.#ulid(), minMs, maxMs, hints, segmentBytes, floats, isOutOfOrder };
    await this.#work({ kind: 'headBlock', job });
  }

  /** Removes the blocks that are beyond retention; false, because there is no more to do after it. */
  async expire(): Promise<boolean> {
    const { store, metrics, logger, otherBytes } = this.#options;
    const limits = { timeMs: this.#retention.timeMs, sizeBytes: await this.#maxBytes() };
    const { byTime, bySize } = expiredBlocks(store.blocks, limits, otherBytes());
    if (byTime.length > 0) metrics.timeRetentions.inc();
    if (bySize.length > 0) metrics.sizeRetentions.inc();
    for (const { name, meta } of [...byTime, ...bySize]) {
      const { minTime: minMs, maxTime: maxMs } = meta;
      logger.info({ block: name, minMs, maxMs }, 'removing a block that is beyond the retention');
    }
    this.#drop([...byTime, ...bySize], undefined);
    return false;
  }

  /** Makes one block of several where that is due; false when it is not. */
  async compact(): Promise<boolean> {
    const { store, minBlockMs, metrics, clock } = this.#options;
    const nowMs = clock.monotonicMs();
    for (const [name, untilMs] of this.#resting) if (untilMs <= nowMs) this.#resting.delete(name);
    // A block joined with these would seem to have all of a time that is still in the head.
    const { endMs } = store;
    const isEarly = ({ maxTime, compaction }: BlockMeta): boolean =>
      maxTime > endMs && compaction.hints.includes('from-out-of-order');
    const blocks = store.blocks.map(({ name, meta }) => {
      return { folder: name, meta, isResting: this.#resting.has(name) || isEarly(meta) };
    });
    const plan = planCompaction(blocks, blockRanges(minBlockMs, this.#maxBlockMs()));
    if (plan.length === 0) return false;
    metrics.triggered.inc();
    const sources = plan.map(({ folder }) => folder);
    try {
      await this.rewrite(sources);
    } catch (error) {
      // Neither a full disk nor an end says anything of the blocks.
      if (error instanceof InterruptedError || isUnwritable(error)) throw error;
      for (const name of sources) this.#resting.set(name, clock.monotonicMs() + FAILED_REST_MS);
      await this.#markFailed(sources);
      throw error;
    }
    return true;
  }

  /** Makes one block of these, in their place. */
  async rewrite(sources: readonly string[]): Promise<void> {
    const { path, segmentBytes, store, clock, logger, metrics } = this.#options;
    const ulid = this.#ulid();
    const startMs = clock.monotonicMs();
    const { block } = await this.#work({ kind: 'compact', job: { path, sources, ulid, segmentBytes } });
    const seconds = (clock.monotonicMs() - startMs) / 1000;
    metrics.compactions.inc();
    metrics.duration.observe(seconds);
    const gone = store.blocks.filter(({ name }) => sources.includes(name));
    if (block === undefined) this.#drop(gone, undefined);
    else await this.#use(ulid, () => this.#drop(gone, ulid));
    const tookMs = Math.round(seconds * 1000);
    const what =
      block === undefined ? 'removed blocks that hold nothing any more' : 'made one block of several';
    logger.info({ block: ulid, sources: sources.join(' '), tookMs }, what);
  }

  async #work(work: StorageJob): ReturnType<StorageWorker['run']> {
    try {
      return await this.#options.worker.run(work);
    } catch (error) {
      if (!(error instanceof InterruptedError)) this.#options.metrics.failed.inc();
      throw error;
    }
  }

  /** Puts a new block in use; one that cannot be read goes again, so that there are not ever more of them. */
  async #use(ulid: string, replace: () => void): Promise<void> {
    const { metrics, store } = this.#options;
    try {
      replace();
    } catch (error) {
      metrics.failed.inc();
      await store.remove([ulid]);
      throw error;
    }
  }

  async #markFailed(sources: readonly string[]): Promise<void> {
    const { logger, store } = this.#options;
    try {
      await store.markFailed(sources);
    } catch (error) {
      logger.warn(
        { sources: sources.join(' ') },
        `blocks could not be marked as failed: ${errorText(error)}`,
      );
    }
  }

  #nowMs(): number {
    return this.#options.clock.monotonicMs();
  }

  /** Takes blocks out of use; their folders go when nobody can be reading them. */
  #drop(blocks: readonly StoredBlock[], added: string | undefined): void {
    const { store, head, clock } = this.#options;
    if (blocks.length === 0 && added === undefined) return;
    const names = blocks.map(({ name }) => name);
    store.replace(names, added);
    head.epochs.retire(() => {
      // Failures are logged there; the next start tries again.
      const removal = clock.track(store.remove(names));
      this.#removals.add(removal);
      void removal.finally(() => this.#removals.delete(removal));
    });
  }

  #ulid(): string {
    const { clock, random } = this.#options;
    return makeUlid(clock.nowMs(), random);
  }

  #maxBlockMs(): number {
    const { maxBlockMs, minBlockMs } = this.#options;
    if (maxBlockMs !== undefined) return Math.max(maxBlockMs, minBlockMs);
    const { timeMs } = this.#retention;
    return timeMs === 0 ? MAX_BLOCK_MS : Math.max(minBlockMs, Math.min(timeMs / 10, MAX_BLOCK_MS));
  }

  async #maxBytes(): Promise<number> {
    const { files, path, logger } = this.#options;
    const { percentage, sizeBytes } = this.#retention;
    if (percentage === 0) return sizeBytes;
    try {
      return ((await files.diskSpace(path)).totalBytes * percentage) / 100;
    } catch (error) {
      const why = errorText(error);
      logger.warn({ path }, `the size of the disk is not known, retention by percentage is left out: ${why}`);
      return sizeBytes;
    }
  }
}
