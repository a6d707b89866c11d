import { createRegistry } from '../../../src/core/metrics.ts';
import { Labels } from '../../../src/core/labels.ts';
import type { Logger } from '../../../src/core/log.ts';
import { SeededRandom } from '../../../src/core/seeded-random.ts';
import { FakeDns } from '../../../src/core/testing/fake-dns.ts';
import { FakePrograms } from '../../../src/core/testing/fake-programs.ts';
import { FakeNetwork } from '../../../src/core/testing/fake-network.ts';
import { MemoryFileSystem } from '../../../src/core/testing/memory-file-system.ts';
import { requireYaml } from '../../../src/core/validate-yaml.ts';
import { VirtualClock } from '../../../src/core/virtual-clock.ts';
import { parseYaml } from '../../../src/core/yaml.ts';
import { z } from 'zod';
import {
  globalScrapeShape,
  resolveScrapeConfig,
  resolveScrapeGlobals,
  scrapeConfigSchema,
} from '../../../src/scrape/config.ts';
import { ScrapeManager, scrapeFeatures } from '../../../src/scrape/index.ts';
import type { ActiveTarget, ScrapeConfig, Shard } from '../../../src/scrape/index.ts';
import { ScrapeStorage } from './scrape-storage.ts';

/** 2026-01-01T00:00:00Z, a multiple of every interval used in tests. */
export const START_MS = 1_767_225_600_000;

const fileSchema = z.strictObject({
  global: z.strictObject(globalScrapeShape).prefault({}),
  scrape_configs: z.array(scrapeConfigSchema).default([]),
});

/** The jobs of a YAML text. */
export function parseJobs(yaml: string): ScrapeConfig[] {
  const file = requireYaml(parseYaml(yaml, 'test.yml'), fileSchema);
  const globals = resolveScrapeGlobals(file.global);
  if (!globals.ok) throw new Error(globals.message);
  return file.scrape_configs.map((fields) => {
    const job = resolveScrapeConfig(fields, globals.value);
    if (!job.ok) throw new Error(job.message);
    return job.value;
  });
}

/** A scrape manager with everything around it fake. */
export class ScrapeWorld {
  readonly clock = new VirtualClock(START_MS);
  readonly network = new FakeNetwork();
  readonly storage = new ScrapeStorage();
  readonly registry = createRegistry();
  readonly files = new MemoryFileSystem(() => this.clock.nowMs());
  readonly logLines: string[] = [];
  readonly manager: ScrapeManager;

  /** `features` are those of `--enable-feature`. */
  constructor(features: readonly string[] = [], shard?: Shard) {
    this.manager = new ScrapeManager({
      clock: this.clock,
      http: this.network,
      dns: new FakeDns(),
      programs: new FakePrograms(),
      files: this.files,
      storage: this.storage,
      logger: collectingLogger(this.logLines),
      registry: this.registry,
      random: new SeededRandom(7),
      hostname: 'here',
      userAgent: 'tocsin/test',
      features: scrapeFeatures(new Set(features)),
      ...(shard !== undefined && { shard }),
    });
  }

  /** Applies a YAML config with the clock standing still. */
  async apply(yaml: string): Promise<void> {
    const scrapeConfigs = parseJobs(yaml);
    await this.manager.openLogs(scrapeConfigs);
    await this.manager.apply({ scrapeConfigs, externalLabels: Labels.EMPTY });
    await this.clock.settle();
  }

  /** Serves text bodies at a host; `body` is asked each time. */
  serve(host: string, body: () => string | Uint8Array, contentType = 'text/plain; version=0.0.4'): void {
    this.network.serve(host, () => ({ status: 200, headers: { 'content-type': contentType }, body: body() }));
  }

  async pass(seconds: number): Promise<void> {
    await this.clock.advanceBy(seconds * 1000);
  }

  /** The only active target. */
  get target(): ActiveTarget {
    const { active } = this.manager.targets();
    if (active.length !== 1) throw new Error(`${active.length} active targets`);
    return active[0]!;
  }

  /** Value of an own metric without labels. */
  async metric(name: string): Promise<number> {
    const found = await this.registry.getSingleMetric(name)?.get();
    return found?.values[0]?.value ?? NaN;
  }
}

/** A one-job config: the job's extra lines are indented by four spaces already. */
export function oneJob(extra = '', interval = '10s'): string {
  return `
scrape_configs:
  - job_name: model
    scrape_interval: ${interval}
    static_configs: [{ targets: ['a:9000'] }]
${extra}`;
}

function collectingLogger(lines: string[]): Logger {
  const add =
    (level: string) =>
    (fields: object, message: string): void => {
      lines.push(`${level} ${message} ${JSON.stringify(fields)}`);
    };
  const logger: Logger = {
    debug: add('debug'),
    info: add('info'),
    warn: add('warn'),
    error: add('error'),
    child: () => logger,
  };
  return logger;
}
