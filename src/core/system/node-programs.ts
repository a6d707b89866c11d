import { spawn } from 'node:child_process';
import { TocsinError, errorText } from '../errors.ts';
import type { ProgramCall, ProgramResult, Programs } from '../ports.ts';

const MAX_OUTPUT_BYTES = 4 * 1024 * 1024;

/** Programs as child processes, without a shell. */
export class NodePrograms implements Programs {
  run({ program, args, environment, signal }: ProgramCall): Promise<ProgramResult> {
    return new Promise((resolve, reject) => {
      signal.throwIfAborted();
      const fail = (message: string, cause?: unknown): void => {
        reject(new TocsinError('TOCSIN_ERR_PROGRAM', `${program}: ${message}`, { cause }));
      };
      const child = spawn(program, args, {
        env: { ...process.env, ...environment },
        stdio: ['ignore', 'pipe', 'pipe'],
        windowsHide: true,
      });
      const onAbort = (): void => {
        child.kill('SIGKILL');
        reject(signal.reason as Error);
      };
      signal.addEventListener('abort', onAbort, { once: true });
      let printedBytes = 0;
      const printed = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
      for (const name of ['stdout', 'stderr'] as const) {
        child[name].on('data', (chunk: Buffer) => {
          printedBytes += chunk.length;
          if (printedBytes <= MAX_OUTPUT_BYTES) printed[name].push(chunk);
          else {
            child.kill('SIGKILL');
            fail(`it prints more than ${MAX_OUTPUT_BYTES} bytes`);
          }
        });
      }
      child.on('error', (error) => {
        signal.removeEventListener('abort', onAbort);
        fail(`it could not be started: ${errorText(error)}`, error);
      });
      child.on('close', (exitCode, endedBy) => {
        signal.removeEventListener('abort', onAbort);
        if (exitCode === null) fail(`it was ended by ${endedBy ?? 'a signal'}`);
        else {
          const text = (name: 'stdout' | 'stderr'): string => Buffer.concat(printed[name]).toString('utf8');
          resolve({ exitCode, stdout: text('stdout'), stderr: text('stderr') });
        }
      });
    });
  }
}
