import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import type { MessagePort } from 'node:worker_threads';
import { MemoryFileSystem } from '../../../src/core/testing/memory-file-system.ts';
import { SampleBuffer, TsdbReader } from '../../../src/storage/index.ts';
import type { HeadReaderData, SlabAnnouncement } from '../../../src/storage/index.ts';
import { seenInStorage } from './rich-samples.ts';

/** What a reading thread is started with; to `read` it answers what `seenInStorage` gives. */
export interface ReadingThreadData {
  readonly lease: HeadReaderData;
  readonly announcements: MessagePort;
}

const { lease, announcements } = workerData as ReadingThreadData;

function drain(): SlabAnnouncement[] {
  const all: SlabAnnouncement[] = [];
  for (;;) {
    const next = receiveMessageOnPort(announcements) as { message: SlabAnnouncement } | undefined;
    if (next === undefined) return all;
    all.push(next.message);
  }
}

const storage = new TsdbReader(
  { head: lease, deleted: new Float64Array(), path: '/', blocks: [] },
  { drain },
  new MemoryFileSystem(),
).head;
const port = parentPort!;
const into = new SampleBuffer();

port.on('message', (wish: 'read' | 'pin') => {
  if (wish === 'read') {
    void seenInStorage(storage, into).then((answer) => {
      port.postMessage(answer);
    });
  } else {
    // Never closed: the thread is going to be ended.
    storage.querier(-Infinity, Infinity);
    port.postMessage('pinned');
  }
});
