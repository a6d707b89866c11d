import { readFileSync } from 'node:fs';
import { availableParallelism, hostname, totalmem } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '../core/clock.ts';
import { TocsinError } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import type { Mailer } from '../core/mailer.ts';
import type {
  DnsClient,
  FileSystem,
  HttpClient,
  Programs,
  Random,
  SqlDatabase,
  TextOutput,
} from '../core/ports.ts';
import { NodeDnsClient } from '../core/system/node-dns-client.ts';
import { NodeFileSystem } from '../core/system/node-file-system.ts';
import { type LogFormat, type LogLevel, createLogger } from '../core/system/pino-logger.ts';
import { SmtpMailer } from '../core/system/smtp-mailer.ts';
import { SqliteDatabase } from '../core/system/sqlite-database.ts';
import { SystemClock } from '../core/system/system-clock.ts';
import { NodePrograms } from '../core/system/node-programs.ts';
import { SystemRandom } from '../core/system/system-random.ts';
import { UndiciHttpClient } from '../core/system/undici-http-client.ts';
import { WorkerThreads } from '../core/system/worker-threads.ts';
import type { Threads } from '../core/threads.ts';

/** Threads for queries. */
export interface QueryThreads {
  readonly starter: Threads;
  readonly maxThreads: number;
  /** Of each; see {@link ThreadedQueryServiceOptions}. */
  readonly maxHeapMiB: number;
}

/** Every door to the outside that a tocsin has; simulations hand in others. */
export interface TocsinPorts {
  readonly clock: Clock;
  readonly files: FileSystem;
  readonly http: HttpClient;
  readonly dns: DnsClient;
  readonly programs: Programs;
  readonly random: Random;
  readonly mailer: Mailer;
  readonly logger: Logger;
  /** Where the console receiver prints. */
  readonly console: TextOutput;
  /** Opens the state database in a folder that exists. */
  readonly openState: (folder: string) => SqlDatabase;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly hostname: string;
  /** Where queries are evaluated; in the main thread when absent. */
  readonly threads?: QueryThreads;
  /** Memory of this process; absent where nobody can tell. */
  readonly memory?: {
    /** What it may have. */
    readonly availableBytes: number;
    residentBytes(): number;
  };
  /** Who this process is, for the lock of the data folder. */
  readonly process: {
    readonly pid: number;
    isAlive(pid: number): boolean;
    birthMark?(pid: number): string;
  };
}

/** Whether a process runs. Signal 0 only asks; not being allowed to signal it means that it is there. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/**
 * Boot id of the machine and, in its clock ticks, when a process started: no two processes share both and an id. '' where
 * there is no /proc.
 */
function birthMark(pid: number): string {
  try {
    const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name in the second field may hold anything; fields count from behind its last parenthesis.
    const startTicks = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
    return `${bootId}/${startTicks ?? ''}`;
  } catch {
    // Not Linux, or the process is gone: nothing to tell.
    return '';
  }
}

/** The machine's ports. Logs go to stderr, notifications of the console receiver to stdout. */
export function createSystemPorts(log: {
  readonly level: LogLevel;
  readonly format: LogFormat;
}): TocsinPorts {
  const clock = new SystemClock();
  const stderr: TextOutput = {
    write(text) {
      process.stderr.write(text);
    },
  };
  return {
    clock,
    files: new NodeFileSystem(),
    http: new UndiciHttpClient(),
    dns: new NodeDnsClient(),
    programs: new NodePrograms(),
    random: new SystemRandom(),
    mailer: new SmtpMailer(),
    logger: createLogger(clock, stderr, log),
    console: {
      write(text) {
        process.stdout.write(text);
      },
    },
    openState: (folder) => SqliteDatabase.open(join(folder, 'state.db')),
    environment: process.env,
    hostname: hostname(),
    threads: queryThreads(),
    memory: { availableBytes: availableBytes(), residentBytes: () => process.memoryUsage.rss() },
    process: { pid: process.pid, isAlive, birthMark },
  };
}

/** Memory that this process may have: its container's limit, else the machine's. */
function availableBytes(): number {
  const constrained = process.constrainedMemory();
  return constrained > 0 ? Math.min(constrained, totalmem()) : totalmem();
}

/** One thread a core, four at most; together they may take a quarter of the memory that this process may have. */
function queryThreads(): QueryThreads {
  const maxThreads = Math.min(4, availableParallelism());
  const shareMiB = Math.floor(availableBytes() / 4 / maxThreads / 2 ** 20);
  return { starter: new WorkerThreads(), maxThreads, maxHeapMiB: Math.max(128, Math.min(2048, shareMiB)) };
}

/** Makes the data folder and its subfolder for state; explains in one line when it cannot be used. */
export async function prepareDataFolder(files: FileSystem, path: string): Promise<string> {
  const stateFolder = join(path, 'tocsin');
  const probe = join(stateFolder, '.writable');
  try {
    await files.makeFolder(stateFolder);
    await files.replaceFile(probe, new Uint8Array());
    await files.remove(probe);
  } catch (error) {
    if (!(error instanceof TocsinError)) throw error;
    const message = `the data folder ${path} cannot be written (${error.message}); make it writable for this user or name another with --storage.tsdb.path`;
    throw new TocsinError('TOCSIN_ERR_DATA_FOLDER', message, { cause: error });
  }
  return stateFolder;
}
