import { DatabaseSync } from 'node:sqlite';
import type { TocsinOptions } from '../../src/app/options.ts';
import type { TocsinPorts } from '../../src/app/ports.ts';
import { Tocsin } from '../../src/app/tocsin.ts';
import { SeededRandom } from '../../src/core/seeded-random.ts';
import { FakeDns } from '../../src/core/testing/fake-dns.ts';
import { FakePrograms } from '../../src/core/testing/fake-programs.ts';
import { createLogger } from '../../src/core/system/pino-logger.ts';
import { SqliteDatabase } from '../../src/core/system/sqlite-database.ts';
import { MemoryFileSystem } from '../../src/core/testing/memory-file-system.ts';
import { VirtualClock } from '../../src/core/virtual-clock.ts';
import { TEST_OPTIONS } from './options.ts';
import { type Plan, makePlan } from './plan.ts';
import type { Timing } from './check.ts';
import { type Arrival, World, targetName } from './world.ts';

/** A moment of no importance. */
const START_MS = Date.UTC(2026, 0, 5, 8, 0, 0);

/** Timing of the simulated configuration. */
export const TIMING: Timing = {
  scrapeMs: 30_000,
  evaluationMs: 30_000,
  forMs: 120_000,
  groupWaitMs: 30_000,
  groupIntervalMs: 300_000,
  repeatMs: 4 * 60 * 60_000,
};

const RULES = `
groups:
  - name: sim
    rules:
      - record: job:error_ratio:max
        expr: max by (job) (error_ratio)
      - alert: ErrorRatioHigh
        expr: error_ratio > 0.3
        for: 2m
        labels: { severity: critical }
        annotations: { summary: '{{ $labels.instance }} fails {{ $value | humanizePercentage }}' }
      - alert: TargetDown
        expr: up == 0
        for: 2m
        labels: { severity: warning }
`;

function configText(targets: number): string {
  return JSON.stringify({
    global: { scrape_interval: '30s', evaluation_interval: '30s' },
    rule_files: ['/etc/rules.yml'],
    scrape_configs: [
      {
        job_name: 'sim',
        static_configs: [{ targets: Array.from({ length: targets }, (_, i) => targetName(i)) }],
      },
    ],
    alertmanager: {
      route: {
        receiver: 'hook',
        group_by: ['alertname', 'instance'],
        group_wait: '30s',
        group_interval: '5m',
        repeat_interval: '4h',
      },
      receivers: [{ name: 'hook', webhook_configs: [{ url: 'http://receiver/alerts' }] }],
    },
  });
}

/** Options of the simulated program. */
export const OPTIONS: TocsinOptions = { ...TEST_OPTIONS, configFile: '/etc/tocsin.yml', dataPath: '/data' };

/** What a run did. */
export interface SimulationResult {
  readonly plan: Plan;
  readonly arrivals: readonly Arrival[];
  /** Everything that was logged and everything that arrived, in order. */
  readonly log: readonly string[];
  readonly scrapes: number;
}

/** The machine that outlives the program's runs: its disk, its database file, its network. */
export class Machine {
  readonly clock = new VirtualClock(START_MS);
  readonly files = new MemoryFileSystem(() => this.clock.nowMs());
  readonly log: string[] = [];
  readonly #database = new DatabaseSync(':memory:');
  readonly #random: SeededRandom;
  readonly #world: World;
  readonly #options: TocsinOptions;
  #runs = 0;
  #view: SqliteDatabase | undefined;

  constructor(random: SeededRandom, world: (clock: VirtualClock) => World, options = OPTIONS) {
    this.#options = options;
    this.#random = random;
    this.#world = world(this.clock);
  }

  async boot(): Promise<Tocsin> {
    this.#runs++;
    this.#view = SqliteDatabase.over(this.#database);
    const view = this.#view;
    const { clock, files } = this;
    const pid = this.#runs;
    const logger = createLogger(
      clock,
      { write: (line) => this.log.push(line) },
      { level: 'warn', format: 'json' },
    );
    const ports: TocsinPorts = {
      clock,
      files,
      logger,
      http: this.#world.network,
      dns: new FakeDns(),
      programs: new FakePrograms(),
      random: this.#random.fork(),
      mailer: { send: () => Promise.reject(new Error('nobody mails here')) },
      console: { write: () => undefined },
      openState: () => view,
      environment: {},
      hostname: 'sim',
      process: { pid, isAlive: (other) => other === pid },
    };
    const tocsin = await Tocsin.load(this.#options, ports, 'http://tocsin');
    await tocsin.start();
    return tocsin;
  }

  /** What kill -9 leaves: what the program had handed to the system, and nothing that runs. */
  kill(): void {
    this.#view?.abandon();
    this.clock.abandonTimers();
  }
}

/** Runs a whole tocsin, scrape to receiver, through a plan drawn from a seed; all on a virtual clock. */
export async function simulate(seed: number, durationMs: number, targets: number): Promise<SimulationResult> {
  const random = new SeededRandom(seed);
  const plan = makePlan(random.fork(), durationMs, targets);
  let world: World | undefined;
  const machine = new Machine(random.fork(), (clock) => {
    world = new World(clock, plan);
    return world;
  });
  const { clock, files } = machine;
  files.put('/etc/tocsin.yml', configText(targets));
  files.put('/etc/rules.yml', RULES);
  let tocsin = await machine.boot();
  const events = [
    ...plan.restarts.map((restart) => ({ ...restart, what: 'restart' as const })),
    ...plan.reloads.map((atMs) => ({ atMs, what: 'reload' as const })),
  ].sort((a, b) => a.atMs - b.atMs);
  for (const event of events) {
    await clock.advanceTo(Math.max(clock.nowMs(), START_MS + event.atMs));
    if (event.what === 'reload') {
      const reload = tocsin.reload();
      await clock.settle();
      await reload;
      continue;
    }
    if (event.kind === 'kill') machine.kill();
    else {
      let stopped = false;
      const stopping = tocsin.stop().then(() => {
        stopped = true;
      });
      // Stopping may have to wait for requests under way, which end on the clock.
      while (!stopped) await clock.advanceBy(100);
      await stopping;
    }
    await clock.advanceBy(event.downMs);
    const booting = machine.boot();
    await clock.settle();
    tocsin = await booting;
  }
  // Hours without faults, in which everything must come to rest.
  await clock.advanceTo(START_MS + durationMs + 3 * 60 * 60_000);
  const { arrivals } = world!;
  const told = arrivals.map((arrival) => JSON.stringify(arrival));
  return { plan, arrivals, log: [...machine.log, ...told], scrapes: world!.scrapes };
}
