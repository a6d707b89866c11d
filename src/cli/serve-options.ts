import type { TocsinOptions } from '../app/index.ts';
import { TocsinError } from '../core/errors.ts';
import { sizeSchema } from '../core/schema.ts';
import { promqlFeatures } from '../promql/index.ts';
import { parseShard, scrapeFeatures } from '../scrape/index.ts';
import { WRITE_MESSAGES } from '../storage/index.ts';
import type { ParsedFlags } from './flag-set.ts';

const MIB = 1024 * 1024;

/** `/a/b` from what people write: `a/b/`, `/a/b`, `/`. '' is no prefix. */
export function normalisePrefix(text: string): string {
  const inner = text.replaceAll(/^\/+|\/+$/g, '');
  return inner === '' ? '' : `/${inner}`;
}

/** Checks `--web.external-url`; a host without scheme gets `http://`. '' is undefined. No slash at the end. */
export function parseExternalUrl(text: string): string | undefined {
  if (text === '') return undefined;
  const url = URL.parse(text.includes('://') ? text : `http://${text}`);
  if (url === null || !['http:', 'https:'].includes(url.protocol)) {
    throw new TocsinError('TOCSIN_ERR_USAGE', `--web.external-url=${text} is not an http or https URL`);
  }
  return `${url.origin}${normalisePrefix(url.pathname)}`;
}

/** A flag with a size, in bytes; undefined when it is not given. */
function bytes(flags: ParsedFlags, name: string): number | undefined {
  const text = flags.text(name);
  if (text === '') return undefined;
  const { data, error } = sizeSchema.safeParse(text);
  if (error === undefined) return data;
  const why = error.issues.map(({ message }) => message).join('; ');
  throw new TocsinError('TOCSIN_ERR_USAGE', `--${name}=${text}: ${why}`);
}

/** `--storage.tsdb.wal-segment-size` in bytes, whole pages of 32 KiB; undefined when it is not given. */
function walSegmentBytes(flags: ParsedFlags): number | undefined {
  const data = bytes(flags, 'storage.tsdb.wal-segment-size');
  if (data === undefined) return undefined;
  if (data < 10 * MIB || data > 256 * MIB) {
    throw new TocsinError(
      'TOCSIN_ERR_USAGE',
      `--storage.tsdb.wal-segment-size=${flags.text('storage.tsdb.wal-segment-size')} must be between 10MB and 256MB`,
    );
  }
  return data - (data % (32 * 1024));
}

function walCompression(flags: ParsedFlags): 'none' | 'snappy' | 'zstd' {
  const kind = flags.text('storage.tsdb.wal-compression-type');
  if (kind !== 'snappy' && kind !== 'zstd') {
    throw new TocsinError(
      'TOCSIN_ERR_USAGE',
      `--storage.tsdb.wal-compression-type=${kind} must be snappy or zstd`,
    );
  }
  return flags.isOn('storage.tsdb.wal-compression') ? kind : 'none';
}

function orUndefined(text: string): string | undefined {
  return text === '' ? undefined : text;
}

/** What is taken that others send. */
function receivers(flags: ParsedFlags, features: ReadonlySet<string>): NonNullable<TocsinOptions['receive']> {
  const messages: readonly string[] = flags.list('web.remote-write-receiver.accepted-protobuf-messages');
  return {
    remoteWrite: flags.isOn('web.enable-remote-write-receiver')
      ? WRITE_MESSAGES.filter((message) => messages.includes(message))
      : undefined,
    otlp: flags.isOn('web.enable-otlp-receiver'),
    allowDelta: features.has('otlp-native-delta-ingestion'),
    starts: features.has('st-storage')
      ? 'stored'
      : features.has('created-timestamp-zero-ingestion')
        ? 'zeroes'
        : 'ignored',
    typeAndUnitLabels: features.has('type-and-unit-labels'),
    storeMetadata: features.has('metadata-wal-records'),
  };
}

