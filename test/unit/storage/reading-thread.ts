import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import type { MessagePort } from 'node:worker_threads';
import { Matcher } from '../../../src/core/matcher.ts';
import { HeadReaderStorage, SampleBuffer } from '../../../src/storage/index.ts';
import type { HeadReaderData, SlabAnnouncement } from '../../../src/storage/index.ts';

/** What a reading thread is started with. */
export interface ReadingThreadData {
  readonly lease: HeadReaderData;
  readonly announcements: MessagePort;
}

/** What it answers to `read`: times and values by the text of their series. */
export type ReadAnswer = Record<string, [number, number][]>;

const { lease, announcements } = workerData as ReadingThreadData;

function drain(): SlabAnnouncement[] {
  const all: SlabAnnouncement[] = [];
  for (;;) {
    const next = receiveMessageOnPort(announcements) as { message: SlabAnnouncement } | undefined;
    if (next === undefined) return all;
    all.push(next.message);
  }
}

const storage = new HeadReaderStorage(lease, { drain });
const port = parentPort!;

async function read(): Promise<ReadAnswer> {
  const querier = storage.querier(-Infinity, Infinity);
  const hints = { minMs: -Infinity, maxMs: Infinity, limit: 0 };
  const cursor = await querier.select([new Matcher('__name__', '!=', '')], hints);
  const into = new SampleBuffer();
  const answer: ReadAnswer = {};
  while (cursor.next()) {
    cursor.read(-Infinity, Infinity, into);
    answer[cursor.labels().toString()] = Array.from({ length: into.length }, (_, i) => [
      into.timestamps[i]!,
      into.values[i]!,
    ]);
  }
  querier.close();
  return answer;
}

port.on('message', (wish: 'read' | 'pin') => {
  if (wish === 'read') {
    void read().then((answer) => {
      port.postMessage(answer);
    });
  } else {
    // Never closed: the thread is going to be ended.
    storage.querier(-Infinity, Infinity);
    port.postMessage('pinned');
  }
});
