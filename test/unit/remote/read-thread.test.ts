import { beforeEach, describe, expect, test } from 'vitest';
import { Labels } from '../../../src/core/labels.ts';
import { silentLogger } from '../../../src/core/log.ts';
import { createRegistry } from '../../../src/core/metrics.ts';
import type { Thread, ThreadEnd, ThreadOptions } from '../../../src/core/threads.ts';
import { VirtualClock } from '../../../src/core/virtual-clock.ts';
import { RemoteReadServer } from '../../../src/storage/index.ts';
import { RemoteWriteMetrics } from '../../../src/storage/remote/send/metrics.ts';
import type { FromReadThread, ToReadThread } from '../../../src/storage/remote/read/read-thread.ts';

const never = new AbortController().signal;
const body = new Uint8Array(3);

/** A thread that says what the test wants. */
class FakeThread implements Thread {
  readonly received: ToReadThread[] = [];
  readonly #options: ThreadOptions;

  constructor(options: ThreadOptions) {
    this.#options = options;
  }

  post(message: unknown): void {
    this.received.push(message as ToReadThread);
  }

  postAside(): void {}

  say(message: FromReadThread): void {
    this.#options.onMessage(message);
  }

  end(end: ThreadEnd = { kind: 'ended' }): Promise<void> {
    this.#options.onEnd(end);
    return Promise.resolve();
  }
}

let clock: VirtualClock;
let started: FakeThread[];
let leases: number;
let reads: RemoteReadServer;

beforeEach(() => {
  clock = new VirtualClock(0);
  started = [];
  leases = 0;
  reads = new RemoteReadServer({
    storage: {
      querier: () => expect.fail('the thread reads'),
      leaseReader: () => {
        leases++;
        const head = { descriptor: {} as never, slots: [] };
        return {
          data: { head, deleted: new Float64Array(), path: '/', blocks: [] },
          release: () => void leases--,
        };
      },
    },
    threads: {
      starter: {
        start: (options) => {
          const thread = new FakeThread(options);
          started.push(thread);
          return thread;
        },
      },
      maxHeapMiB: 100,
    },
    clock,
    logger: silentLogger,
    registry: createRegistry(),
    externalLabels: () => Labels.fromObject({ b: '2', a: '1' }),
    limits: { maxSamples: 10, maxConcurrent: 2, maxFrameBytes: 20 },
  });
});

const piece = (id: number, ...bytes: number[]): FromReadThread => ({
  type: 'piece',
  id,
  bytes: Uint8Array.from(bytes),
});

describe('a thread for remote reads', () => {
  test('is told what to do, and of each piece that was used', async () => {
    const answer = reads.read(body, never);
    await clock.advanceTo(1);
    const [thread] = started;
    const externalLabels = [
      ['a', '1'],
      ['b', '2'],
    ];
    const limits = { maxSamples: 10, maxFrameBytes: 20 };
    expect(thread!.received).toEqual([{ type: 'start', id: 1, job: { body, externalLabels, limits } }]);
    thread!.say({ type: 'answer', id: 1, kind: 'chunks' });
    const { status, headers, pieces } = await answer;
    expect([status, headers]).toEqual([
      200,
      { 'Content-Type': 'application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse' },
    ]);
    thread!.say(piece(1, 1, 2));
    thread!.say(piece(1, 3));
    expect([...(await pieces!.next()).value!]).toEqual([1, 2]);
    // Only what was asked for next shows that the one before is of no use any more.
    expect(thread!.received).toHaveLength(1);
    expect([...(await pieces!.next()).value!]).toEqual([3]);
    expect(thread!.received.slice(1)).toEqual([{ type: 'used', id: 1 }]);
    thread!.say({ type: 'end', id: 1 });
    await pieces!.next();
    expect((await pieces!.next()).done).toBe(true);
  });

  test('is told when nobody wants the rest, before and after it began to answer', async () => {
    const gone = new AbortController();
    const first = reads.read(body, gone.signal);
    const second = reads.read(body, never);
    await clock.advanceTo(1);
    const [thread] = started;
    gone.abort(new Error('gone'));
    await expect(first).rejects.toThrow('gone');
    thread!.say({ type: 'answer', id: 1, kind: 'samples' });
    thread!.say({ type: 'answer', id: 2, kind: 'samples' });
    await (
      await second
    ).pieces!.return!();
    expect(thread!.received.slice(2)).toEqual([
      { type: 'cancel', id: 1 },
      { type: 'cancel', id: 2 },
    ]);
  });

  test('hands on what is wrong', async () => {
    const refused = reads.read(body, never);
    const failed = reads.read(body, never);
    await clock.advanceTo(1);
    started[0]!.say({ type: 'refused', id: 1, status: 400, text: 'no' });
    started[0]!.say({ type: 'failed', id: 2, message: 'a block is damaged' });
    expect([(await refused).status, (await refused).text]).toEqual([400, 'no']);
    expect([(await failed).status, (await failed).text]).toEqual([500, 'a block is damaged']);
  });

  test('that ends is followed by another, and what it was at breaks off', async () => {
    const first = reads.read(body, never);
    const second = reads.read(body, never);
    await clock.advanceTo(1);
    started[0]!.say({ type: 'answer', id: 1, kind: 'chunks' });
    const { pieces } = await first;
    await started[0]!.end({ kind: 'outOfMemory' });
    await expect(pieces!.next()).rejects.toThrow('the remote reads need more memory than they may have');
    expect([(await second).status, leases]).toEqual([500, 0]);
    const third = reads.read(body, never);
    await clock.advanceTo(2);
    started[1]!.say({ type: 'refused', id: 1, status: 400, text: 'again' });
    expect((await third).text).toBe('again');
  });

  test('goes when it has nothing to do', async () => {
    const answer = reads.read(body, never);
    await clock.advanceTo(1);
    started[0]!.say({ type: 'refused', id: 1, status: 400, text: '' });
    await answer;
    expect(leases).toBe(1);
    await clock.advanceTo(4 * 60_000);
    const next = reads.read(body, never);
    await clock.advanceTo(6 * 60_000);
    expect(leases).toBe(1);
    started[0]!.say({ type: 'refused', id: 2, status: 400, text: '' });
    await next;
    await clock.advanceTo(12 * 60_000);
    expect(leases).toBe(0);
  });
});

test('metrics of an endpoint that is gone go', async () => {
  const registry = createRegistry();
  const metrics = new RemoteWriteMetrics(registry);
  const [here, gone] = ['here', 'gone'].map((name) => ({ remote_name: name, url: `http://${name}` }));
  for (const names of [here!, gone!]) {
    metrics.samples.inc(names);
    metrics.pending.set(names, 3);
    metrics.sentBatchDuration.observe(names, 1);
    metrics.samplesDropped.inc({ ...names, reason: 'too_old' });
  }
  metrics.remove(gone!);
  const text = await registry.metrics();
  expect(text).not.toContain('gone');
  expect(text).toContain('prometheus_remote_storage_samples_total{remote_name="here",url="http://here"} 1');
});
