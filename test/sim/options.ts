import { DEFAULT_ALERT_PLANE_FLAGS } from '../../src/alerts/index.ts';
import type { TocsinOptions } from '../../src/app/options.ts';
import { promqlFeatures } from '../../src/promql/index.ts';

/** Options of a tocsin without sockets; defaults otherwise. */
export const TEST_OPTIONS: TocsinOptions = {
  configFile: undefined,
  alertmanagerConfigFile: undefined,
  dataPath: '/data',
  lockDataFolder: true,
  retentionMs: undefined,
  listenAddresses: [],
  externalUrl: undefined,
  routePrefix: '',
  pageTitle: 'tocsin',
  corsOrigin: '.*',
  readTimeoutMs: 1,
  maxConnections: 1,
  enableLifecycle: false,
  autoReload: false,
  autoReloadIntervalMs: 1,
  remoteFlushMs: 60_000,
  rules: { outageToleranceMs: 3_600_000, gracePeriodMs: 600_000, resendDelayMs: 60_000 },
  query: { lookbackMs: 300_000, timeoutMs: 120_000, maxConcurrency: 20, maxSamples: 50_000_000 },
  outsideAlertmanagers: { queueCapacity: 10_000, maxBatchSize: 256, drainOnShutdown: true },
  alerts: DEFAULT_ALERT_PLANE_FLAGS,
  promql: promqlFeatures(new Set()),
  extraScrapeMetrics: false,
  shownFlags: {},
};
