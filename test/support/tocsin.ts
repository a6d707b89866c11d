import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { stopProcess, waitFor, waitForReady } from './processes.ts';

const CLI = join(import.meta.dirname, '../../dist/cli.js');

/** What a command line came to. */
export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  /** Lines of stderr that are not log lines. */
  readonly messages: readonly string[];
}

/** How a program is started. */
export interface StartOptions {
  readonly folder: string;
  readonly environment?: Readonly<Record<string, string>>;
}

/** The built tocsin, with what it has printed so far. */
export class TocsinProcess {
  readonly child: ChildProcess;
  #stdout = '';
  #stderr = '';

  constructor(args: readonly string[], { folder, environment = {} }: StartOptions) {
    this.child = spawn(process.execPath, [CLI, ...args], {
      cwd: folder,
      env: { ...process.env, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.#stdout += text;
    });
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text;
    });
  }

  get stdout(): string {
    return this.#stdout;
  }

  get stderr(): string {
    return this.#stderr;
  }

  /** Lines of stderr that are no log lines. */
  get messages(): string[] {
    return this.#stderr.split('\n').filter((line) => line !== '' && !line.startsWith('time='));
  }

  /** Waits until it listens, or until it is ready; resolves to its URL without a slash at the end. */
  async ready(): Promise<string> {
    const url = await waitFor('a line that tells the address', 20_000, () => {
      const address = /msg="Listening on" component=web address=(\S+)/.exec(this.#stderr)?.[1];
      if (address === undefined && this.child.exitCode !== null) {
        throw new Error(`it ended with ${this.child.exitCode}: ${this.#stderr}`);
      }
      return Promise.resolve(address === undefined ? undefined : `http://${address}`);
    });
    await waitForReady(`${url}/-/ready`, this.child);
    return url;
  }

  /** Resolves to the exit code when it has ended and everything it printed has been read. */
  ended(): Promise<number | null> {
    if (this.child.exitCode !== null && this.child.stdout?.readableEnded === true) {
      return Promise.resolve(this.child.exitCode);
    }
    return new Promise((resolve) => {
      this.child.once('close', resolve);
    });
  }

  /** `kill -9`. */
  async kill(): Promise<void> {
    const ended = this.ended();
    this.child.kill('SIGKILL');
    await ended;
  }

  stop(): Promise<void> {
    return stopProcess(this.child);
  }
}

/** Runs a command line that is expected to end by itself; one that goes on for 20 seconds is killed (code null). */
export async function runTocsin(args: readonly string[], options: StartOptions): Promise<Ended> {
  const tocsin = new TocsinProcess(args, options);
  const killer = setTimeout(() => tocsin.child.kill('SIGKILL'), 20_000);
  const code = await tocsin.ended();
  clearTimeout(killer);
  return { code, stdout: tocsin.stdout, messages: tocsin.messages };
}

/** Gets JSON; fails for anything but 2xx, with the answer's text. */
export async function getJson<T>(url: string): Promise<T> {
  const response = await fetch(url);
  const text = await response.text();
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${text}`);
  return JSON.parse(text) as T;
}

/** Gets `data` out of an answer of the Prometheus API. */
export async function getData<T>(url: string): Promise<T> {
  return (await getJson<{ readonly data: T }>(url)).data;
}

/** Posts JSON. */
export function postJson(url: string, body: unknown): Promise<Response> {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: text });
}
