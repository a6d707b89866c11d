import { TocsinError, errorText } from '../core/errors.ts';
import type { LogFormat, LogLevel } from '../core/system/pino-logger.ts';
import { letYoungGenerationGrow } from '../core/system/young-generation.ts';
import { ConfigWatcher } from './config-watcher.ts';
import { collectProcessMetrics } from './metrics.ts';
import type { TocsinOptions } from './options.ts';
import { type TocsinPorts, createSystemPorts } from './ports.ts';
import { TocsinServer } from './server.ts';
import { VERSION } from './version.ts';

/** What `tocsin serve` is told besides its options. */
export interface ServeLogging {
  readonly level: string;
  readonly format: string;
  /** Lines to log once at the start. */
  readonly warnings: readonly string[];
}

/** Time from a signal to the end of requests that are being answered. */
const DRAIN_MS = 5000;

/** Runs a tocsin on the machine until SIGINT, SIGTERM or `/-/quit`; resolves to the exit code. */
export async function runServe(options: TocsinOptions, logging: ServeLogging): Promise<number> {
  const ports = createSystemPorts({ level: logging.level as LogLevel, format: logging.format as LogFormat });
  for (const warning of logging.warnings) ports.logger.warn({}, warning);
  return runUntilStopped(options, ports, async () => {
    letYoungGenerationGrow();
  });
}

/**
 * Starts a server, calls `onReady`, waits for the end, stops in order. Failures of the start are thrown; SIGHUP reloads.
 */
export async function runUntilStopped(
  options: TocsinOptions,
  ports: TocsinPorts,
  onReady: (server: TocsinServer) => Promise<void>,
): Promise<number> {
  const { logger } = ports;
  const ended = Promise.withResolvers<string>();
  const onSignal = (signal: NodeJS.Signals): void => {
    ended.resolve(`received ${signal}`);
  };
  const server = await TocsinServer.load(options, ports, () => {
    ended.resolve('asked to quit over HTTP');
  });
  logger.info({ version: VERSION, node: process.version, pid: ports.process.pid }, 'Starting tocsin');
  const onHangUp = (): void => {
    // The reload has logged what was wrong.
    server.tocsin.reload().catch(() => undefined);
  };
  const watcher = new ConfigWatcher(ports.clock, options.autoReloadIntervalMs, () => reloadIfChanged(server));
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  process.on('SIGHUP', onHangUp);
  try {
    collectProcessMetrics(server.tocsin.registry);
    const starting = server.start();
    // Who stops it early waits for the end of the start below.
    starting.catch(() => undefined);
    const isReady = await Promise.race([starting.then(() => true), ended.promise.then(() => false)]);
    if (isReady) {
      if (options.autoReload) watcher.start();
      await onReady(server);
    }
    logger.info({ reason: await ended.promise }, 'Stopping');
  } finally {
    await watcher.stop();
    await server.stop(DRAIN_MS);
    await ports.http.close();
    process.off('SIGINT', onSignal);
    process.off('SIGTERM', onSignal);
    process.off('SIGHUP', onHangUp);
  }
  logger.info({}, 'See you next time');
  return 0;
}

async function reloadIfChanged(server: TocsinServer): Promise<void> {
  const { tocsin } = server;
  try {
    if ((await tocsin.filesChanged()) === true) await tocsin.reload();
  } catch (error) {
    // The reload has logged what was wrong; anything else is a bug that must be seen.
    if (!(error instanceof TocsinError)) {
      tocsin.ports.logger.error({ err: errorText(error) }, 'Looking for changed files failed');
    }
  }
}
