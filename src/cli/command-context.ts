import { userInfo } from 'node:os';
import type { Clock } from '../core/clock.ts';
import type { FileSystem, HttpClient, TextOutput } from '../core/ports.ts';
import { NodeFileSystem } from '../core/system/node-file-system.ts';
import { SystemClock } from '../core/system/system-clock.ts';
import { UndiciHttpClient } from '../core/system/undici-http-client.ts';

/** The world as a command sees it; tests hand in another. */
export interface CommandContext {
  readonly clock: Clock;
  readonly files: FileSystem;
  readonly http: HttpClient;
  readonly stdout: TextOutput;
  readonly stderr: TextOutput;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Who is logged in; '' when nobody knows. */
  readonly userName: string;
  /** Aborted when the command is to end before its time. */
  readonly stop?: AbortSignal;
}

/** Runs a command on the real world and closes its connections; resolves to the exit code. */
export async function withSystem(command: (context: CommandContext) => Promise<number>): Promise<number> {
  const http = new UndiciHttpClient();
  try {
    return await command({
      clock: new SystemClock(),
      files: new NodeFileSystem(),
      http,
      stdout: { write: (text) => void process.stdout.write(text) },
      stderr: { write: (text) => void process.stderr.write(text) },
      environment: process.env,
      userName: currentUser(),
    });
  } finally {
    await http.close();
  }
}

function currentUser(): string {
  try {
    return userInfo().username;
  } catch {
    // A user id without an entry in the system's user list: nobody to name.
    return '';
  }
}
