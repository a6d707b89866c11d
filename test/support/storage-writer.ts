/**
 * Writes to a data folder until it is killed, and prints the time of each commit that resolved. Blocks are short, so that
 * they are written, joined and taken out of the log all the time.
 *
 *     node storage-writer.ts <folder> <first time> <snappy|zstd> <operation>
 *
 * With an operation above 0 it kills itself right before that change of the folder (in the midst of it, when it is an
 * append); otherwise heavy work is done in a thread, and the parent kills.
 */
import { writeSync } from 'node:fs';
import { hasSystemCode } from '../../src/core/errors.ts';
import { silentLogger } from '../../src/core/log.ts';
import { Labels } from '../../src/core/labels.ts';
import { createRegistry } from '../../src/core/metrics.ts';
import type { FileHandle } from '../../src/core/ports.ts';
import { NodeFileSystem } from '../../src/core/system/node-file-system.ts';
import { SystemClock } from '../../src/core/system/system-clock.ts';
import { SystemRandom } from '../../src/core/system/system-random.ts';
import { WorkerThreads } from '../../src/core/system/worker-threads.ts';
import { Tsdb } from '../../src/storage/tsdb/index.ts';
import { SERIES, STEP_MS, labelsOf, valueAt } from './written-samples.ts';

const [path = '', from = '', compression = '', killAt = ''] = process.argv.slice(2);
let operationsLeft = Number(killAt);

/** Counts a change of the folder; true when it is the last one. */
function isLast(): boolean {
  return --operationsLeft === 0;
}

function die(): never {
  process.kill(process.pid, 'SIGKILL');
  throw new Error('not reached');
}

/** The machine's files, until the operation at which the process dies. */
class DeadlyFiles extends NodeFileSystem {
  override async open(file: string, mode: 'read' | 'append'): Promise<FileHandle> {
    if (mode === 'append' && isLast()) die();
    const handle = await super.open(file, mode);
    return {
      read: (into, offset, length, position) => handle.read(into, offset, length, position),
      sync: () => handle.sync(),
      truncate: (sizeBytes) => handle.truncate(sizeBytes),
      close: () => handle.close(),
      append: async (bytes) => {
        if (!isLast()) return handle.append(bytes);
        await handle.append(bytes.subarray(0, bytes.length >>> 1));
        return die();
      },
    };
  }

  override async rename(source: string, target: string): Promise<void> {
    if (isLast()) die();
    await super.rename(source, target);
  }

  override async remove(file: string): Promise<void> {
    if (isLast()) die();
    await super.remove(file);
  }
}

/** Prints at once, so that it has left the process when it dies; waits while the parent is behind. */
function acknowledge(tMs: number): void {
  for (;;) {
    try {
      writeSync(1, `${tMs}\n`);
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
if ((Number(from) / STEP_MS) % 2 === 0) await tsdb.ready;
let maintenance: Promise<void> | undefined;
for (let tMs = Number(from); ; tMs += STEP_MS) {
  const appender = tsdb.appender(tMs);
  for (let series = 0; series < SERIES; series++) {
    const ref = appender.series(Labels.fromObject(labelsOf(series, tMs)));
    appender.append(ref, tMs, valueAt(series, tMs));
  }
  await appender.commit();
  acknowledge(tMs);
  maintenance ??= tsdb.maintain().finally(() => {
    maintenance = undefined;
  });
}
