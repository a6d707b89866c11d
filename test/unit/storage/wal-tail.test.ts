import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MemoryFileSystem } from '../../../src/core/testing/memory-file-system.ts';
import type { WalCompression } from '../../../src/storage/tsdb/wal/record-compression.ts';
import { PAGE_BYTES, segmentName } from '../../../src/storage/tsdb/wal/wal-format.ts';
import { WalHolds } from '../../../src/storage/tsdb/wal/wal-hold.ts';
import type { WalPosition } from '../../../src/storage/tsdb/wal/wal-position.ts';
import { WalTail } from '../../../src/storage/tsdb/wal/wal-tail.ts';
import type { WalTailLoss } from '../../../src/storage/tsdb/wal/wal-tail.ts';
import { ownCounters } from '../../../src/storage/tsdb/wal/wal-counters.ts';
import { WalWriter } from '../../../src/storage/tsdb/wal/wal-writer.ts';

const START: WalPosition = { segment: 0, offset: 0 };

async function newLog(
  segmentBytes = 4 * PAGE_BYTES,
  compression: WalCompression = 'none',
): Promise<{ files: MemoryFileSystem; writer: WalWriter }> {
  const files = new MemoryFileSystem();
  await files.makeFolder('/wal');
  const options = { files, folder: '/wal', segment: 0, counters: ownCounters(), monotonicMs: () => 0 };
  const writer = new WalWriter({ ...options, segmentBytes, compression });
  await writer.start();
  return { files, writer };
}

function newTail(
  files: MemoryFileSystem,
  log: WalWriter,
  from = START,
): { tail: WalTail; losses: WalTailLoss[] } {
  const losses: WalTailLoss[] = [];
  const onLoss = (loss: WalTailLoss): void => void losses.push(loss);
  return { tail: new WalTail({ files, folder: '/wal', from, log, onLoss }), losses };
}

/** A record that tells its number. */
function makeRecord(number: number, size: number): Uint8Array {
  const record = new Uint8Array(size).map((_, i) => (i * 31 + number * 17 + (i >> 5)) & 0xff);
  record[0] = number;
  return record;
}

async function rest(tail: WalTail): Promise<number[]> {
  const numbers: number[] = [];
  for (let record = await tail.next(); record !== undefined; record = await tail.next())
    numbers.push(record[0]!);
  return numbers;
}

describe('a tail of the log', () => {
  it('gives every record once and whole, behind the writer and over restarts', async () => {
    const step = fc.record({
      size: fc.oneof(fc.integer({ min: 2, max: 300 }), fc.integer({ min: 2, max: 3 * PAGE_BYTES })),
      flush: fc.boolean(),
      read: fc.boolean(),
      again: fc.boolean(),
    });
    const compressions = fc.constantFrom<WalCompression>('none', 'snappy');
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 20 }), compressions, async (steps, compression) => {
        const { files, writer } = await newLog(4 * PAGE_BYTES, compression);
        let { tail, losses } = newTail(files, writer);
        const got: string[] = [];
        const readOn = async (): Promise<void> => {
          for (;;) {
            const record = await tail.next();
            if (record === undefined) return;
            got.push(Buffer.from(record).toString('latin1'));
          }
        };
        for (const [i, { size, flush, read, again }] of steps.entries()) {
          writer.log(makeRecord(i, size), false);
          if (flush) await writer.flush();
          if (read) await readOn();
          if (again) {
            const { position } = tail;
            await tail.close();
            ({ tail, losses } = newTail(files, writer, position));
          }
        }
        await writer.close();
        await readOn();
        await tail.close();
        const expected = steps.map(({ size }, i) => Buffer.from(makeRecord(i, size)).toString('latin1'));
        expect(got.map((text) => text.length)).toEqual(expected.map((text) => text.length));
        expect(got.every((text, i) => text === expected[i])).toBe(true);
        expect(losses).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });

  it('gives nothing that was not flushed, and is told when there is more', async () => {
    const { files, writer } = await newLog();
    const { tail } = newTail(files, writer);
    let told = 0;
    const end = writer.onProgress(() => told++);
    writer.log(makeRecord(1, 100), false);
    expect(await tail.next()).toBeUndefined();
    await writer.flush();
    expect(told).toBe(1);
    expect(await rest(tail)).toEqual([1]);
    expect(tail.position).toEqual(writer.position);
    end();
    writer.log(makeRecord(2, 100), false);
    await writer.flush();
    expect(told).toBe(1);
    await writer.close();
  });

  it('goes on in the next segment after a failed write', async () => {
    const { files, writer } = await newLog();
    const { tail, losses } = newTail(files, writer);
    writer.log(makeRecord(1, 100), false);
    await writer.flush();
    files.fault = ({ kind }) => (kind === 'append' ? { code: 'ENOSPC', writtenBytes: 33 } : undefined);
    writer.log(makeRecord(2, 100), false);
    await expect(writer.flush()).rejects.toThrow('ENOSPC');
    expect(await rest(tail)).toEqual([1]);
    files.fault = undefined;
    writer.log(makeRecord(3, 100), false);
    await writer.flush();
    expect(await rest(tail)).toEqual([3]);
    expect(losses).toEqual([]);
    await writer.close();
  });

  it('tells of segments that are gone', async () => {
    const { files, writer } = await newLog();
    for (let i = 0; i < 4; i++) {
      writer.log(makeRecord(i, 100), false);
      await writer.flush();
      writer.rotate();
    }
    await files.remove('/wal/00000000');
    await files.remove('/wal/00000001');
    const { tail, losses } = newTail(files, writer, { segment: 0, offset: 107 });
    expect(await rest(tail)).toEqual([2, 3]);
    expect(losses).toEqual([
      {
        from: { segment: 0, offset: 107 },
        to: { segment: 2, offset: 0 },
        reason: 'the segments between were removed',
      },
    ]);
    await writer.close();
  });

  it('passes over damage and tells of it', async () => {
    const { files, writer } = await newLog();
    for (let i = 0; i < 3; i++) writer.log(makeRecord(i, 100), false);
    await writer.flush();
    writer.rotate();
    writer.log(makeRecord(3, 100), false);
    await writer.flush();
    files.corrupt(`/wal/${segmentName(0)}`, (bytes) => {
      bytes[150]! ^= 1;
      return bytes.slice(0, 300);
    });
    const { tail, losses } = newTail(files, writer);
    expect(await rest(tail)).toEqual([0, 3]);
    expect(losses.map(({ from, to }) => [from, to])).toEqual([
      [
        { segment: 0, offset: 107 },
        { segment: 1, offset: 0 },
      ],
    ]);
    await writer.close();
  });
});

