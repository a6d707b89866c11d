import type { AlertPlaneFlags } from '../alerts/index.ts';
import type { PromqlFeatures } from '../promql/index.ts';
import type { ScrapeFeatures, Shard } from '../scrape/index.ts';
import type { StartTimes, WriteMessage } from '../storage/index.ts';

/** `--storage.remote.read-…`; see RemoteReadServerOptions. */
interface RemoteReadFlags {
  readonly maxSamples: number;
  readonly maxConcurrent: number;
  readonly maxFrameBytes: number;
}

/** How a tocsin runs: what its flags say. Durations in milliseconds. */
export interface TocsinOptions {
  /** undefined looks for the default names. */
  readonly configFile: string | undefined;
  readonly alertmanagerConfigFile: string | undefined;
  readonly dataPath: string;
  readonly lockDataFolder: boolean;
  /** undefined leaves it to the configuration, else 15 days. */
  readonly retentionMs: number | undefined;
  /** Most bytes of blocks and log; undefined leaves it to the configuration. */
  readonly retentionBytes?: number | undefined;
  /** `--storage.tsdb.min-block-duration`; undefined is 2 hours. */
  readonly minBlockMs?: number | undefined;
  /** `--storage.tsdb.max-block-duration`; undefined is a tenth of the retention, 31 days at most. */
  readonly maxBlockMs?: number | undefined;
  /** Most bytes of a file of chunks; undefined is 512 MiB. */
  readonly chunkSegmentBytes?: number | undefined;
  /** Whole pages of 32 KiB; undefined is 128 MiB. */
  readonly walSegmentBytes?: number | undefined;
  /** How records of the write-ahead log are compressed; undefined is snappy. */
  readonly walCompression?: 'none' | 'snappy' | 'zstd';
  /** Memory in use from which on new series are refused, 0 is no limit; undefined is three quarters of what the process may have. */
  readonly memoryLimitBytes?: number | undefined;
  /** `host:port`, `:port`; empty when nothing listens (simulation). */
  readonly listenAddresses: readonly string[];
  /** Without trailing slash. undefined is `http://<host>:<port>/`. */
  readonly externalUrl: string | undefined;
  /** '' or `/prefix`. */
  readonly routePrefix: string;
  readonly pageTitle: string;
  readonly corsOrigin: string;
  readonly readTimeoutMs: number;
  readonly maxConnections: number;
  readonly enableLifecycle: boolean;
  /** `--web.enable-admin-api`; no when absent. */
  readonly enableAdmin?: boolean;
  readonly autoReload: boolean;
  readonly autoReloadIntervalMs: number;
  readonly rules: {
    readonly outageToleranceMs: number;
    readonly gracePeriodMs: number;
    readonly resendDelayMs: number;
  };
  readonly query: {
    readonly lookbackMs: number;
    readonly timeoutMs: number;
    readonly maxConcurrency: number;
    readonly maxSamples: number;
    /** Longest stretch of a query in the main thread without giving other work a turn; 10 ms when absent. */
    readonly sliceMs?: number;
  };
  /** Features of the query language, for queries and rules alike. */
  readonly promql: PromqlFeatures;
  readonly outsideAlertmanagers: {
    readonly queueCapacity: number;
    readonly maxBatchSize: number;
    readonly drainOnShutdown: boolean;
  };
  readonly alerts: AlertPlaneFlags;
  /** What is taken that others send; nothing when absent. */
  readonly receive?: {
    /** Messages of remote write; undefined takes none. */
    readonly remoteWrite: readonly WriteMessage[] | undefined;
    readonly otlp: boolean;
    /** Whether OTLP's deltas are stored as they are. */
    readonly allowDelta: boolean;
    readonly starts: StartTimes;
    readonly typeAndUnitLabels: boolean;
    readonly storeMetadata: boolean;
  };
  /** How chunks of floats are encoded where the configuration does not say; xor when absent. */
  readonly floatEncoding?: 'xor' | 'xor2';
  /** Whether start timestamps are stored, which chunks of xor can't have; no when absent. */
  readonly storesStarts?: boolean;
  /** Whether exemplars are kept; no when absent. */
  readonly exemplarStorage?: boolean;
  readonly extraScrapeMetrics: boolean;
  /** Features of scraping; none when absent. */
  readonly scrape?: ScrapeFeatures;
  /** `--scrape.shard`; all targets when absent. */
  readonly shard?: Shard;
  /** How long a stop tries to send what remote write has read; then it goes out after the next start. */
  readonly remoteFlushMs: number;
  /** Bounds of remote reads; {@link DEFAULT_REMOTE_READ} when absent. */
  readonly remoteRead?: RemoteReadFlags;
  /** For `/api/v1/status/flags`. */
  readonly shownFlags: Readonly<Record<string, string>>;
}

/** Retention when nobody says. */
export const DEFAULT_RETENTION_MS: number = 15 * 24 * 60 * 60 * 1000;

/** Bounds of remote reads when nobody says. */
export const DEFAULT_REMOTE_READ: RemoteReadFlags = {
  maxSamples: 5e7,
  maxConcurrent: 10,
  maxFrameBytes: 1024 * 1024,
};
