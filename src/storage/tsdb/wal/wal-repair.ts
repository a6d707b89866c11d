import { basename, dirname, join } from 'node:path';
import type { FileSystem } from '../../../core/ports.ts';
import type { Logger } from '../../../core/log.ts';
import { segmentIndex } from './wal-format.ts';
import { readSegment } from './wal-reader.ts';
import type { SegmentReport } from './wal-reader.ts';
import { WalWriter } from './wal-writer.ts';

/**
 * Makes a segment readable from end to end again, for us and for Prometheus (which stops at damage and deletes all
 * that follows). A torn tail, which the death of the process leaves, is cut off. Anything else is copied aside as
 * `<segment>.damaged` first, and the segment is replaced by its good records. Says in the log what was dropped.
 */
export async function repairSegment(
  files: FileSystem,
  path: string,
  report: SegmentReport,
  logger: Logger,
): Promise<void> {
  const [first] = report.damage;
  if (first === undefined) return;
  const droppedBytes = report.damage.reduce((sum, { fromByte, toByte }) => sum + toByte - fromByte, 0);
  const fields = { segment: path, fromByte: first.fromByte, droppedBytes, reason: first.reason };
  if (report.damage.length === 1 && first.isTornTail) {
    const handle = await files.open(path, 'append');
    try {
      await handle.truncate(first.fromByte);
      await handle.sync();
    } finally {
      await handle.close();
    }
    logger.warn(
      fields,
      'the log ended within a record that was being written when the process died; cut off',
    );
    return;
  }
  const keptAs = await copyAside(files, path);
  await rewrite(files, path);
  const stretches = report.damage.map(({ fromByte, toByte }) => `${fromByte}-${toByte}`).join(' ');
  logger.error(
    { ...fields, stretches, keptAs, goodRecords: report.records },
    'a segment of the log is damaged; its good records are used, the damaged file is kept',
  );
}

async function copyAside(files: FileSystem, path: string): Promise<string> {
  let target = `${path}.damaged`;
  for (let i = 1; (await files.stat(target)) !== undefined; i++) target = `${path}.damaged-${i}`;
  await files.replaceFile(target, await files.readFile(path));
  return target;
}

async function rewrite(files: FileSystem, path: string): Promise<void> {
  const temporary = `${path}.tmp`;
  await files.remove(temporary);
  await files.makeFolder(temporary);
  const index = segmentIndex(basename(path)) ?? 0;
  const writer = new WalWriter({
    files,
    folder: temporary,
    segment: index,
    counters: {
      pageFlushes: 0,
      completedPages: 0,
      recordParts: 0,
      writesFailed: 0,
      fsyncSeconds() {},
    },
    monotonicMs: () => 0,
  });
  await writer.start();
  await readSegment(
    files,
    path,
    (record) => {
      writer.log(record, false);
    },
    () => writer.flush(),
  );
  await writer.close();
  await files.rename(join(temporary, basename(path)), path);
  await files.syncFolder(dirname(path));
  await files.remove(temporary);
}
