/**
 * Writes to a data folder until it is killed, and prints the time of each commit that resolved: floats, histograms, and samples out
 * of order. Blocks are short, so that they are written, joined and taken out of the log all the time. Besides it prints `ready` when the
 * log was read, and `dies in <phase>` before it kills itself.
 *
 *     node storage-writer.ts <folder> <first time> <snappy|zstd> <operation> <phase>
 *
 * With an operation above 0 it kills itself right before that change of the folder in that phase (in the midst of it, when it is an
 * append), at the latest before the 3000th of all; otherwise heavy work is done in a thread, and the parent kills.
 */
import { writeSync } from 'node:fs';
import { hasSystemCode } from '../../src/core/errors.ts';
import { silentLogger } from '../../src/core/log.ts';
import { Labels } from '../../src/core/labels.ts';
import { createRegistry } from '../../src/core/metrics.ts';
import type { FileHandle, RandomAccessFile } from '../../src/core/ports.ts';
import { NodeFileSystem } from '../../src/core/system/node-file-system.ts';
import { SystemClock } from '../../src/core/system/system-clock.ts';
import { SystemRandom } from '../../src/core/system/system-random.ts';
import { WorkerThreads } from '../../src/core/system/worker-threads.ts';
import { Tsdb } from '../../src/storage/tsdb/index.ts';
import type { KillPhase } from './kill-phase.ts';
import {
  HISTOGRAM,
  LATE,
  SERIES,
  STEP_MS,
  histogramAt,
  labelsOf,
  lateMs,
  valueAt,
} from './written-samples.ts';

const [path = '', from = '', compression = '', killAt = '', killIn = ''] = process.argv.slice(2);
let operationsLeft = Number(killAt);
let allLeft = operationsLeft > 0 ? 3000 : 0;

/** Counts a change of the folder; true when it is the last one. */
function isLast(phase: KillPhase): boolean {
  const isCounted = phase === killIn || (killIn === 'start' && isReady);
  return --allLeft === 0 || (isCounted && --operationsLeft === 0);
}

let isReady = false;
/** Blocks that were looked at since a folder for one was made. */
const opened = new Set<string>();
let blockPhase: KillPhase = 'block';

/** What the program is at when it changes a file. */
function phaseOf(file: string): KillPhase {
  if (!isReady) return 'start';
  if (file.includes('.tmp-for-creation')) return blockPhase;
  if (/\/[0-9A-Z]{26}/.test(file)) return 'compaction';
  return file.includes('checkpoint') ? 'checkpoint' : 'commit';
}

function die(phase: KillPhase): never {
  say(`dies in ${phase}`);
  process.kill(process.pid, 'SIGKILL');
  throw new Error('not reached');
}

/** The machine's files, until the operation at which the process dies. */
class DeadlyFiles extends NodeFileSystem {
  override async open(file: string, mode: 'read' | 'append'): Promise<FileHandle> {
    if (mode === 'append' && isLast(phaseOf(file))) die(phaseOf(file));
    const handle = await super.open(file, mode);
    return {
      read: (into, offset, length, position) => handle.read(into, offset, length, position),
      sync: () => handle.sync(),
      truncate: (sizeBytes) => handle.truncate(sizeBytes),
      close: () => handle.close(),
      append: async (bytes) => {
        if (!isLast(phaseOf(file))) return handle.append(bytes);
        await handle.append(bytes.subarray(0, bytes.length >>> 1));
        return die(phaseOf(file));
      },
    };
  }

  override async makeFolder(folder: string): Promise<void> {
    if (folder.includes('.tmp-for-creation')) {
      // One is made of memory, or of several.
      blockPhase = opened.size > 1 ? 'compaction' : 'block';
      opened.clear();
    }
    await super.makeFolder(folder);
  }

  override openRandomAccess(file: string): RandomAccessFile {
    const block = /[0-9A-Z]{26}(?=\/index$)/.exec(file)?.[0];
    if (block !== undefined) opened.add(block);
    return super.openRandomAccess(file);
  }

  override async rename(source: string, target: string): Promise<void> {
    if (isLast(phaseOf(source))) die(phaseOf(source));
    await super.rename(source, target);
  }

  override async remove(file: string): Promise<void> {
    const phase = isReady && /wal\/\d+$/.test(file) ? 'checkpoint' : phaseOf(file);
    if (isLast(phase)) die(phase);
    await super.remove(file);
  }
}

/** Prints at once, so that it has left the process when it dies; waits while the parent is behind. */
function say(what: string): void {
  for (;;) {
    try {
      writeSync(1, `${what}\n`);
      return;
    } catch (error) {
      if (!hasSystemCode(error, new Set(['EAGAIN']))) throw error;
    }
  }
}

const isDeadly = operationsLeft > 0;
const tsdb = await Tsdb.begin({
  files: isDeadly ? new DeadlyFiles() : new NodeFileSystem(),
  path,
  clock: new SystemClock(),
  logger: silentLogger,
  registry: createRegistry(),
  random: new SystemRandom(),
  retention: { timeMs: 0, sizeBytes: 0, percentage: 0 },
  chunkRangeMs: 20 * STEP_MS,
  maxBlockMs: 540 * STEP_MS,
  walSegmentBytes: 32 * 1024,
  walCompression: compression === 'zstd' ? 'zstd' : 'snappy',
  lock: { pid: process.pid, isAlive: () => false },
  ...(!isDeadly && { threads: { starter: new WorkerThreads(), maxHeapMiB: 64 } }),
});
// Every other writer does not wait for its log to be read: what comes meanwhile must be safe too.
tsdb.setOutOfOrderWindow(3600_000);
const ready = tsdb.ready.then(() => {
  isReady = true;
  say('ready');
});
if ((Number(from) / STEP_MS) % 2 === 0) await ready;
let maintenance: Promise<void> | undefined;
for (let tMs = Number(from); ; tMs += STEP_MS) {
  const appender = tsdb.appender(tMs);
  for (let series = 0; series < SERIES; series++) {
    const ref = appender.series(Labels.fromObject(labelsOf(series, tMs)));
    appender.append(ref, tMs, valueAt(series, tMs));
  }
  const ref = (pod: string): number => appender.series(Labels.fromObject({ __name__: 'written_too', pod }));
  appender.appendRich(ref(HISTOGRAM), tMs, { value: 0, histogram: histogramAt(tMs), startMs: 0 });
  appender.append(ref(LATE), tMs, tMs);
  const earlierMs = lateMs(tMs);
  if (earlierMs !== undefined) appender.append(ref(LATE), earlierMs, earlierMs);
  await appender.commit();
  say(String(tMs));
  maintenance ??= tsdb.maintain().finally(() => {
    maintenance = undefined;
  });
  // Blocks are joined when the head has nothing left to give.
  if ((tMs / STEP_MS) % 60 === 0) await maintenance;
}
