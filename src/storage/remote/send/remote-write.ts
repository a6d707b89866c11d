import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { AuthorizedHttp } from '../../../core/authorized-http.ts';
import type { Clock } from '../../../core/clock.ts';
import { configKey } from '../../../core/config-key.ts';
import { errorText } from '../../../core/errors.ts';
import type { Labels } from '../../../core/labels.ts';
import type { Logger } from '../../../core/log.ts';
import type { Registry } from '../../../core/metrics.ts';
import type { FileSystem, HttpClient, Random } from '../../../core/ports.ts';
import type { Environment } from '../../../core/proxy-choice.ts';
import { TaskScope } from '../../../core/task-scope.ts';
import type { WalPosition } from '../../tsdb/wal/wal-position.ts';
import type { RemoteWriteConfig } from '../config.ts';
import type { SentLog } from './log-feed.ts';
import { RemoteWriteMetrics } from './metrics.ts';
import type { EndpointNames } from './metrics.ts';
import { PositionFile } from './position-file.ts';
import { WriteEndpoint } from './write-endpoint.ts';
import { WriteQueue } from './write-queue.ts';
import type { FamilyMetadata } from './write-request.ts';

/** How often positions are written to the disk. */
const SAVE_MS = 5000;

/** What {@link RemoteWrite} works with. */
export interface RemoteWriteOptions {
  readonly http: HttpClient;
  readonly files: FileSystem;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly registry: Registry;
  readonly environment?: Environment;
  readonly log: SentLog;
  /** Folder that is ours: `<data>/tocsin`. */
  readonly folder: string;
  readonly userAgent: string;
  /** `--storage.remote.flush-deadline`. */
  readonly flushMs: number;
  readonly families: () => readonly FamilyMetadata[];
}

interface Sending {
  readonly key: string;
  readonly fingerprint: string;
  readonly names: EndpointNames;
  readonly queue: WriteQueue;
}

/**
 * Remote write to all configured endpoints, each with its own pace. After a restart each goes on where it was; one that is
 * new begins with what comes from then on, at a start with what this run has logged so far.
 */
export class RemoteWrite {
  readonly #options: RemoteWriteOptions;
  readonly #metrics: RemoteWriteMetrics;
  readonly #positions: PositionFile;
  readonly #tasks: TaskScope;
  #sending: Sending[] = [];
  #isFirst = true;

  constructor(options: RemoteWriteOptions) {
    const { files, folder, logger, registry } = options;
    this.#options = options;
    this.#metrics = new RemoteWriteMetrics(registry);
    this.#positions = new PositionFile(files, join(folder, 'remote-write.json'), logger);
    this.#tasks = new TaskScope((task, error) => {
      logger.error({ err: error, task }, `remote write: ${errorText(error)}`);
    });
  }

  /** Reads where each endpoint was; call it once, before {@link apply}. */
  async start(): Promise<void> {
    const { clock, logger } = this.#options;
    await this.#positions.load();
    this.#tasks.spawn('positions', async (signal) => {
      for (;;) {
        await clock.sleep(SAVE_MS, signal);
        try {
          await clock.track(this.#save());
        } catch (error) {
          logger.error({ err: error }, `remote write cannot note where it is: ${errorText(error)}`);
        }
      }
    });
  }

  /** Takes on a configuration: queues whose part did not change go on, others end and begin anew where they were. */
  async apply(configs: readonly RemoteWriteConfig[], externalLabels: Labels): Promise<void> {
    const wanted = configs.map((config) => {
      const fingerprint = `${configKey(config)} ${externalLabels.key}`;
      const name =
        config.name === ''
          ? digest(`${config.url}${JSON.stringify(config.headers)}`).slice(0, 6)
          : config.name;
      return { config: { ...config, name }, key: `${name} ${digest(config.url).slice(0, 12)}`, fingerprint };
    });
    const keep = this.#sending.filter((one) => wanted.some((next) => next.fingerprint === one.fingerprint));
    const end = this.#sending.filter((one) => !keep.includes(one));
    await Promise.all(end.map((one) => this.#end(one)));
    for (const { names } of end) {
      if (!wanted.some(({ config }) => config.name === names.remote_name && config.url === names.url))
        this.#metrics.remove(names);
    }
    this.#positions.keepOnly(new Set(wanted.map(({ key }) => key)));
    this.#sending = [...keep];
    const ofNew = this.#isFirst ? this.#options.log.start : undefined;
    this.#isFirst = false;
    for (const { config, key, fingerprint } of wanted) {
      if (keep.some((one) => one.fingerprint === fingerprint)) continue;
      const from = this.#positions.get(key) ?? ofNew;
      const queue = this.#queue(config, from, externalLabels);
      queue.start();
      this.#sending.push({ key, fingerprint, names: { remote_name: config.name, url: config.url }, queue });
    }
    // From now on a crash loses nothing, also of endpoints that are new.
    await this.#save();
  }

  /** Sends what was read, within the flush deadline, and notes where everybody is. */
  async stop(): Promise<void> {
    await this.#tasks.stop();
    await Promise.all(this.#sending.map((one) => this.#end(one)));
    this.#sending = [];
    await this.#positions.save();
  }

  async #end({ key, queue }: Sending): Promise<void> {
    await queue.stop(this.#options.flushMs);
    this.#positions.set(key, queue.confirmed);
  }

  async #save(): Promise<void> {
    for (const { key, queue } of this.#sending) this.#positions.set(key, queue.confirmed);
    await this.#positions.save();
  }

  #queue(config: RemoteWriteConfig, from: WalPosition | undefined, externalLabels: Labels): WriteQueue {
    const { http, files, clock, random, logger, environment, log, userAgent, families } = this.#options;
    const authorized = new AuthorizedHttp({
      http,
      files,
      clock,
      random,
      config: config.http,
      anyAddress: config.roundRobinDns,
      ...(environment && { environment }),
    });
    return new WriteQueue({
      config,
      endpoint: new WriteEndpoint(config, authorized, clock, userAgent),
      log,
      files,
      clock,
      random,
      logger: logger.child({ remote_name: config.name }),
      metrics: this.#metrics,
      outgoing: { externalLabels },
      from,
      families,
    });
  }
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
