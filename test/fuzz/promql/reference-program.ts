import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, stopProcess, waitForReady } from '../../support/processes.ts';
import { fromApi, type Answer, type ApiAnswer, type FuzzQuery } from './answers.ts';
import type { FuzzSeries } from './data.ts';
import { remoteWrite } from './remote-write.ts';

/** What of PromQL is enabled in both programs. */
export interface Features {
  /** A Prometheus of version 3: everything experimental is used and nothing differs by version. */
  readonly full: boolean;
  readonly delayedNameRemoval: boolean;
}

/** Whether a program is Prometheus 3 (or built without saying its version). Throws Error when it doesn't run. */
export function isVersion3(program: string): boolean {
  const { stdout, stderr, error } = spawnSync(program, ['--version'], { encoding: 'utf8' });
  if (error !== undefined) throw new Error(`${program} does not run`, { cause: error });
  return !/ version [0-2]\./.test(stdout + stderr);
}

/** A Prometheus that has some data and answers queries. */
export class ReferenceProgram {
  readonly #folder: string;
  readonly #child: ChildProcess;
  /** URL without a slash at its end. */
  readonly address: string;

  private constructor(folder: string, child: ChildProcess, address: string) {
    this.#folder = folder;
    this.#child = child;
    this.address = address;
  }

  /** Starts the program with the data in a folder that {@link stop} removes. */
  static async start(
    program: string,
    data: readonly FuzzSeries[],
    features: Features,
  ): Promise<ReferenceProgram> {
    const folder = mkdtempSync(join(tmpdir(), 'tocsin-fuzz-'));
    const running = await ReferenceProgram.open(program, folder, features, '30d');
    try {
      await remoteWrite(running.address, data);
    } catch (error) {
      await running.stop();
      throw error;
    }
    return running;
  }

  /** Starts the program on a folder, whose `data` it uses; blocks have `blockDuration`. `config` is its configuration. */
  static async open(
    program: string,
    folder: string,
    features: Features,
    blockDuration: string,
    config = 'global: {}\n',
  ): Promise<ReferenceProgram> {
    writeFileSync(join(folder, 'prometheus.yml'), config);
    const port = await freePort();
    const enabled = features.full
      ? ['promql-experimental-functions', 'promql-extended-range-selectors', 'promql-binop-fill-modifiers']
      : ['native-histograms', 'promql-at-modifier', 'promql-negative-offset'];
    if (features.delayedNameRemoval) enabled.push('promql-delayed-name-removal');
    const child = spawn(
      program,
      [
        '--config.file=prometheus.yml',
        '--storage.tsdb.path=data',
        '--storage.tsdb.retention.time=200y',
        `--storage.tsdb.min-block-duration=${blockDuration}`,
        `--storage.tsdb.max-block-duration=${blockDuration}`,
        '--web.enable-remote-write-receiver',
        `--enable-feature=${enabled.join(',')}`,
        `--web.listen-address=127.0.0.1:${port}`,
      ],
      { cwd: folder, stdio: 'ignore' },
    );
    const running = new ReferenceProgram(folder, child, `http://127.0.0.1:${port}`);
    try {
      await waitForReady(`${running.address}/-/ready`, child);
    } catch (error) {
      await running.stop();
      throw error;
    }
    return running;
  }

  async answer({ expr, instant, startMs, endMs, stepMs }: FuzzQuery): Promise<Answer> {
    const body = new URLSearchParams({ query: expr });
    if (instant) body.set('time', String(startMs / 1000));
    else {
      body.set('start', String(startMs / 1000));
      body.set('end', String(endMs / 1000));
      body.set('step', String(stepMs / 1000));
    }
    const path = instant ? 'query' : 'query_range';
    const response = await fetch(`${this.address}/api/v1/${path}`, { method: 'POST', body });
    return fromApi((await response.json()) as ApiAnswer);
  }

  /** Ends it, as one should unless told; the folder stays. */
  async end(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    await stopProcess(this.#child, signal);
  }

  async stop(): Promise<void> {
    await stopProcess(this.#child, 'SIGKILL');
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
