import { errorText } from '../../../core/errors.ts';
import type { ThreadContext } from '../../../core/threads.ts';
import { LogReader } from './log-reader.ts';
import type { OtherRecord } from './log-reader.ts';
import { SampleBatch } from './sample-batch.ts';
import type { SegmentReport } from './wal-reader.ts';

/** Batches in use: one is filled while another is taken. */
const BATCHES = 2;

/** What the thread is started with. */
export interface LogThreadData {
  readonly paths: readonly string[];
  /** Samples that a batch has room for. */
  readonly capacity: number;
}

/** What the thread says, in the order of the log. */
export type FromLogThread =
  | {
      readonly kind: 'stretch';
      readonly buffer: SharedArrayBuffer;
      readonly baseMs: number;
      readonly samples: number;
      readonly slots: number;
      readonly others: readonly OtherRecord[];
    }
  | { readonly kind: 'endOfFile'; readonly file: number; readonly report: SegmentReport }
  | { readonly kind: 'end' }
  | { readonly kind: 'failed'; readonly message: string };

/** Sent to the thread when a stretch was taken: its batch, which may be filled again. */
export type ToLogThread = SharedArrayBuffer;

/** Entry of the thread: reads files of the log, while another thread takes what it has read. */
export function run(context: ThreadContext): void {
  const { paths, capacity } = context.data as LogThreadData;
  const free: SampleBatch[] = [];
  let made = 1;
  let onFree: (() => void) | undefined;
  context.onMessage((message) => {
    if (free.length < BATCHES) free.push(new SampleBatch(message as ToLogThread));
    onFree?.();
  });
  const say = (message: FromLogThread, transfer?: readonly ArrayBuffer[]): void => {
    context.post(message, transfer);
  };
  const reader = new LogReader(context.files, SampleBatch.make(capacity), {
    async take({ batch, others }) {
      const { buffer, baseMs, samples, slots } = batch;
      const transfer = others.flatMap(({ bytes, series }) => {
        if (series !== undefined) return [series.words.buffer, series.texts.buffer];
        // Records of nothing but a fault share one buffer.
        return bytes.length === 0 ? [] : [bytes.buffer];
      }) as ArrayBuffer[];
      say({ kind: 'stretch', buffer, baseMs, samples, slots, others }, transfer);
      if (free.length === 0 && made < BATCHES) {
        made++;
        return SampleBatch.make(capacity);
      }
      while (free.length === 0) {
        await new Promise<void>((resolve) => {
          onFree = resolve;
        });
      }
      return free.shift()!;
    },
    async endOfFile(file, report) {
      say({ kind: 'endOfFile', file, report });
    },
    // Nothing else waits in this thread.
    pause: () => Promise.resolve(),
  });
  reader.read(paths).then(
    () => say({ kind: 'end' }),
    (error: unknown) => say({ kind: 'failed', message: errorText(error) }),
  );
}
