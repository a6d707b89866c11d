import {
  MatcherParser,
  type Alert,
  type AlertQuery,
  type Silence,
  type SilenceDraft,
} from '../../../src/alerts/index.ts';
import type { AlertmanagerPorts, ApiDeps, ApiOptions, PrometheusPorts } from '../../../src/api/index.ts';
import { Labels } from '../../../src/core/labels.ts';
import { silentLogger } from '../../../src/core/log.ts';
import { Matcher, matchesAll } from '../../../src/core/matcher.ts';
import { createRegistry } from '../../../src/core/metrics.ts';
import { VirtualClock } from '../../../src/core/virtual-clock.ts';
import {
  LocalQueryService,
  NO_STATS,
  QueryMonitor,
  type QueryEngine,
  type QueryOptions,
  type QueryResult,
} from '../../../src/promql/index.ts';
import type { Querier, SampleBuffer, SeriesCursor } from '../../../src/storage/index.ts';

export const NOW_MS: number = Date.UTC(2024, 4, 1, 10, 0, 0);
export const labels = (object: Record<string, string>): Labels => Labels.fromObject(object);

/** A series of {@link fakeStorage}. */
export interface FakeSeries {
  readonly labels: Labels;
  readonly samples: readonly (readonly [tMs: number, value: number])[];
}

class FakeCursor implements SeriesCursor {
  readonly #series: readonly FakeSeries[];
  #at = -1;

  constructor(series: readonly FakeSeries[]) {
    this.#series = series;
  }

  get count(): number {
    return this.#series.length;
  }

  next(): boolean {
    this.#at += 1;
    return this.#at < this.#series.length;
  }

  labels(): Labels {
    return this.#series[this.#at]!.labels;
  }

  ref(): number {
    return this.#at + 1;
  }

  read(minMs: number, maxMs: number, into: SampleBuffer): number {
    into.length = 0;
    for (const [tMs, value] of this.#series[this.#at]!.samples) {
      if (tMs < minMs || tMs > maxMs) continue;
      into.timestamps[into.length] = tMs;
      into.values[into.length] = value;
      into.length += 1;
    }
    return into.length;
  }
}

function fakeStorage(
  series: readonly FakeSeries[],
): PrometheusPorts['storage'] & PrometheusPorts['readable'] {
  const fitting = (matchers: readonly Matcher[]): FakeSeries[] =>
    series.filter((one) => matchesAll(matchers, one.labels));
  const querier: Querier = {
    select: (matchers) => Promise.resolve(new FakeCursor(fitting(matchers))),
    labelNames: (matchers) =>
      Promise.resolve([...new Set(fitting(matchers).flatMap((one) => one.labels.names()))].sort()),
    labelValues: (name, matchers) =>
      Promise.resolve(
        [...new Set(fitting(matchers).map((one) => one.labels.get(name)))]
          .filter((value) => value !== '')
          .sort(),
      ),
    close() {},
  };
  return {
    querier: () => querier,
    stats: () => ({
      seriesCount: series.length,
      chunkCount: 3,
      sampleCount: 10,
      labelPairCount: 7,
      minTimeMs: 1000,
      maxTimeMs: 2000,
      bytes: 100,
    }),
    cardinality: (limit) => ({
      seriesCountByMetricName: [{ name: 'up', value: 2 }].slice(0, limit),
      labelValueCountByLabelName: [],
      memoryInBytesByLabelName: [],
      seriesCountByLabelValuePair: [],
    }),
  };
}

/** Remembers what it was asked and answers what it is told to. */
class FakeEngine implements QueryEngine {
  readonly asked: unknown[] = [];
  readonly origins: unknown[] = [];
  answer: () => Promise<QueryResult> = () => Promise.resolve(result({ type: 'vector', samples: [] }));

  instant(expr: string, timeMs: number, options: QueryOptions = {}): Promise<QueryResult> {
    this.#note(['instant', expr, timeMs], options);
    return this.answer();
  }

  range(
    expr: string,
    startMs: number,
    endMs: number,
    stepMs: number,
    options: QueryOptions = {},
  ): Promise<QueryResult> {
    this.#note(['range', expr, startMs, endMs, stepMs], options);
    return this.answer();
  }

