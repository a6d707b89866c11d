import { once } from 'node:events';
import { MessageChannel, Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { FloatHistogram } from '../../../src/core/histogram/float-histogram.ts';
import { Labels } from '../../../src/core/labels.ts';
import { HeadStorage, SampleBuffer } from '../../../src/storage/index.ts';
import type { HeadReaderLease, Querier } from '../../../src/storage/index.ts';
import { MemoryFileSystem } from '../../../src/core/testing/memory-file-system.ts';
import { TsdbReader } from '../../../src/storage/tsdb/index.ts';
import type { ReadingThreadData } from './reading-thread.ts';
import { seenInStorage } from './rich-samples.ts';
import type { SeenSample } from './rich-samples.ts';

const NOW = 1_000_000;

class ReadingThread {
  readonly lease: HeadReaderLease;
  readonly #worker: Worker;

  constructor(storage: HeadStorage) {
    const { port1, port2 } = new MessageChannel();
    this.lease = storage.leaseReader((announcement) => {
      port1.postMessage(announcement);
    });
    const workerData: ReadingThreadData = { lease: this.lease.data, announcements: port2 };
    this.#worker = new Worker(new URL('reading-thread.ts', import.meta.url), {
      workerData,
      transferList: [port2],
    });
    this.#worker.on('exit', () => {
      port1.close();
    });
  }

  async ask(wish: 'read' | 'pin'): Promise<unknown> {
    this.#worker.postMessage(wish);
    const [answer] = (await once(this.#worker, 'message')) as [unknown];
    return answer;
  }

  async end(): Promise<void> {
    await this.#worker.terminate();
  }
}

async function write(storage: HeadStorage, tMs: number, names: readonly string[]): Promise<void> {
  const appender = storage.appender(tMs);
  for (const name of names) {
    appender.append(appender.series(Labels.fromObject({ __name__: name })), tMs, tMs);
  }
  await appender.commit();
}

describe('a thread that reads the head', () => {
  it('sees what was committed before and after it began, in memory that came later too', async () => {
    const storage = new HeadStorage();
    const seen = (): Promise<Record<string, SeenSample[]>> => seenInStorage(storage, new SampleBuffer());
    await write(storage, NOW, ['a']);
    const thread = new ReadingThread(storage);
    expect(await thread.ask('read')).toEqual(await seen());
    // More series than a slab of rows holds.
    const names = Array.from({ length: 10_000 }, (_, i) => `m${i}`);
    await write(storage, NOW + 1, ['a', ...names]);
    const appender = storage.appender(Infinity);
    const ref = appender.series(Labels.fromObject({ __name__: 'm9999' }));
    for (let i = 0; i < 300; i++) {
      const histogram = new FloatHistogram({
        count: i,
        positiveSpans: Int32Array.of(i % 7, 30),
        positiveBuckets: new Float64Array(30).fill(i / 3),
      });
      appender.appendRich(ref, NOW + 2 + i, { value: 0, histogram, startMs: i % 2 });
    }
    await appender.commit();
    const expected = await seen();
    expect(Object.keys(expected)).toHaveLength(10_001);
    expect(expected['m9999']).toHaveLength(301);
    expect(await thread.ask('read')).toEqual(expected);
    await thread.end();
    thread.lease.release();
  });

  it('that dies with a pin keeps memory from being used again until its lease is released', async () => {
    const storage = new HeadStorage();
    await write(storage, NOW, ['a']);
    const thread = new ReadingThread(storage);
    await thread.ask('pin');
    storage.head.epochs.retire(() => undefined);
    await thread.end();
    expect(storage.head.epochs.collect()).toBe(1);
    thread.lease.release();
    expect(storage.head.epochs.collect()).toBe(0);
    thread.lease.release();
  });
});

describe('leases', () => {
  it('are as many as there are slots; a released one can be taken again', () => {
    const storage = new HeadStorage();
    const leases = Array.from({ length: 16 }, () => storage.leaseReader(() => undefined));
    expect(new Set(leases.flatMap(({ data }) => data.slots)).size).toBe(64);
    expect(() => storage.leaseReader(() => undefined, 1)).toThrow('no more than 64 queries');
    leases[7]!.release();
    expect(storage.leaseReader(() => undefined).data.slots).toEqual(leases[7]!.data.slots);
  });

  it('tell of new memory until they are released', async () => {
    const storage = new HeadStorage();
    let told = 0;
    const lease = storage.leaseReader(() => told++);
    await write(storage, NOW, ['a']);
    expect(told).toBeGreaterThan(0);
    lease.release();
    const before = told;
    await write(
      storage,
      NOW + 1,
      Array.from({ length: 10_000 }, (_, i) => `m${i}`),
    );
    expect(told).toBe(before);
  });
});

it('queriers of one thread pin each for itself as far as there are slots, then together', () => {
  const storage = new HeadStorage();
  const { epochs } = storage.head;
  const lease = storage.leaseReader(() => undefined, 2);
  const data = { head: lease.data, deleted: new Float64Array(), path: '/', blocks: [] };
  const reader = new TsdbReader(data, { drain: () => [] }, new MemoryFileSystem()).head;
  const open = (): Querier => reader.querier(0, 1);
  const first = open();
  epochs.retire(() => undefined);
  const second = open();
  first.close();
  first.close();
  expect(epochs.collect()).toBe(0);
  const third = open();
  const sharing = [open(), open()];
  epochs.retire(() => undefined);
  for (const querier of [second, third, sharing[0]!]) {
    querier.close();
    expect(epochs.collect()).toBe(1);
  }
  sharing[1]!.close();
  expect(epochs.collect()).toBe(0);
});
