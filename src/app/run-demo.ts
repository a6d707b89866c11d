import { join } from 'node:path';
import { DEFAULT_ALERT_PLANE_FLAGS } from '../alerts/index.ts';
import { SeededRandom } from '../core/seeded-random.ts';
import type { LogLevel } from '../core/system/pino-logger.ts';
import { DEFAULT_SCENARIO, FleetServer, type RunningServer, createFleet } from '../demo/index.ts';
import { promqlFeatures } from '../promql/index.ts';
import { writeDemoFiles } from './demo-files.ts';
import { parseListenAddress } from './http-listeners.ts';
import type { TocsinOptions } from './options.ts';
import { type TocsinPorts, createSystemPorts, prepareDataFolder } from './ports.ts';
import { runUntilStopped } from './run.ts';

/** Where the demo keeps what it writes, below the working folder. */
export const DEMO_DATA_PATH = 'data/demo';

/** The simulated model servers. */
export interface DemoServersOptions {
  readonly seed: number;
  /** `host:port` of the first; port 0 takes free ones. */
  readonly listenAddress: string;
}

/** The whole demo. */
export interface DemoOptions {
  readonly servers: DemoServersOptions;
  readonly listenAddress: string;
  readonly routePrefix: string;
  readonly dataPath: string;
  /** Keep what an earlier demo left. */
  readonly resume: boolean;
  readonly logLevel: string;
  readonly shownFlags: Readonly<Record<string, string>>;
}

async function startFleet(
  ports: TocsinPorts,
  options: DemoServersOptions,
): Promise<[FleetServer, RunningServer[]]> {
  const { host, port } = parseListenAddress(options.listenAddress);
  const fleet = createFleet(new SeededRandom(options.seed), DEFAULT_SCENARIO, ports.clock.nowMs());
  const server = new FleetServer(ports.clock, host === '' ? '0.0.0.0' : host);
  return [server, await server.start(fleet, port)];
}

/** Runs only the model servers until a signal comes; resolves to the exit code. */
export async function runDemoServers(options: DemoServersOptions): Promise<number> {
  const ports = createSystemPorts({ level: 'info', format: 'logfmt' });
  const [server, running] = await startFleet(ports, options);
  for (const { server: model, address } of running) {
    ports.console.write(`${model.replica.padEnd(18)} http://${address}/metrics\n`);
  }
  await new Promise<void>((resolve) => {
    process.once('SIGINT', () => {
      resolve();
    });
    process.once('SIGTERM', () => {
      resolve();
    });
  });
  await server.stop();
  return 0;
}

function demoOptions(options: DemoOptions, configFile: string): TocsinOptions {
  return {
    configFile,
    alertmanagerConfigFile: undefined,
    dataPath: options.dataPath,
    lockDataFolder: true,
    retentionMs: undefined,
    listenAddresses: [options.listenAddress],
    externalUrl: undefined,
    routePrefix: options.routePrefix,
    pageTitle: 'tocsin demo',
    corsOrigin: '.*',
    readTimeoutMs: 5 * 60_000,
    maxConnections: 512,
    enableLifecycle: true,
    autoReload: true,
    autoReloadIntervalMs: 5000,
    remoteFlushMs: 60_000,
    rules: { outageToleranceMs: 60 * 60_000, gracePeriodMs: 10 * 60_000, resendDelayMs: 60_000 },
    query: { lookbackMs: 5 * 60_000, timeoutMs: 2 * 60_000, maxConcurrency: 20, maxSamples: 50_000_000 },
    outsideAlertmanagers: { queueCapacity: 10_000, maxBatchSize: 256, drainOnShutdown: true },
    alerts: DEFAULT_ALERT_PLANE_FLAGS,
    promql: promqlFeatures(new Set()),
    extraScrapeMetrics: false,
    shownFlags: options.shownFlags,
  };
}

function welcome(url: string, servers: readonly RunningServer[], configFile: string): string {
  const models = servers.map(
    ({ server, address }) => `    ${server.replica.padEnd(18)} http://${address}/metrics`,
  );
  return [
    '',
    `  tocsin is running: ${url}`,
    '',
    '  It scrapes these simulated model servers every 2 seconds:',
    ...models,
    '',
    `  Its configuration: ${configFile}`,
    '',
    '  What will happen (and again every 4 minutes):',
    '    about 0:25  fraud-detector fails requests       ModelErrorRatioHigh   resolved by about 1:20',
    '    about 1:35  support-chat is slow                LlmFirstTokenSlow     resolved by about 2:30',
    '    about 3:00  fraud-detector gets other inputs    ModelFeatureDrift     resolved by about 4:15',
    '',
    '  Notifications appear below. Ctrl-C stops.',
    '',
    '',
  ].join('\n');
}

/** `tocsin demo`: model servers and a tocsin that looks after them, until a signal comes; resolves to the exit code. */
export async function runDemo(options: DemoOptions): Promise<number> {
  const ports = createSystemPorts({ level: options.logLevel as LogLevel, format: 'logfmt' });
  const { files } = ports;
  parseListenAddress(options.listenAddress);
  if (!options.resume && (await isDemoFolder(ports, options.dataPath))) await files.remove(options.dataPath);
  await prepareDataFolder(files, options.dataPath);
  const [fleet, running] = await startFleet(ports, options.servers);
  try {
    const { host, port } = parseListenAddress(options.listenAddress);
    const own = { address: `${host === '' ? '127.0.0.1' : host}:${port}`, routePrefix: options.routePrefix };
    const configFile = await writeDemoFiles(files, options.dataPath, running, own);
    return await runUntilStopped(demoOptions(options, configFile), ports, (server) => {
      ports.console.write(welcome(`${server.tocsin.externalUrl}/`, running, configFile));
      return Promise.resolve();
    });
  } finally {
    await fleet.stop();
  }
}

/** Only a folder that a demo wrote is emptied: somebody may name another by mistake. */
async function isDemoFolder(ports: TocsinPorts, path: string): Promise<boolean> {
  return (await ports.files.stat(join(path, 'targets'))) !== undefined;
}
