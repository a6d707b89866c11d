import { basename, dirname, join } from 'node:path';
import type { FileSystem } from '../../../core/ports.ts';
import type { Logger } from '../../../core/log.ts';
import { segmentIndex } from './wal-format.ts';
import { readSegment } from './wal-reader.ts';
import type { SegmentReport } from './wal-reader.ts';
import { WalWriter, isDiskFull, ownCounters } from './wal-writer.ts';

/**
 * Makes a segment readable from end to end again, for us and for Prometheus (which stops at damage and deletes all
 * that follows). A torn tail, which the death of the process leaves, is cut off. Anything else stays as
 * `<segment>.damaged`, and the segment is replaced by its good records. Says in the log what was dropped.
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
  let keptAs: string | undefined;
  try {
    keptAs = await keepAside(files, path);
    await rewrite(files, path);
    await files.rename(join(`${path}.tmp`, basename(path)), path);
  } catch (error) {
    await files.remove(`${path}.tmp`).catch(() => undefined);
    if (keptAs !== undefined) await files.remove(keptAs).catch(() => undefined);
    if (!isDiskFull(error)) throw error;
    logger.error(
      { ...fields, goodRecords: report.records },
      'a segment of the log is damaged; its good records are used; the disk has no room for repairing it, which is left for the next start',
    );
    return;
  }
  // From here on the other name is the only one that the damaged file has: nothing that fails may take it away.
  await files.syncFolder(dirname(path));
  await files.remove(`${path}.tmp`);
  const stretches = report.damage.map(({ fromByte, toByte }) => `${fromByte}-${toByte}`).join(' ');
  logger.error(
    { ...fields, stretches, keptAs, goodRecords: report.records },
    'a segment of the log is damaged; its good records are used, the damaged file is kept',
  );
}

/** Gives the file another name, under which it stays when the repaired one takes its own. */
async function keepAside(files: FileSystem, path: string): Promise<string> {
  let target = `${path}.damaged`;
  for (let i = 1; (await files.stat(target)) !== undefined; i++) target = `${path}.damaged-${i}`;
  await files.link(path, target);
  return target;
}

/** Writes a segment's good records to a file of the same name in `<path>.tmp`. */
async function rewrite(files: FileSystem, path: string): Promise<void> {
  const temporary = `${path}.tmp`;
  await files.remove(temporary);
  await files.makeFolder(temporary);
  const index = segmentIndex(basename(path)) ?? 0;
  const writer = new WalWriter({
    files,
    folder: temporary,
    segment: index,
    counters: ownCounters(),
    monotonicMs: () => 0,
  });
  try {
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
  } catch (error) {
    await writer.abandon();
    throw error;
  }
}
