import { DatabaseSync } from 'node:sqlite';
import { Labels } from '../../../src/core/labels.ts';
import { silentLogger } from '../../../src/core/log.ts';
import type { Logger } from '../../../src/core/log.ts';
import { createRegistry } from '../../../src/core/metrics.ts';
import type { Registry } from '../../../src/core/metrics.ts';
import { SeededRandom } from '../../../src/core/seeded-random.ts';
import { SqliteDatabase } from '../../../src/core/system/sqlite-database.ts';
import { requireYaml } from '../../../src/core/validate-yaml.ts';
import { VirtualClock } from '../../../src/core/virtual-clock.ts';
import { parseYaml } from '../../../src/core/yaml.ts';
import { AlertPlane, createAlertsSchemas } from '../../../src/alerts/index.ts';
import type {
  Alert,
  AlertPlaneFlags,
  AlertsConfig,
  Flush,
  FlushContext,
  FlushParts,
  PostedAlert,
  RouteConfig,
} from '../../../src/alerts/index.ts';
import { StateStore } from '../../../src/storage/index.ts';

/** 2026-01-05, a Monday. */
export const START_MS = Date.UTC(2026, 0, 5);
export const SECOND_MS = 1000;
export const MINUTE_MS = 60_000;

export function routeOf(yaml: string): RouteConfig {
  return requireYaml(parseYaml(yaml, 'test.yml'), createAlertsSchemas().route);
}

export function configOf(parts: { route: string; inhibit?: string; intervals?: string }): AlertsConfig {
  const schemas = createAlertsSchemas();
  return {
    route: routeOf(parts.route),
    inhibitRules: requireYaml(parseYaml(parts.inhibit ?? '[]', 'test.yml'), schemas.inhibitRules),
    timeIntervals: requireYaml(parseYaml(parts.intervals ?? '[]', 'test.yml'), schemas.timeIntervals),
    resolveTimeoutMs: 300_000,
  };
}

/** `a=b c=d` → labels. */
export function labelsOf(text: string): Labels {
  return Labels.fromEntries(
    text
      .split(' ')
      .filter(Boolean)
      .map((pair): [string, string] => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]),
  );
}

export function posted(labels: string, times: { startsAtMs?: number; endsAtMs?: number } = {}): PostedAlert {
  return { labels: labelsOf(labels), annotations: Labels.EMPTY, generatorUrl: '', ...times };
}

export interface FlushRecord {
  /** Seconds since the start. */
  readonly at: number;
  readonly groupKey: string;
  readonly context: FlushContext;
  /** alertname, `!` behind it when it fires. */
  readonly alerts: string;
}

/** A plane on a virtual clock with a database that outlives crashes. */
export class TestPlane {
  readonly clock: VirtualClock;
  readonly flushes: FlushRecord[] = [];
  readonly database: DatabaseSync;
  readonly #random = new SeededRandom(1);
  registry: Registry = createRegistry();
  plane!: AlertPlane;
  state!: StateStore;
  parts!: FlushParts;
  #sql!: SqliteDatabase;
  /** Counts crashes; what belongs to an earlier life is dead. */
  #life = 0;
  /** What the pipeline does; 'done' unless told otherwise. */
  onFlush: Flush = () => Promise.resolve({ kind: 'done' });

  constructor(startMs = START_MS) {
    this.clock = new VirtualClock(startMs);
    this.database = new DatabaseSync(':memory:');
  }

  async start(
    config: AlertsConfig,
    flags: Partial<AlertPlaneFlags> = {},
    logger: Logger = silentLogger,
  ): Promise<this> {
    this.registry = createRegistry();
    this.#sql = SqliteDatabase.over(this.database);
    this.state = await StateStore.open(this.#sql, this.clock.nowMs());
    this.plane = new AlertPlane({
      clock: this.clock,
      state: this.state,
      random: this.#random,
      logger,
      registry: this.registry,
      flags,
      onFailure: (_name, error) => {
        throw error;
      },
    });
    await this.plane.start(this.setup(config), this.clock.nowMs());
    return this;
  }

  setup(config: AlertsConfig) {
    return {
      config,
      createFlush: (parts: FlushParts): Flush => {
        this.parts = parts;
        const life = this.#life;
        return (context, alerts) => {
          if (life !== this.#life) return Promise.resolve({ kind: 'failed', error: new Error('crashed') });
          this.flushes.push({
            at: (context.nowMs - START_MS) / 1000,
            groupKey: context.groupKey,
            context,
            alerts: alerts.map((alert) => describeAlert(alert)).join(' '),
          });
          return this.onFlush(context, alerts);
        };
      },
    };
  }

  /** What a killed process leaves. */
  crash(): void {
    this.#life++;
    this.#sql.abandon();
  }

  /** Puts alerts at the present time. */
  async put(...alerts: PostedAlert[]): Promise<void> {
    await this.plane.store.put(alerts, this.clock.nowMs());
  }

  /** Moves on to `seconds` after the start. */
  async to(seconds: number): Promise<void> {
    await this.clock.advanceTo(START_MS + seconds * 1000);
  }

  /** Flushes since the last call: `30 A! B!`. */
  takeFlushes(): string[] {
    return this.flushes.splice(0).map((flush) => `${flush.at} ${flush.alerts}`);
  }
}

export function describeAlert(alert: Alert): string {
  return `${alert.labels.get('alertname')}${alert.endsAtMs === Infinity ? '!' : ''}`;
}
