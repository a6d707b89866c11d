import { runStorageJob } from './storage-jobs.ts';
import type { JobPorts, StorageJob, StorageJobResult, StorageWorker } from './storage-jobs.ts';

/** Does jobs in the thread it is in, a slice at a time; where there are no threads, as in simulation. */
export class InlineStorageWorker implements StorageWorker {
  readonly #ports: JobPorts;

  constructor(ports: JobPorts) {
    this.#ports = ports;
  }

  run(work: StorageJob): Promise<StorageJobResult> {
    return runStorageJob(work, this.#ports);
  }

  async close(): Promise<void> {
    // Whoever started a job waits for it.
  }
}
