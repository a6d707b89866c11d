import type { RequestListener } from 'node:http';
import { join } from 'node:path';
import {
  type AlertmanagerPorts,
  type ApiDeps,
  type PrometheusPorts,
  type Readiness,
  createApi,
} from '../api/index.ts';
import { formatDuration } from '../core/duration.ts';
import { errorText } from '../core/errors.ts';
import type { FileSystem } from '../core/ports.ts';
import { parseOptionsOf } from '../promql/index.ts';
import type { Retention } from '../storage/index.ts';
import { HttpListeners, parseListenAddress } from './http-listeners.ts';
import type { TocsinOptions } from './options.ts';
import type { TocsinPorts } from './ports.ts';
import { type Rooms, Tocsin } from './tocsin.ts';
import { PACKAGE_FOLDER, VERSION } from './version.ts';

/** Where Vite puts the web app. */
const UI_FOLDER: string = join(PACKAGE_FOLDER, 'dist', 'ui');

const BUILD_INFO = {
  version: VERSION,
  revision: '',
  branch: '',
  buildUser: '',
  buildDate: '',
  goVersion: `none (Node.js ${process.version})`,
} as const;

/** Address under which browsers and notifications find this process when nobody configured one; no slash at the end. */
export function defaultExternalUrl(options: TocsinOptions, hostname: string): string {
  const [first] = options.listenAddresses;
  const { host, port } = first === undefined ? { host: 'localhost', port: 9090 } : parseListenAddress(first);
  const isEverywhere = host === '' || host === '0.0.0.0' || host === '::';
  const isLoopback = host === '127.0.0.1' || host === '::1';
  const shownHost = isEverywhere
    ? hostname
    : isLoopback
      ? 'localhost'
      : host.includes(':')
        ? `[${host}]`
        : host;
  return `http://${shownHost}:${port}${options.routePrefix}`;
}

/** A {@link Tocsin} with its API and page on real sockets. */
export class TocsinServer {
  readonly tocsin: Tocsin;
  readonly #listeners: HttpListeners;
  readonly #quit: () => void;
  #readiness: Readiness = 'starting';
  #handler: RequestListener | undefined;
  #closeApi: () => Promise<void> = () => Promise.resolve();
  #starting: Promise<void> | undefined;

  private constructor(tocsin: Tocsin, quit: () => void) {
    this.tocsin = tocsin;
    this.#listeners = new HttpListeners(tocsin.ports.clock);
    this.#quit = quit;
  }

  /** Loads the configuration. `quit` is called when somebody asks for the end over HTTP. */
  static async load(options: TocsinOptions, ports: TocsinPorts, quit: () => void): Promise<TocsinServer> {
    const externalUrl = options.externalUrl ?? defaultExternalUrl(options, ports.hostname);
    return new TocsinServer(await Tocsin.load(options, ports, externalUrl), quit);
  }

  /**
   * Listens at once (answering 503 where data is needed), then opens the data and starts the rooms. Rejects with
   * TOCSIN_ERR_CANCELLED when {@link stop} comes before the end.
   */
  start(): Promise<void> {
    this.#starting = this.#startNow();
    return this.#starting;
  }

  async #startNow(): Promise<void> {
    const { options, ports } = this.tocsin;
    const api = createApi(this.#deps());
    await api.ready();
    this.#closeApi = () => api.close();
    this.#handler = (request, response) => {
      api.routing(request, response);
    };
    const bound = await this.#listeners.start(options.listenAddresses, this.#handler, options);
    for (const address of bound) ports.logger.info({ component: 'web', address }, 'Listening on');
    await this.tocsin.start();
    if (this.#readiness === 'starting') this.#readiness = 'ready';
    ports.logger.info({ component: 'web' }, 'Server is ready to receive web requests.');
  }

