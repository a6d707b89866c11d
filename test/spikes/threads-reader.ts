import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import type { MessagePort } from 'node:worker_threads';
import { Matcher } from '../../src/core/matcher.ts';
import { SampleBuffer } from '../../src/storage/seam.ts';
import { HeadReader } from '../../src/storage/tsdb/index.ts';
import type { HeadDescriptor, SlabAnnouncement } from '../../src/storage/tsdb/index.ts';

/** What the writer hands to a reader thread. */
export interface ReaderData {
  readonly descriptor: HeadDescriptor;
  readonly announcements: MessagePort;
  readonly slot: number;
  readonly durationMs: number;
}

/** What a reader thread hands back. */
export interface ReaderResult {
  readonly queries: number;
  readonly samples: number;
  /** Samples out of order or with a value that was never written for their time. */
  readonly wrong: number;
  readonly elapsedMs: number;
}

const { descriptor, announcements, slot, durationMs } = workerData as ReaderData;

function drain(): SlabAnnouncement[] {
  const all: SlabAnnouncement[] = [];
  for (;;) {
    const next = receiveMessageOnPort(announcements) as { message: SlabAnnouncement } | undefined;
    if (next === undefined) return all;
    all.push(next.message);
  }
}

const reader = HeadReader.open(descriptor, { drain }, [slot]);
const into = new SampleBuffer();
const started = performance.now();
let queries = 0;
let samples = 0;
let wrong = 0;
for (let metric = 0; performance.now() - started < durationMs; metric = (metric + 1) % 100) {
  const unpin = reader.pin();
  const matchers = [new Matcher('__name__', '=', `metric_${metric}`), new Matcher('job', '=~', 'vl.+')];
  const cursor = reader.select(matchers, { minMs: -Infinity, maxMs: Infinity, limit: 0 });
  while (cursor.next()) {
    samples += cursor.read(-Infinity, Infinity, into);
    // The writer writes the time's seconds as the value of every series.
    for (let i = 0; i < into.length; i++) {
      const isLate = i > 0 && into.timestamps[i]! <= into.timestamps[i - 1]!;
      if (isLate || into.values[i] !== into.timestamps[i]! / 1000) wrong++;
    }
  }
  unpin();
  queries++;
}
const result: ReaderResult = { queries, samples, wrong, elapsedMs: performance.now() - started };
parentPort!.postMessage(result);
announcements.close();