/** What the flags of `tocsin serve` mean. Throws TOCSIN_ERR_USAGE for values that make no sense. */
export function optionsFromFlags(flags: ParsedFlags, features: ReadonlySet<string>): TocsinOptions {
  const externalUrl = parseExternalUrl(flags.text('web.external-url'));
  const routePrefix = flags.isGiven('web.route-prefix')
    ? normalisePrefix(flags.text('web.route-prefix'))
    : normalisePrefix(externalUrl === undefined ? '' : new URL(externalUrl).pathname);
  const retention = flags.isGiven('storage.tsdb.retention.time')
    ? flags.durationMs('storage.tsdb.retention.time')
    : flags.isGiven('storage.tsdb.retention')
      ? flags.durationMs('storage.tsdb.retention')
      : undefined;
  return {
    configFile: orUndefined(flags.text('config.file')),
    alertmanagerConfigFile: orUndefined(flags.text('alertmanager.config.file')),
    dataPath: flags.text('storage.tsdb.path'),
    lockDataFolder: !flags.isOn('storage.tsdb.no-lockfile'),
    retentionMs: retention,
    retentionBytes: bytes(flags, 'storage.tsdb.retention.size'),
    minBlockMs: flags.durationMs('storage.tsdb.min-block-duration'),
    maxBlockMs: flags.isGiven('storage.tsdb.max-block-duration')
      ? flags.durationMs('storage.tsdb.max-block-duration')
      : undefined,
    chunkSegmentBytes: bytes(flags, 'storage.tsdb.max-block-chunk-segment-size'),
    walSegmentBytes: walSegmentBytes(flags),
    walCompression: walCompression(flags),
    memoryLimitBytes: bytes(flags, 'storage.memory-limit'),
    listenAddresses: flags.list('web.listen-address'),
    externalUrl,
    routePrefix,
    pageTitle: flags.text('web.page-title'),
    corsOrigin: flags.text('web.cors.origin'),
    readTimeoutMs: flags.durationMs('web.read-timeout'),
    maxConnections: flags.integer('web.max-connections'),
    enableLifecycle: flags.isOn('web.enable-lifecycle'),
    enableAdmin: flags.isOn('web.enable-admin-api'),
    autoReload: flags.isOn('config.auto-reload') || features.has('auto-reload-config'),
    autoReloadIntervalMs: flags.durationMs('config.auto-reload-interval'),
    remoteRead: {
      maxSamples: flags.integer('storage.remote.read-sample-limit'),
      maxConcurrent: flags.integer('storage.remote.read-concurrent-limit'),
      maxFrameBytes: flags.integer('storage.remote.read-max-bytes-in-frame'),
    },
    remoteFlushMs: flags.durationMs('storage.remote.flush-deadline'),
    rules: {
      outageToleranceMs: flags.durationMs('rules.alert.for-outage-tolerance'),
      gracePeriodMs: flags.durationMs('rules.alert.for-grace-period'),
      resendDelayMs: flags.durationMs('rules.alert.resend-delay'),
    },
    query: {
      lookbackMs: flags.durationMs('query.lookback-delta'),
      timeoutMs: flags.durationMs('query.timeout'),
      maxConcurrency: flags.integer('query.max-concurrency'),
      maxSamples: flags.integer('query.max-samples'),
    },
    outsideAlertmanagers: {
      queueCapacity: flags.integer('alertmanager.notification-queue-capacity'),
      maxBatchSize: flags.integer('alertmanager.notification-batch-size'),
      drainOnShutdown: flags.isOn('alertmanager.drain-notification-queue-on-shutdown'),
    },
    alerts: {
      retentionMs: flags.durationMs('alertmanager.data.retention'),
      maintenanceIntervalMs: flags.durationMs('alertmanager.data.maintenance-interval'),
      gcIntervalMs: flags.durationMs('alertmanager.alerts.gc-interval'),
      perAlertnameLimit: flags.integer('alertmanager.alerts.per-alertname-limit'),
      dispatchStartDelayMs: flags.durationMs('alertmanager.dispatch.start-delay'),
      maxSilences: flags.integer('alertmanager.silences.max-silences'),
      maxSilenceSizeBytes: flags.integer('alertmanager.silences.max-silence-size-bytes'),
      logSilences: false,
    },
    promql: promqlFeatures(features),
    receive: receivers(flags, features),
    floatEncoding: features.has('xor2-encoding') ? 'xor2' : 'xor',
    storesStarts: features.has('st-storage'),
    exemplarStorage: features.has('exemplar-storage'),
    extraScrapeMetrics: features.has('extra-scrape-metrics'),
    scrape: scrapeFeatures(features),
    ...shardOf(flags),
    shownFlags: flags.all(),
  };
}

/** `--scrape.shard`. */
function shardOf(flags: ParsedFlags): Partial<Pick<TocsinOptions, 'shard'>> {
  const text = flags.text('scrape.shard');
  if (text === '') return {};
  const shard = parseShard(text);
  if (shard !== undefined) return { shard };
  throw new TocsinError(
    'TOCSIN_ERR_USAGE',
    `flag '--scrape.shard' must be i/n, with i from 0 to n - 1 (as 0/3, 1/3 and 2/3 for three processes), not ${JSON.stringify(text)}`,
  );
}
