import { waitFor } from '../../../core/clock.ts';
import type { Clock } from '../../../core/clock.ts';
import { TocsinError, errorText } from '../../../core/errors.ts';
import type { Logger } from '../../../core/log.ts';
import type { FileSystem, Random } from '../../../core/ports.ts';
import { TaskScope } from '../../../core/task-scope.ts';
import { listWal } from '../../tsdb/wal/wal-folder.ts';
import { isBefore } from '../../tsdb/wal/wal-position.ts';
import type { WalPosition } from '../../tsdb/wal/wal-position.ts';
import { WalTail } from '../../tsdb/wal/wal-tail.ts';
import type { RemoteWriteConfig } from '../config.ts';
import { LogFeed } from './log-feed.ts';
import type { SentLog } from './log-feed.ts';
import type { RemoteWriteMetrics } from './metrics.ts';
import type { OutgoingBatch } from './outgoing-batch.ts';
import { SmoothedRate, desiredShards } from './send-rate.ts';
import { SendProgress } from './send-progress.ts';
import type { OutgoingLabels } from './series-table.ts';
import { Shard } from './shard.ts';
import type { WriteEndpoint } from './write-endpoint.ts';
import { WriteRequestWriter } from './write-request.ts';
import type { FamilyMetadata } from './write-request.ts';

/** How often the number of shards is thought over. */
const RESHARD_MS = 10_000;
/** How long a reading task works before it gives others a turn. */
const SLICE_MS = 8;
/** What the disk does not give of the log is asked for so often, and with so much time between, before it is passed over. */
const READ_TRIES = 3;
const READ_AGAIN_MS = 1000;

/** What a {@link WriteQueue} is made of. */
export interface WriteQueueOptions {
  readonly config: RemoteWriteConfig;
  readonly endpoint: WriteEndpoint;
  readonly log: SentLog;
  readonly files: FileSystem;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: RemoteWriteMetrics;
  readonly outgoing: Pick<OutgoingLabels, 'externalLabels'>;
  /** Where an earlier run ended; the end of the log when it is not known. */
  readonly from: WalPosition | undefined;
  /** Metadata of what is scraped at present. */
  readonly families: () => readonly FamilyMetadata[];
}

/**
 * Sends what the log holds to one endpoint: reads behind the log's writer, sorts by series into shards, sends their batches
 * until they are through. Reading stops while the shards are full: the log is the buffer, however long an endpoint is away.
 *
 * @see prometheus storage/remote/queue_manager.go
 */
