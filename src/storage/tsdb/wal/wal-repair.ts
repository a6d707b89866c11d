import { basename, dirname, join } from 'node:path';
import { TocsinError, errorText } from '../../../core/errors.ts';
import type { LogFields, Logger } from '../../../core/log.ts';
import type { FileSystem } from '../../../core/ports.ts';
import { keepAside } from './wal-aside.ts';
import { segmentIndex } from './wal-format.ts';
import { readSegment } from './wal-reader.ts';
import type { SegmentReport } from './wal-reader.ts';
import { ownCounters } from './wal-counters.ts';
import { WalWriter } from './wal-writer.ts';

/**
 * Makes a segment readable from end to end again, for us and for Prometheus (which stops at damage and deletes all
 * that follows). A torn tail, which the death of the process leaves, is cut off. Anything else stays as
 * `<segment>.damaged`, and the segment is replaced by its good records. What the disk did not give may come another time: such a
 * segment is left as it is, and gets a second name (`<segment>.unreadable`) so that it stays when the log is cut. Says in the log what
 * was dropped. A repair that fails is left for the next start.
 */
export async function repairSegment(
  files: FileSystem,
  path: string,
  report: SegmentReport,
  logger: Logger,
): Promise<void> {
  const [first] = report.damage;
  if (first === undefined) return;
  const fields = damageFields(path, report);
  try {
    if (report.damage.some(({ isUnreadable }) => isUnreadable))
      await holdUnreadable(files, path, fields, logger);
    else if (report.damage.length === 1 && first.isTornTail) {
      await cutOff(files, path, first.fromByte);
      logger.warn(fields, 'the log ended within a record that was being written; cut off');
    } else await replaceDamaged(files, path, fields, logger);
  } catch (error) {
    if (!(error instanceof TocsinError)) throw error;
    logger.error(
      { ...fields, err: error },
      `a segment of the log is damaged; its good records are used; it cannot be repaired, which is left for the next start: ${errorText(error)}`,
    );
  }
}

/** Says what of a segment is not used, where nothing may be repaired. */
export function tellDamage(path: string, report: SegmentReport, logger: Logger): void {
  if (report.damage.length === 0) return;
  logger.warn(damageFields(path, report), 'a part of the log is damaged or being written, and left out');
}

/** What a segment's damage is, in the fields of a line of the log. */
export function damageFields(path: string, { damage, records }: SegmentReport): LogFields {
  return {
    segment: path,
    fromByte: damage[0]?.fromByte ?? 0,
    droppedBytes: damage.reduce((sum, { fromByte, toByte }) => sum + toByte - fromByte, 0),
    stretches: damage.map(({ fromByte, toByte }) => `${fromByte}-${toByte}`).join(' '),
    reason: damage.find(({ isUnreadable }) => isUnreadable)?.reason ?? damage[0]?.reason ?? '',
    goodRecords: records,
  };
}

async function cutOff(files: FileSystem, path: string, sizeBytes: number): Promise<void> {
  const handle = await files.open(path, 'append');
  try {
    await handle.truncate(sizeBytes);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function holdUnreadable(
  files: FileSystem,
  path: string,
  fields: LogFields,
  logger: Logger,
): Promise<void> {
  const keptAs = await keepAside(files, path, 'unreadable');
  logger.error(
    { ...fields, keptAs },
    'a segment of the log could not be read whole: what could be is used, and it is tried again at the next start; the file stays under a second name',
  );
}

async function replaceDamaged(
  files: FileSystem,
  path: string,
  fields: LogFields,
  logger: Logger,
): Promise<void> {
  let keptAs: string | undefined;
  try {
    keptAs = await keepAside(files, path, 'damaged');
    await rewrite(files, path);
    await files.rename(join(`${path}.tmp`, basename(path)), path);
  } catch (error) {
    await files.remove(`${path}.tmp`).catch(() => undefined);
    if (keptAs !== undefined) await files.remove(keptAs).catch(() => undefined);
    throw error;
  }
  logger.error(
    { ...fields, keptAs },
    'a segment of the log is damaged; its good records are used, the damaged file is kept',
  );
  // From here on the other name is the only one that the damaged file has: nothing that fails may take it away.
  try {
    await files.syncFolder(dirname(path));
    await files.remove(`${path}.tmp`);
  } catch (error) {
    logger.warn({ segment: path, err: error }, `the repair is not tidied up: ${errorText(error)}`);
  }
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
    const { damage } = await readSegment(
      files,
      path,
      (record) => {
        writer.log(record, false);
      },
      () => writer.flush(),
    );
    const unread = damage.find(({ isUnreadable }) => isUnreadable);
    if (unread !== undefined) throw new TocsinError('TOCSIN_ERR_STORAGE', `${path}: ${unread.reason}`);
    await writer.close();
  } catch (error) {
    await writer.abandon();
    throw error;
  }
}
