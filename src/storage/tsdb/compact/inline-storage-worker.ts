import { InterruptedError } from './failures.ts';
import { runStorageJob } from './storage-jobs.ts';
import type { JobPorts, StorageJob, StorageJobResult, StorageWorker } from './storage-jobs.ts';

/** Does jobs in the thread it is in, a slice at a time; where there are no threads, as in simulation. */
export class InlineStorageWorker implements StorageWorker {
  readonly #ports: JobPorts;
  #isClosed = false;

  constructor(ports: JobPorts) {
    this.#ports = ports;
  }

  async run(work: StorageJob): Promise<StorageJobResult> {
    const pause = async (): Promise<void> => {
      if (this.#isClosed) throw new InterruptedError(work.kind);
      await this.#ports.pause();
    };
    if (this.#isClosed) throw new InterruptedError(work.kind);
    return runStorageJob(work, { ...this.#ports, pause });
  }

  /** What is under way ends at its next pause; whoever started it waits for it. */
  async close(): Promise<void> {
    this.#isClosed = true;
  }
}
