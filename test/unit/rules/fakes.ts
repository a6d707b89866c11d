import type { Alert, AlertSink, PostedAlert, PutOutcome } from '../../../src/alerts/index.ts';
import { Labels } from '../../../src/core/labels.ts';
import { silentLogger } from '../../../src/core/log.ts';
import { matchesAll } from '../../../src/core/matcher.ts';
import type { Matcher } from '../../../src/core/matcher.ts';
import { createRegistry } from '../../../src/core/metrics.ts';
import { VirtualClock } from '../../../src/core/virtual-clock.ts';
import { NO_STATS, QueryError } from '../../../src/promql/index.ts';
import type {
  QueryEngine,
  QueryOptions,
  QueryResult,
  QueryValue,
  VectorSample,
} from '../../../src/promql/index.ts';
import { DEFAULT_RULE_SETTINGS, RuleManager, parseRuleFile } from '../../../src/rules/index.ts';
import type { RuleManagerOptions, RuleSettings } from '../../../src/rules/index.ts';
import { AppendOutcome, isStale } from '../../../src/storage/index.ts';
import type { Appender, Querier, SampleStorage, SeriesCursor } from '../../../src/storage/index.ts';

interface Series {
  readonly labels: Labels;
  readonly samples: { readonly tMs: number; readonly value: number; readonly stale: boolean }[];
}

/** A storage in memory that does as the seam says; `failCommits` makes it refuse. */
export class FakeStorage implements SampleStorage {
  readonly series: Series[] = [];
  failCommits = false;
  readonly #refs = new Map<string, number>();

  appender(): Appender {
    const pending: (() => void)[] = [];
    const appender: Appender = {
      series: (labels) => {
        let ref = this.#refs.get(labels.key);
        if (ref === undefined) {
          ref = this.series.push({ labels, samples: [] });
          this.#refs.set(labels.key, ref);
        }
        return ref;
      },
      isLive: (ref) => ref <= this.series.length,
      append: (ref, tMs, value) => {
        const { samples } = this.series[ref - 1]!;
        const last = samples.at(-1);
        if (last !== undefined && tMs < last.tMs) return AppendOutcome.outOfOrder;
        if (last !== undefined && tMs === last.tMs) {
          return Object.is(last.value, value) ? AppendOutcome.same : AppendOutcome.duplicate;
        }
        const stale = isStale(value);
        pending.push(() => samples.push({ tMs, value, stale }));
        return AppendOutcome.stored;
      },
      // Rules write floats only; a histogram would be a sample that these tests know nothing of.
      appendRich: (ref, tMs, { value, histogram }) => {
        if (histogram !== undefined) throw new Error('this storage of tests keeps floats only');
        return appender.append(ref, tMs, value);
      },
      appendStartZero: () => undefined,
      appendColumn: () => 0,
      commit: async () => {
        await Promise.resolve();
        if (this.failCommits) throw new Error('disk full');
        for (const append of pending) append();
      },
      rollback: () => {
        pending.length = 0;
      },
    };
    return appender;
  }

  querier(): Querier {
    return {
      select: (matchers: readonly Matcher[]) => {
        const found = this.series.filter(({ labels }) => matchesAll(matchers, labels));
        let at = -1;
        const cursor: SeriesCursor = {
          count: found.length,
          next: () => ++at < found.length,
          labels: () => found[at]!.labels,
          ref: () => at,
          read: (minMs, maxMs, into) => {
            const samples = found[at]!.samples.filter(({ tMs }) => tMs >= minMs && tMs <= maxMs);
            into.clear();
            into.reserve(samples.length);
            samples.forEach(({ tMs, value }, i) => {
              into.timestamps[i] = tMs;
              into.values[i] = value;
            });
            into.length = samples.length;
            return samples.length;
          },
        };
        return Promise.resolve(cursor);
      },
      labelNames: () => Promise.resolve([]),
      labelValues: () => Promise.resolve([]),
      close() {},
    };
  }

  stats(): ReturnType<SampleStorage['stats']> {
    throw new Error('not used here');
  }

  cardinality(): ReturnType<SampleStorage['cardinality']> {
    throw new Error('not used here');
  }

  /** Samples of every series whose text begins so, as `seconds=value`, relative to `originMs`. */
  dump(prefix: string, originMs: number): Record<string, string> {
    const entries = this.series
      .map(({ labels, samples }) => {
        const texts = samples.map(
          ({ tMs, value, stale }) => `${(tMs - originMs) / 1000}=${stale ? 'stale' : value}`,
        );
        return [labels.toString(), texts.join(' ')] as const;
      })
      .filter(([labels, text]) => labels.startsWith(prefix) && text !== '');
    return Object.fromEntries(entries);
  }
}