  #note(call: unknown[], { signal: _signal, origin, ...options }: QueryOptions): void {
    this.origins.push(origin);
    this.asked.push([...call, options]);
  }
}

export function result(
  value: QueryResult['value'],
  warnings: string[] = [],
  infos: string[] = [],
): QueryResult {
  return {
    value,
    warnings,
    infos,
    stats: {
      ...NO_STATS,
      samplesRead: 5,
      totalSamples: 7,
      peakSamples: 3,
      seriesRead: 2,
      timings: { ...NO_STATS.timings, evalTotalMs: 1500 },
    },
  };
}

/** Alerts and silences in memory; only as much of the plane as the API asks for. */
class FakePlane implements Omit<AlertmanagerPorts['plane'], 'groups'> {
  readonly matcherParser = new MatcherParser();
  readonly posted: unknown[] = [];
  readonly asked: AlertQuery[] = [];
  alertViews: Awaited<ReturnType<AlertmanagerPorts['plane']['alerts']>> = [];
  groupViews: Awaited<ReturnType<AlertmanagerPorts['plane']['groups']>> = [];
  readonly drafts: SilenceDraft[] = [];
  readonly known = new Map<string, Silence>();
  readonly store: AlertmanagerPorts['plane']['store'] = {
    put: (alerts) => {
      this.posted.push(...alerts);
      return Promise.resolve(
        alerts.map((alert) =>
          alert.labels.size === 0
            ? { kind: 'invalid', reason: 'at least one label pair required' }
            : { kind: 'stored', alert: alert as unknown as Alert },
        ),
      );
    },
  };

  readonly silences: AlertmanagerPorts['plane']['silences'] = {
    set: (draft) => {
      this.drafts.push(draft);
      if (draft.id !== undefined && !this.known.has(draft.id)) return Promise.resolve({ kind: 'not_found' });
      if (draft.endsAtMs < NOW_MS) {
        const reason = "Failed to create silence: end time can't be in the past";
        return Promise.resolve({ kind: 'invalid', reason });
      }
      return Promise.resolve({ kind: 'set', silence: SILENCE });
    },
    expire: (id) => Promise.resolve(this.known.has(id)),
    get: (id) => this.known.get(id),
    query: ({ states }) =>
      states === undefined || states.includes('active') ? [...this.known.values()] : [],
  };

  alerts(query: AlertQuery): ReturnType<AlertmanagerPorts['plane']['alerts']> {
    this.asked.push(query);
    return Promise.resolve(this.alertViews);
  }

  groups(query: AlertQuery): ReturnType<AlertmanagerPorts['plane']['groups']> {
    this.asked.push(query);
    return Promise.resolve(this.groupViews);
  }
}

export const SILENCE: Silence = {
  id: '11111111-1111-4111-8111-111111111111',
  matcherSets: [[new Matcher('a', '=', 'b'), new Matcher('c', '!~', 'd.*')]],
  startsAtMs: NOW_MS - 1000,
  endsAtMs: NOW_MS + 3_600_000,
  updatedAtMs: NOW_MS - 1000,
  createdBy: 'ann',
  comment: 'maintenance',
  annotations: {},
};

const BUILD_INFO = {
  version: '0.1.0',
  revision: '',
  branch: '',
  buildUser: '',
  buildDate: '',
  goVersion: 'node v26',
};

const OPTIONS: ApiOptions = {
  routePrefix: '',
  externalUrl: 'http://localhost:9090',
  pageTitle: 'tocsin <1>',
  corsOrigin: '.*',
  enableLifecycle: false,
  buildInfo: BUILD_INFO,
  flags: { 'web.enable-lifecycle': 'false' },
  lookbackMs: 300_000,
  appName: 'tocsin',
};