describe('holds on the log', () => {
  it('keep what somebody needs, up to the bound', () => {
    const holds = new WalHolds(10);
    expect(holds.limit(5, 20)).toBe(5);
    const slow = holds.hold(13);
    const other = holds.hold(30);
    expect(holds.limit(15, 20)).toBe(12);
    expect(holds.limit(15, 40)).toBe(15);
    slow.moveTo(14);
    expect(holds.limit(15, 20)).toBe(13);
    slow.release();
    expect(holds.limit(15, 20)).toBe(15);
    slow.moveTo(1);
    slow.release();
    expect(holds.limit(15, 20)).toBe(15);
    other.release();
  });

  it('finds what follows zeros and wrong lengths, and tells what it could not give', async () => {
    const hole = fc.record({
      from: fc.double({ min: 0, max: 0.99, noNaN: true }),
      length: fc.integer({ min: 1, max: 40_000 }),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 20, max: 5000 }), { minLength: 20 }),
        hole,
        async (sizes, at) => {
          const { files, writer } = await newLog(16 * PAGE_BYTES);
          const ends: number[] = [];
          for (const [i, size] of sizes.entries()) {
            writer.log(makeRecord(i & 0xff, size), false);
            await writer.flush();
            ends.push(writer.position.offset);
          }
          const from = Math.floor(at.from * ends.at(-1)!);
          files.corrupt('/wal/00000000', (bytes) => bytes.fill(0, from, from + at.length));
          const { tail, losses } = newTail(files, writer);
          const got = await rest(tail);
          const kept = sizes
            .map((_, i) => i)
            .filter((i) => ends[i]! <= from || (i > 0 && ends[i - 1]! >= from + at.length));
          expect(got.filter((number, i) => got.indexOf(number) === i)).toEqual(
            expect.arrayContaining(kept.map((i) => i & 0xff)),
          );
          const follows = ends.at(-2)! > from + at.length;
          if (got.length < sizes.length && follows) expect(losses.length).toBeGreaterThan(0);
          await tail.close();
          await writer.close();
        },
      ),
      { numRuns: 40 },
    );
  });

  it('passes over what cannot be read when it is told to', async () => {
    const { files, writer } = await newLog();
    for (let i = 0; i < 60; i++) writer.log(makeRecord(i, 1000), false);
    await writer.flush();
    files.fault = ({ kind, position }) =>
      kind === 'read' && position < 30_000 ? { code: 'EIO' } : undefined;
    const { tail, losses } = newTail(files, writer);
    await expect(tail.next()).rejects.toThrow('EIO');
    tail.passOver('EIO');
    const got = await rest(tail);
    expect(got.at(-1)).toBe(59);
    expect(got[0]).toBe(33);
    expect(losses).toMatchObject([{ from: START, reason: 'EIO' }]);
    await tail.close();
    files.fault = undefined;
    await writer.close();
  });
});
