import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { SeededRandom } from '../../../src/core/seeded-random.ts';
import type { Labels } from '../../../src/core/labels.ts';
import { silentLogger } from '../../../src/core/log.ts';
import { createRegistry } from '../../../src/core/metrics.ts';
import { NodeFileSystem } from '../../../src/core/system/node-file-system.ts';
import { SystemClock } from '../../../src/core/system/system-clock.ts';
import { Tsdb } from '../../../src/storage/index.ts';
import { freePort, waitForReady } from '../../support/processes.ts';
import { hasProgram } from '../../support/programs.ts';

/** One series of a data set, with its value at sample k. */
export interface BenchSeries {
  readonly labels: Labels;
  readonly value: (k: number) => number;
}

/** What both programs are given to hold. Values must be the same at every call. */
export interface BenchData {
  readonly series: () => Iterable<BenchSeries>;
  readonly startMs: number;
  readonly spacingMs: number;
  /** Samples of each series. */
  readonly samples: number;
}

/** A program that answers queries. */
export interface Served {
  readonly name: string;
  readonly child: ChildProcess;
  readonly address: string;
}

/** Files of a configuration by name; `prometheus.yml` is the main one. */
export type ConfigFiles = Readonly<Record<string, string>>;

async function writeTsdb(path: string, data: BenchData): Promise<void> {
  const tsdb = await Tsdb.open({
    files: new NodeFileSystem(),
    path,
    clock: new SystemClock(),
    logger: silentLogger,
    registry: createRegistry(),
    random: new SeededRandom(1),
    retention: { timeMs: 15 * 24 * 3600_000, sizeBytes: 0, percentage: 0 },
    lock: undefined,
  });
  const all = [...data.series()];
  const outcomes = new Uint8Array(all.length);
  let refs: Uint32Array | undefined;
  for (let k = 0; k < data.samples; k++) {
    const tMs = data.startMs + k * data.spacingMs;
    const appender = tsdb.appender(tMs);
    refs ??= Uint32Array.from(all, ({ labels }) => appender.series(labels));
    const values = Float64Array.from(all, ({ value }) => value(k));
    const refused = appender.appendColumn(refs, values, all.length, tMs, outcomes);
    if (refused > 0) throw new Error(`${refused} samples were refused`);
    await appender.commit();
  }
  await tsdb.close();
}

function writeOpenMetrics(path: string, data: BenchData): void {
  const file = openSync(path, 'w');
  const families = Map.groupBy(data.series(), ({ labels }) => labels.metricName);
  for (const [family, series] of families) {
    writeSync(file, `# TYPE ${family} unknown\n`);
    for (const { labels, value } of series) {
      // OpenMetrics allows no blank between labels, and none of these values holds one.
      const name = labels.toString().replaceAll(', ', ',');
      const lines = Array.from(
        { length: data.samples },
        (_, k) => `${name} ${value(k)} ${(data.startMs + k * data.spacingMs) / 1000}\n`,
      );
      writeSync(file, lines.join(''));
    }
  }
  writeSync(file, '# EOF\n');
  closeSync(file);
}

function writeConfig(folder: string, files: ConfigFiles): void {
  mkdirSync(folder, { recursive: true });
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
}

/** A program that can be started on a folder. */
export type Program = 'tocsin' | 'prometheus';

/**
 * Starts a program as a user does in `folder`, on what lies in its `data`, with these files of configuration. What it writes to
 * its log goes nowhere.
 */
export async function serveFolder(
  program: Program,
  folder: string,
  files: ConfigFiles,
  args: readonly string[] = [],
): Promise<Served> {
  writeConfig(folder, files);
  const port = await freePort();
  const cli = join(import.meta.dirname, '../../../dist/cli.js');
  const [command, first] = program === 'tocsin' ? [process.execPath, [cli, 'serve']] : [program, []];
  const child = spawn(
    command,
    [
      ...first,
      '--config.file=prometheus.yml',
      '--storage.tsdb.path=data',
      '--storage.tsdb.retention.time=15d',
      `--web.listen-address=127.0.0.1:${port}`,
      ...args,
    ],
    { cwd: folder, stdio: 'ignore' },
  );
  const address = `http://127.0.0.1:${port}`;
  await waitForReady(`${address}/-/ready`, child, 120_000);
  return { name: program, child, address };
}

/** The built program as a user starts it, holding the data. */
export async function startTocsin(
  folder: string,
  data: BenchData,
  files: ConfigFiles,
  args: readonly string[] = [],
): Promise<Served> {
  await writeTsdb(join(folder, 'data'), data);
  return serveFolder('tocsin', folder, files, args);
}

/** Prometheus holding the same data in blocks; undefined where it isn't installed. */
export async function startPrometheus(
  folder: string,
  data: BenchData,
  files: ConfigFiles,
  args: readonly string[] = [],
): Promise<Served | undefined> {
  if (!hasProgram('prometheus') || !hasProgram('promtool')) return undefined;
  mkdirSync(folder, { recursive: true });
  writeBlocks(folder, data);
  return serveFolder('prometheus', folder, files, args);
}

/** Has promtool make blocks of the data, in `data` below `folder`. */
export function writeBlocks(folder: string, data: BenchData): void {
  writeOpenMetrics(join(folder, 'data.om'), data);
  execFileSync('promtool', ['tsdb', 'create-blocks-from', 'openmetrics', 'data.om', 'data'], {
    cwd: folder,
    stdio: 'ignore',
  });
}
