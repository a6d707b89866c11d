import { execFile } from 'node:child_process';
import { TocsinError } from '../errors.ts';
import type { ProcessRunner } from '../ports.ts';

const MAX_OUTPUT_BYTES = 1024 * 1024;

/** Runs programs by argument list, without a shell. */
export class NodeProcessRunner implements ProcessRunner {
  run(
    file: string,
    args: readonly string[],
    signal: AbortSignal,
  ): Promise<{ readonly exitCode: number; readonly stdout: string; readonly stderr: string }> {
    return new Promise((resolve, reject) => {
      execFile(file, args, { signal, maxBuffer: MAX_OUTPUT_BYTES }, (error, stdout, stderr) => {
        if (error === null) resolve({ exitCode: 0, stdout, stderr });
        else if (typeof error.code === 'number') resolve({ exitCode: error.code, stdout, stderr });
        else {
          const message = `cannot run ${file}: ${error.message}`;
          reject(new TocsinError('TOCSIN_ERR_STATE', message, { cause: error }));
        }
      });
    });
  }
}