/** Everything fake that an API needs, open to change by tests. */
export class Fakes {
  readonly clock = new VirtualClock(NOW_MS);
  readonly engine = new FakeEngine();
  readonly monitor = new QueryMonitor({ clock: this.clock });
  readonly queries = new LocalQueryService(this.engine, this.monitor, this.clock);
  readonly plane = new FakePlane();
  readonly failures: unknown[] = [];
  readonly calls: string[] = [];
  tsdb: PrometheusPorts['tsdb'] = {
    blocks: [],
    admin: {
      deleteSeries: (matchers, minMs, maxMs) =>
        this.#told(`delete {${matchers.join(',')}} ${minMs}..${maxMs}`),
      cleanTombstones: () => this.#told('clean'),
      snapshot: async (skipHead) => {
        await this.#told(`snapshot ${skipHead ? 'without' : 'with'} head`);
        return '20260101T000000Z-00ff';
      },
    },
  };
  /** What the next call of an admin route fails with. */
  adminError: Error | undefined;
  series: readonly FakeSeries[] = [];
  readiness: 'starting' | 'ready' | 'stopping' = 'ready';
  hasEmbedded = true;
  reloadError: Error | undefined;
  groups: ReturnType<PrometheusPorts['rules']['groups']> = [];
  activeAlerts: ReturnType<PrometheusPorts['rules']['activeAlerts']> = [];
  targets: ReturnType<PrometheusPorts['scrape']['targets']> = { active: [], dropped: [], droppedCounts: {} };
  targetMetadata: ReturnType<PrometheusPorts['scrape']['targetMetadata']> = [];
  openNotifications: ReturnType<AlertmanagerPorts['openNotifications']> = [];
  uiFiles: Record<string, string> = {
    'index.html': '<html><base href="/" /><title>tocsin</title></html>',
    'assets/main-1a2b.js': 'console.log(1)',
  };

  deps(options: Partial<ApiOptions> = {}, hasPrometheus = true): ApiDeps {
    return {
      clock: this.clock,
      logger: silentLogger,
      registry: createRegistry(),
      options: { ...OPTIONS, ...options },
      hasPrometheus,
      readiness: () => this.readiness,
      walReplay: () => ({ min: 0, max: 3, current: 2 }),
      prometheus: () => (this.readiness === 'ready' ? this.#prometheus() : undefined),
      alertmanager: () => (this.readiness === 'ready' && this.hasEmbedded ? this.#alertmanager() : undefined),
      reload: () => {
        this.calls.push('reload');
        return this.reloadError === undefined ? Promise.resolve() : Promise.reject(this.reloadError);
      },
      quit: () => {
        this.calls.push('quit');
      },
      ui: {
        read: (path) => {
          const text = this.uiFiles[path];
          return Promise.resolve(text === undefined ? undefined : new TextEncoder().encode(text));
        },
      },
      onFailure: (_name, error) => {
        this.failures.push(error);
      },
    };
  }

  #told(call: string): Promise<void> {
    this.calls.push(call);
    return this.adminError === undefined ? Promise.resolve() : Promise.reject(this.adminError);
  }

  #prometheus(): PrometheusPorts {
    return {
      queries: this.queries,
      readable: fakeStorage(this.series),
      storage: fakeStorage(this.series),
      tsdb: this.tsdb,
      scrape: {
        scrapePools: () => ['a', 'b'],
        targets: () => this.targets,
        targetMetadata: () => this.targetMetadata,
      },
      rules: { groups: () => this.groups, activeAlerts: () => this.activeAlerts },
      alertmanagers: () => ({ active: ['http://localhost:9090/api/v2/alerts'], dropped: [] }),
      externalLabels: () => labels({ cluster: 'c1' }),
      configText: () => 'global: {}\n',
      runtimeInfo: () => ({
        startTime: '2024-05-01T09:00:00Z',
        CWD: '/srv',
        hostname: 'host',
        serverTime: '2024-05-01T10:00:00Z',
        reloadConfigSuccess: true,
        lastConfigTime: '2024-05-01T09:00:00Z',
        corruptionCount: 0,
        goroutineCount: 0,
        GOMAXPROCS: 2,
        GOMEMLIMIT: 0,
        GOGC: '',
        GODEBUG: '',
        storageRetention: '15d',
      }),
      walReplay: () => ({ min: 0, max: 3, current: 3 }),
    };
  }

  #alertmanager(): AlertmanagerPorts {
    return {
      plane: this.plane,
      receivers: () => [
        { name: 'team-a', labels: { team: 'a' } },
        { name: 'team-b', labels: {} },
      ],
      configText: () => 'route: {}\n',
      cluster: () => ({ status: 'ready', peers: [{ name: 'me', address: '127.0.0.1:9094' }] }),
      startedAtMs: NOW_MS - 60_000,
      openNotifications: () => this.openNotifications,
    };
  }
}
