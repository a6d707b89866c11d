import { DatabaseSync } from 'node:sqlite';
import type { TocsinOptions } from '../../../src/app/options.ts';
import type { TocsinPorts } from '../../../src/app/ports.ts';
import { Tocsin } from '../../../src/app/tocsin.ts';
import type { SqlDatabase } from '../../../src/core/ports.ts';
import { SeededRandom } from '../../../src/core/seeded-random.ts';
import { FakeDns } from '../../../src/core/testing/fake-dns.ts';
import { FakePrograms } from '../../../src/core/testing/fake-programs.ts';
import { createLogger } from '../../../src/core/system/pino-logger.ts';
import { SqliteDatabase } from '../../../src/core/system/sqlite-database.ts';
import { FakeNetwork } from '../../../src/core/testing/fake-network.ts';
import { MemoryFileSystem } from '../../../src/core/testing/memory-file-system.ts';
import { VirtualClock } from '../../../src/core/virtual-clock.ts';
import { TEST_OPTIONS } from '../../sim/options.ts';
import type { HeldFiles } from '../../support/held-files.ts';

/** When every test's time begins. */
export const START_MS: number = Date.UTC(2026, 0, 5, 8, 0, 0);

/** Where the machine keeps the configuration. */
export const CONFIG_FILE = '/etc/tocsin/tocsin.yml';

/** An alert as a webhook or an Alertmanager outside is told of it. */
export interface ToldAlert {
  readonly status?: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** What arrived somewhere. */
export interface Arrival {
  readonly atMs: number;
  readonly alerts: readonly ToldAlert[];
}

/** One rule that fires when a model's errors stay high for 30 s. */
export const RULES = `groups:
  - name: models
    rules:
      - { alert: HighErrors, expr: error_ratio > 0.3, for: 30s, labels: { severity: critical } }
`;

/** The parts that most tests share; JSON is YAML. */
export const BASE = {
  global: { scrape_interval: '10s', evaluation_interval: '10s' },
  rule_files: ['rules.yml'],
  scrape_configs: [{ job_name: 'models', static_configs: [{ targets: ['model:8000'] }] }],
} as const;

/** An Alertmanager configuration with one webhook. */
export const TO_HOOK = {
  route: {
    receiver: 'hook',
    group_by: ['alertname'],
    group_wait: '10s',
    group_interval: '1m',
    repeat_interval: '4h',
  },
  receivers: [{ name: 'hook', webhook_configs: [{ url: 'http://hook/alerts' }] }],
} as const;

/** A machine in memory: disk, database and network outlive the program's runs. */
export class Machine {
  readonly clock = new VirtualClock(START_MS);
  readonly files = new MemoryFileSystem(() => this.clock.nowMs());
  readonly network = new FakeNetwork();
  /** Log lines of level info and above. */
  readonly log: { readonly level: string; readonly msg: string; readonly err?: string }[] = [];
  readonly database = new DatabaseSync(':memory:');
  /** Databases that were opened and not yet closed. */
  openDatabases = 0;
  printed = '';
  /** How the next program sees the files, when not as they are. */
  held: HeldFiles | undefined;
  /** What the model says of itself. */
  errorRatio = 0.01;
  scrapes = 0;
  #runs = 0;

  constructor() {
    this.network.serve('model:8000', () => {
      this.scrapes++;
      return {
        status: 200,
        headers: { 'content-type': 'text/plain' },
        body: `error_ratio ${this.errorRatio}\n`,
      };
    });
    this.files.put('/etc/tocsin/rules.yml', RULES);
  }

  configure(config: object): void {
    this.files.put(CONFIG_FILE, JSON.stringify(config, undefined, 1));
  }

  /** Takes POSTs on a host; `alertsOf` finds the alerts in the body. */
  listen(host: string): Arrival[] {
    const arrivals: Arrival[] = [];
    this.network.serve(host, (request) => {
      const text = typeof request.body === 'string' ? request.body : new TextDecoder().decode(request.body);
      const body = JSON.parse(text) as readonly ToldAlert[] | { readonly alerts: readonly ToldAlert[] };
      arrivals.push({ atMs: this.clock.nowMs() - START_MS, alerts: 'alerts' in body ? body.alerts : body });
      return { status: 200 };
    });
    return arrivals;
  }

  load(options: Partial<TocsinOptions> = {}): Promise<Tocsin> {
    const { clock, files, network } = this;
    const pid = ++this.#runs;
    const ports: TocsinPorts = {
      clock,
      files: this.held?.files ?? files,
      http: network,
      dns: new FakeDns(),
      programs: new FakePrograms(),
      random: new SeededRandom(pid),
      logger: createLogger(
        clock,
        {
          write: (line) => {
            this.log.push(JSON.parse(line) as { level: string; msg: string });
          },
        },
        { level: 'info', format: 'json' },
      ),
      mailer: { send: () => Promise.reject(new Error('nobody mails here')) },
      console: {
        write: (text) => {
          this.printed += text;
        },
      },
      openState: () => this.#openState(),
      environment: {},
      hostname: 'machine',
      process: { pid, isAlive: (other) => other === pid },
    };
    return Tocsin.load({ ...TEST_OPTIONS, configFile: CONFIG_FILE, ...options }, ports, 'http://tocsin');
  }

  /** Loads and starts. */
  async boot(options: Partial<TocsinOptions> = {}): Promise<Tocsin> {
    const tocsin = await this.load(options);
    await this.drive(tocsin.start());
    return tocsin;
  }

  /** Waits for something that may need time to pass. */
  async drive<T>(work: Promise<T>): Promise<T> {
    let ended = false;
    const end = (): void => {
      ended = true;
    };
    work.then(end, end);
    await this.clock.settle();
    while (!ended) await this.clock.advanceBy(100);
    return work;
  }

  /** How often something was logged. */
  logged(part: string): number {
    return this.log.filter(({ msg, err }) => `${msg} ${err ?? ''}`.includes(part)).length;
  }

  #openState(): SqlDatabase {
    const database = SqliteDatabase.over(this.database);
    this.openDatabases++;
    return {
      dialect: database.dialect,
      all: (sql, ...parameters) => database.all(sql, ...parameters),
      run: (sql, ...parameters) => database.run(sql, ...parameters),
      transaction: (work) => database.transaction(work),
      close: () => {
        this.openDatabases--;
        return database.close();
      },
    };
  }
}

/** Names of the alerts of all arrivals with their states. */
export function told(arrivals: readonly Arrival[]): string[] {
  return arrivals.flatMap(({ alerts }) =>
    alerts.map(({ status, labels }) => `${status ?? ''} ${labels['alertname'] ?? ''}`.trim()),
  );
}