  /** Ends requests, then the rooms. Idempotent; also after a start that failed, and during one, which it breaks off. */
  async stop(drainMs: number): Promise<void> {
    this.#readiness = 'stopping';
    this.tocsin.interrupt();
    await Promise.allSettled([this.#starting]);
    await this.#listeners.stop(drainMs);
    await this.#closeApi();
    await this.tocsin.stop();
  }

  #deps(): ApiDeps {
    const { tocsin } = this;
    const { options, ports } = tocsin;
    return {
      clock: ports.clock,
      logger: ports.logger.child({ component: 'web' }),
      registry: tocsin.registry,
      options: {
        routePrefix: options.routePrefix,
        externalUrl: tocsin.externalUrl,
        pageTitle: options.pageTitle,
        corsOrigin: options.corsOrigin,
        enableLifecycle: options.enableLifecycle,
        enableAdmin: options.enableAdmin,
        buildInfo: BUILD_INFO,
        flags: options.shownFlags,
        lookbackMs: options.query.lookbackMs,
        appName: 'tocsin',
      },
      readiness: () => this.#readiness,
      prometheus: () => {
        const { rooms } = tocsin;
        return rooms === undefined ? undefined : this.#prometheus(rooms);
      },
      alertmanager: () => {
        const { rooms } = tocsin;
        return rooms === undefined ? undefined : this.#alertmanager(rooms);
      },
      walReplay: () => tocsin.walReplay,
      hasPrometheus: true,
      reload: () => tocsin.reload(),
      quit: this.#quit,
      ui: uiFiles(ports.files),
      onFailure: (name, error) => {
        ports.logger.error({ request: name, err: errorText(error) }, 'Answering a request failed');
      },
    };
  }

  #prometheus(rooms: Rooms): PrometheusPorts {
    const { tocsin } = this;
    const { queries, storage, scrape, rules, outside, alertSide } = rooms;
    return {
      queries: queries.service,
      parseOptions: parseOptionsOf(tocsin.options.promql),
      readable: queries.readable,
      federated: queries.federated,
      storage,
      tsdb: storage,
      receivers: rooms.receivers,
      remoteRead: rooms.remoteRead,
      scrape,
      rules,
      alertmanagers: () => ({
        active: [
          ...(alertSide === undefined ? [] : [`${tocsin.externalUrl}/api/v2/alerts`]),
          ...outside.active(),
        ],
        dropped: outside.dropped(),
      }),
      externalLabels: () => tocsin.config.global.externalLabels,
      configText: () => tocsin.config.printed,
      runtimeInfo: () => this.#runtimeInfo(),
      walReplay: () => tocsin.walReplay,
    };
  }

  #alertmanager(rooms: Rooms): AlertmanagerPorts | undefined {
    const { tocsin } = this;
    const { alertSide } = rooms;
    if (alertSide === undefined) return undefined;
    return {
      plane: alertSide.plane,
      receivers: () => tocsin.config.alertmanager?.notify.receivers ?? [],
      configText: () => tocsin.config.alertmanager?.printed ?? '',
      cluster: () => ({ status: 'disabled', peers: [] }),
      startedAtMs: tocsin.startedAtMs,
      openNotifications: () => alertSide.outbox.openRows(),
    };
  }

  #runtimeInfo(): ReturnType<PrometheusPorts['runtimeInfo']> {
    const { tocsin } = this;
    const iso = (timeMs: number): string => new Date(timeMs).toISOString();
    return {
      startTime: iso(tocsin.startedAtMs),
      CWD: process.cwd(),
      hostname: tocsin.ports.hostname,
      serverTime: iso(tocsin.ports.clock.nowMs()),
      reloadConfigSuccess: tocsin.lastReload.ok,
      lastConfigTime: iso(tocsin.lastReload.atMs),
      corruptionCount: tocsin.rooms?.storage.replay.damagedSegments ?? 0,
      goroutineCount: 0,
      GOMAXPROCS: 1,
      GOMEMLIMIT: 0,
      GOGC: '',
      GODEBUG: '',
      storageRetention: retentionText(tocsin.retention),
    };
  }
}

/** As `/api/v1/status/runtimeinfo` says it. */
function retentionText({ timeMs, sizeBytes, percentage }: Retention): string {
  const parts = timeMs === 0 ? [] : [formatDuration(timeMs)];
  if (percentage > 0) parts.push(`${percentage}%`);
  else if (sizeBytes > 0) parts.push(`${sizeBytes}B`);
  return parts.join(' or ');
}

function uiFiles(files: FileSystem): ApiDeps['ui'] {
  return {
    async read(path) {
      const full = join(UI_FOLDER, path);
      const found = await files.stat(full);
      return found === undefined || found.isDirectory ? undefined : files.readFile(full);
    },
  };
}