/** What an expression gives at a time; may take its time or fail. */
export type Answer = (timeMs: number, options: QueryOptions | undefined) => QueryValue | Promise<QueryValue>;

/** A vector of `{labels} value`. */
export function vector(...elements: readonly (readonly [Record<string, string>, number])[]): QueryValue {
  const samples: VectorSample[] = elements.map(([labels, value]) => ({
    labels: Labels.fromObject(labels),
    tMs: 0,
    value,
  }));
  return { type: 'vector', samples };
}

/** Answers expressions from a table and keeps what it was asked. */
export class FakeEngine implements QueryEngine {
  readonly answers = new Map<string, Answer>();
  readonly asked: { readonly expr: string; readonly timeMs: number }[] = [];

  async instant(expr: string, timeMs: number, options?: QueryOptions): Promise<QueryResult> {
    this.asked.push({ expr, timeMs });
    const answer = this.answers.get(expr);
    if (answer === undefined) throw new QueryError('execution', `no answer to ${expr}`);
    const value = await answer(timeMs, options);
    return {
      value,
      warnings: [],
      infos: [],
      stats: NO_STATS,
    };
  }

  range(): Promise<QueryResult> {
    return Promise.reject(new Error('not used here'));
  }
}

function storedAlert(posted: PostedAlert, nowMs: number): Alert {
  return {
    ...posted,
    fingerprint: posted.labels.fingerprint(),
    startsAtMs: posted.startsAtMs ?? nowMs,
    endsAtMs: posted.endsAtMs ?? nowMs,
    updatedAtMs: nowMs,
    timeout: false,
  };
}

/** Keeps what it is handed; `fails` makes it refuse. */
export class FakeSink implements AlertSink {
  readonly puts: { readonly alerts: readonly PostedAlert[]; readonly nowMs: number }[] = [];
  fails = false;

  put(alerts: readonly PostedAlert[], nowMs: number): Promise<PutOutcome[]> {
    if (this.fails) return Promise.reject(new Error('database is locked'));
    this.puts.push({ alerts, nowMs });
    return Promise.resolve(alerts.map((alert) => ({ kind: 'stored', alert: storedAlert(alert, nowMs) })));
  }

  /** `name state start..end` of every alert, times in seconds after `originMs`. */
  lines(originMs: number): string[] {
    return this.puts.flatMap(({ alerts, nowMs }) =>
      alerts.map(({ labels, startsAtMs, endsAtMs }) => {
        const seconds = (ms: number): number => (ms - originMs) / 1000;
        const state = (endsAtMs ?? Infinity) > nowMs ? 'firing' : 'resolved';
        return `@${seconds(nowMs)} ${labels.get('model')} ${state} ${seconds(startsAtMs!)}..${seconds(endsAtMs!)}`;
      }),
    );
  }
}

/** A rule manager with fakes around it. */
export class Fixture {
  readonly clock: VirtualClock;
  readonly engine = new FakeEngine();
  readonly storage: FakeStorage;
  readonly sink = new FakeSink();
  readonly registry = createRegistry();
  readonly manager: RuleManager;

  constructor(
    options: {
      startMs?: number;
      storage?: FakeStorage;
      settings?: Partial<RuleSettings>;
      prepare?: RuleManagerOptions['prepare'];
    } = {},
  ) {
    this.clock = new VirtualClock(options.startMs ?? 1_700_000_000_000);
    this.storage = options.storage ?? new FakeStorage();
    this.manager = new RuleManager({
      clock: this.clock,
      logger: silentLogger,
      registry: this.registry,
      engine: this.engine,
      storage: this.storage,
      sink: this.sink,
      settings: {
        ...DEFAULT_RULE_SETTINGS,
        externalLabels: Labels.fromObject({ region: 'eu' }),
        externalUrl: 'http://t',
        ...options.settings,
      },
      prepare: options.prepare ?? ((labels) => labels),
      onFailure: (name, error) => {
        throw new Error(`${name} failed`, { cause: error });
      },
    });
  }

  async load(yaml: string): Promise<void> {
    await this.manager.update(parseRuleFile(yaml, 'r.yml'));
  }

  /** Advances to just after the next slot and gives it. */
  async nextSlot(): Promise<number> {
    const before = this.engine.asked.length;
    while (this.engine.asked.length === before) await this.clock.advanceTo(this.clock.nextTimerMs()!);
    return this.clock.nowMs();
  }

  async metric(name: string): Promise<number> {
    const metric = await this.registry.getSingleMetric(name)?.get();
    return metric?.values.reduce((sum, { value }) => sum + Number(value), 0) ?? NaN;
  }
}