export class WriteQueue {
  readonly #options: WriteQueueOptions;
  readonly #labels: { readonly remote_name: string; readonly url: string };
  readonly #tasks: TaskScope;
  readonly #feed: LogFeed;
  readonly #progress: SendProgress;
  readonly #from: WalPosition;
  readonly #rates = {
    in: new SmoothedRate(),
    out: new SmoothedRate(),
    dropped: new SmoothedRate(),
    duration: new SmoothedRate(),
  };
  /** Where the log ended at the start: up to here samples may go out a second time. */
  readonly #resentTo: WalPosition;
  /** Marks below this are of records before {@link #resentTo}. */
  #resentMarks = 0;
  /** Wakes whoever waits for room in the shards: there is some when a batch is taken out of one. */
  #onRoom: (() => void) | undefined;
  /** Requests that wait for another try. */
  #retrying = 0;
  #onRetry: (() => void) | undefined;
  #shards: Shard[] = [];
  #shardRuns: Promise<void>[] = [];
  #wanted: number;
  #highestInMs = -Infinity;
  #highestSentMs = -Infinity;

  constructor(options: WriteQueueOptions) {
    this.#options = options;
    const { config, log, outgoing, logger, metrics } = options;
    this.#labels = { remote_name: config.name, url: config.url };
    this.#from = options.from ?? log.progress.position;
    this.#resentTo = log.progress.position;
    this.#progress = new SendProgress(this.#from);
    this.#wanted = config.queue.minShards;
    this.#tasks = new TaskScope((task, error) => {
      logger.error(
        { err: error, task, remote_name: config.name },
        `remote write stopped: ${errorText(error)}`,
      );
    });
    this.#feed = new LogFeed({
      config,
      outgoing: { externalLabels: outgoing.externalLabels, relabelConfigs: config.relabelConfigs },
      progress: this.#progress,
      shard: ({ hash }) => this.#shards[hash % this.#shards.length]!,
      nowMs: () => options.clock.nowMs(),
      took: (tMs) => {
        this.#rates.in.add(1);
        if (tMs > this.#highestInMs) this.#highestInMs = tMs;
      },
      dropped: (reason) => {
        this.#rates.dropped.add(1);
        metrics.samplesDropped.inc({ ...this.#labels, reason });
      },
    });
    metrics.shardsMin.set(this.#labels, config.queue.minShards);
    metrics.shardsMax.set(this.#labels, config.queue.maxShards);
    metrics.shardCapacity.set(this.#labels, config.queue.capacity);
    metrics.maxSamplesPerSend.set(this.#labels, config.queue.maxSamplesPerSend);
    metrics.samples.inc(this.#labels, 0);
  }

  /** Everything of the log before this has been dealt with. */
  get confirmed(): WalPosition {
    return this.#progress.confirmed;
  }

  /** Items that wait to be sent. */
  get pending(): number {
    return this.#shards.reduce((sum, shard) => sum + shard.pending, 0);
  }

  start(): void {
    this.#startShards(this.#wanted);
    this.#tasks.spawn('reading the log', (signal) => this.#read(signal));
    this.#tasks.spawn('number of shards', (signal) => this.#reshard(signal));
    const { metadata, message } = this.#options.config;
    if (metadata.send && message === 'prometheus.WriteRequest') {
      this.#tasks.spawn('metadata', (signal) => this.#sendMetadata(signal));
    }
  }

  /**
   * Sends what was read, for `flushMs` at most and as long as the endpoint takes it, then ends. What was not sent is in the
   * log, and is sent after the next start.
   */
  async stop(flushMs: number): Promise<void> {
    const { clock } = this.#options;
    for (const shard of this.#shards) shard.close();
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = clock.setTimer(clock.nowMs() + flushMs, resolve);
    this.#onRetry = resolve;
    if (this.#retrying > 0) resolve();
    await Promise.race([Promise.allSettled(this.#shardRuns), promise]);
    timer.cancel();
    await this.#tasks.stop();
  }

  #startShards(count: number): void {
    const { config, clock, metrics } = this.#options;
    const shards = Array.from({ length: count }, () => {
      const writer = new WriteRequestWriter(config.message);
      return new Shard(config.queue, clock, (batch, signal) => {
        this.#onRoom?.();
        return this.#deliver(batch, writer, signal);
      });
    });
    this.#shards = shards;
    this.#shardRuns = shards.map((shard, i) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#tasks.spawn(`shard ${i}`, (signal) => shard.run(signal).finally(resolve));
      return promise;
    });
    metrics.shards.set(this.#labels, count);
  }

  async #read(signal: AbortSignal): Promise<void> {
    const { log, files, clock, logger, config } = this.#options;
    const from = this.#from;
    const hold = log.hold(from.segment);
    await this.#feed.followCheckpoint(files, log.folder, () => clock.yieldTurn());
    const tail = new WalTail({
      files,
      folder: log.folder,
      from: { segment: await firstSegment(files, log.folder, from), offset: 0 },
      log: log.progress,
      onLoss: ({ reason, from: lostFrom, to }) => {
        logger.error(
          { remote_name: config.name, from: lostFrom, to },
          `a part of the log cannot be sent: ${reason}`,
        );
      },
    });
    try {
      await this.#follow(tail, hold, signal);
    } finally {
      hold.release();
      await tail.close();
    }
  }

  async #follow(tail: WalTail, hold: ReturnType<SentLog['hold']>, signal: AbortSignal): Promise<void> {
    const { log, clock, files } = this.#options;
    let sinceMs = clock.monotonicMs();
    let { segment } = tail.position;
    for (;;) {
      signal.throwIfAborted();
      if (tail.position.segment !== segment) {
        ({ segment } = tail.position);
        await this.#feed.followCheckpoint(files, log.folder, () => clock.yieldTurn());
      }
      const record = await this.#next(tail, signal);
      if (record === undefined) {
        await progressed(log, tail, signal);
        continue;
      }
      const { position } = tail;
      const isNew = isBefore(this.#from, position);
      if (isNew && !isBefore(this.#resentTo, position)) this.#resentMarks++;
      this.#take(record, position, isNew);
      hold.moveTo(this.confirmed.segment);
      await this.#room(signal);
      if (clock.monotonicMs() - sinceMs > SLICE_MS) {
        await clock.yieldTurn();
        sinceMs = clock.monotonicMs();
      }
    }
  }

  /** The next record that can be had: sending goes on behind what can't. */
  async #next(tail: WalTail, signal: AbortSignal): Promise<Uint8Array | undefined> {
    for (let tries = 1; ; tries++) {
      try {
        return await tail.next();
      } catch (error) {
        if (!(error instanceof TocsinError)) throw error;
        // What follows a bad page is mostly as bad: of that each is tried once.
        if (tries >= READ_TRIES) tail.passOver(`it could not be read: ${errorText(error)}`);
        else await this.#options.clock.sleep(READ_AGAIN_MS, signal);
      }
    }
  }

  /** A record that is not understood costs only itself. */
  #take(record: Uint8Array, position: WalPosition, isNew: boolean): void {
    try {
      this.#feed.record(record, position, isNew);
    } catch (error) {
      if (!(error instanceof TocsinError)) throw error;
      const { logger, config } = this.#options;
      logger.error(
        { remote_name: config.name, to: position },
        `a record of the log cannot be sent: ${errorText(error)}`,
      );
    }
  }

  /** Waits while the shards are full, and changes their number when that is wanted. */
  async #room(signal: AbortSignal): Promise<void> {
    const { config, metrics } = this.#options;
    if (this.#wanted !== this.#shards.length) {
      for (const shard of this.#shards) shard.close();
      await Promise.all(this.#shardRuns);
      signal.throwIfAborted();
      this.#startShards(this.#wanted);
    }
    while (this.#shards.some((shard) => shard.pending >= config.queue.capacity)) {
      metrics.enqueueRetries.inc(this.#labels);
      await waitFor(signal, (resolve) => {
        this.#onRoom = resolve;
        return () => {
          this.#onRoom = undefined;
        };
      });
      signal.throwIfAborted();
    }
  }

  async #reshard(signal: AbortSignal): Promise<void> {
    const { clock, config, metrics } = this.#options;
    for (;;) {
      await clock.sleep(RESHARD_MS, signal);
      const rates = this.#rates;
      for (const rate of Object.values(rates)) rate.tick(RESHARD_MS / 1000);
      const delayMs = this.#highestInMs - this.#highestSentMs;
      this.#wanted = desiredShards({
        inRate: rates.in.rate,
        outRate: rates.out.rate,
        droppedRate: rates.dropped.rate,
        outDuration: rates.duration.rate,
        delaySeconds: Number.isFinite(delayMs) ? delayMs / 1000 : 0,
        shards: this.#shards.length,
        minShards: config.queue.minShards,
        maxShards: config.queue.maxShards,
      });
      metrics.shardsDesired.set(this.#labels, this.#wanted);
    }
  }

  async #deliver(batch: OutgoingBatch, writer: WriteRequestWriter, signal: AbortSignal): Promise<void> {
    const { metrics, clock, logger } = this.#options;
    const startMs = clock.monotonicMs();
    const samples = batch.length - batch.exemplars.size;
    let isRetried = false;
    const outcome = await this.#send(writer.batch(batch), signal, (reason) => {
      metrics.samplesRetried.inc(this.#labels, samples);
      if (!isRetried) this.#tellFailed(batch, reason);
      isRetried = true;
    });
    if (outcome.kind === 'refused') this.#tellFailed(batch, outcome.reason);
    const tookSeconds = (clock.monotonicMs() - startMs) / 1000;
    this.#rates.duration.add(tookSeconds);
    this.#rates.out.add(batch.length);
    metrics.sentBatchDuration.observe(this.#labels, tookSeconds);
    if (outcome.kind === 'refused') {
      const middle = this.#whereToSplit(batch);
      if (middle !== undefined) {
        await this.#deliver(batch.part(0, middle), writer, signal);
        await this.#deliver(batch.part(middle, batch.length), writer, signal);
        return;
      }
    }
    if (outcome.kind === 'sent') {
      let histograms = 0;
      for (const { histogram } of batch.rich.values()) if (histogram !== undefined) histograms++;
      metrics.samples.inc(this.#labels, samples - histograms);
      metrics.histograms.inc(this.#labels, histograms);
      metrics.exemplars.inc(this.#labels, batch.exemplars.size);
      metrics.bytes.inc(this.#labels, outcome.bytes);
    } else if (batch.marks[0]! < this.#resentMarks) {
      logger.info(
        { samples: batch.length },
        `samples from before the restart were refused, they went out already: ${outcome.reason}`,
      );
    } else {
      metrics.samplesFailed.inc(this.#labels, samples);
      logger.error(
        { samples: batch.length },
        `the endpoint refused samples, they are dropped: ${outcome.reason}`,
      );
    }
    for (let i = 0; i < batch.length; i++) {
      this.#progress.done(batch.marks[i]!);
      if (batch.times[i]! > this.#highestSentMs) this.#highestSentMs = batch.times[i]!;
    }
    metrics.highestSent.set(this.#labels, this.#highestSentMs / 1000);
    metrics.position.set(this.#labels, this.confirmed.segment);
  }

  /** Tells what was in a request that failed, where `failed_request_logging` asks for that. */
  #tellFailed(batch: OutgoingBatch, reason: string): void {
    const { config, logger } = this.#options;
    if (!config.logFailedRequests || config.message === 'prometheus.WriteRequest') return;
    const req = Array.from({ length: batch.length }, (_, i) => {
      return `${batch.series[i]!.labels.toString()} ${batch.times[i]!}`;
    });
    logger.debug({ req: req.join('; '), err: reason }, 'Failed to send remote write v2 request');
  }

  /**
   * Where to cut a batch that was refused, undefined when that leads nowhere. Right after a start some samples go out that
   * the endpoint may have already: it refuses those that are older than its newest, and what is new among them with them. So
   * the records are sent one by one.
   */
  #whereToSplit({ marks, length }: OutgoingBatch): number | undefined {
    if (marks[0]! >= this.#resentMarks) return undefined;
    const middle = length >>> 1;
    for (let distance = 0; distance <= middle; distance++) {
      for (const at of [middle - distance, middle + distance]) {
        if (at > 0 && at < length && marks[at] !== marks[at - 1]) return at;
      }
    }
    return undefined;
  }

  /** Sends a body until it is taken or refused for good. */
  async #send(
    body: Uint8Array,
    signal: AbortSignal,
    onRetry: (reason: string) => void,
  ): Promise<
    { readonly kind: 'sent'; readonly bytes: number } | { readonly kind: 'refused'; readonly reason: string }
  > {
    const { endpoint, clock, random, logger, config } = this.#options;
    let backoffMs = config.queue.minBackoffMs;
    for (let attempt = 0; ; attempt++) {
      const outcome = await endpoint.send(body, signal, attempt);
      if (outcome.kind !== 'retry') return outcome;
      onRetry(outcome.reason);
      // Shards that failed together must not come again together.
      const waitMs = outcome.afterMs ?? backoffMs * (0.75 + random.next() / 2);
      if (attempt === 0 || attempt % 10 === 9) {
        const next = `next try in ${Math.round(waitMs)} ms`;
        logger.warn({ remote_name: config.name, attempt }, `sending failed, ${next}: ${outcome.reason}`);
      }
      this.#retrying++;
      this.#onRetry?.();
      try {
        await clock.sleep(waitMs, signal);
      } finally {
        this.#retrying--;
      }
      backoffMs = Math.min(backoffMs * 2, config.queue.maxBackoffMs);
    }
  }

  async #sendMetadata(signal: AbortSignal): Promise<void> {
    const { clock, config, metrics, families, logger } = this.#options;
    const writer = new WriteRequestWriter('prometheus.WriteRequest');
    for (;;) {
      await clock.sleep(config.metadata.sendIntervalMs, signal);
      const all = families();
      for (let from = 0; from < all.length; from += config.metadata.maxSamplesPerSend) {
        const part = all.slice(from, from + config.metadata.maxSamplesPerSend);
        const outcome = await this.#send(writer.metadata(part), signal, () => undefined);
        if (outcome.kind === 'sent') metrics.metadata.inc(this.#labels, part.length);
        else {
          metrics.metadataFailed.inc(this.#labels, part.length);
          logger.warn({ remote_name: config.name }, `the endpoint refused metadata: ${outcome.reason}`);
        }
      }
    }
  }
}

/** Series that later records need may be named in any segment that is still there. */
async function firstSegment(files: FileSystem, folder: string, from: WalPosition): Promise<number> {
  const { segments } = await listWal(files, folder);
  return Math.min(segments[0] ?? from.segment, from.segment);
}

/** Until the log has more than the tail has given, or the signal is aborted. */
function progressed(log: SentLog, tail: WalTail, signal: AbortSignal): Promise<void> {
  return waitFor(signal, (resolve) => {
    const end = log.progress.onProgress(resolve);
    if (isBefore(tail.position, log.progress.position)) resolve();
    return end;
  });
}
