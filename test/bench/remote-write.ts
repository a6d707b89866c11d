import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { snappyCompress } from '../../src/core/compression/snappy.ts';
import { ProtoWriter } from '../../src/core/protobuf/proto-writer.ts';
import { freePort, stopProcess, waitForReady } from '../support/processes.ts';
import { hasProgram } from '../support/programs.ts';
import { pause } from './support/fleet.ts';
import { ratio, readProcess } from './support/process-figures.ts';

const SERIES = 50_000;
/** As Prometheus' `max_samples_per_send`. */
const PER_REQUEST = 2000;
const WARM_UP_ROUNDS = 4;
const ROUNDS = 20;
const STEP_MS = 15_000;
const CONNECTIONS = 2;
/** How long work that goes on behind the answers is counted still. */
const SETTLE_MS = 3000;

/** A round has a sample of each series, in as many bodies as a sender would make of them. */
type Round = readonly Uint8Array[];

function labelsOf(i: number): readonly (readonly [string, string])[] {
  const kind = i % 4;
  return [
    [
      '__name__',
      kind === 0 ? 'request_seconds_bucket' : kind === 1 ? 'requests_total' : `gpu_metric_${i % 40}`,
    ],
    ['cluster', 'eu-west-1'],
    ['handler', `/v1/models/${i % 50}/infer`],
    ['instance', `replica-${i % 200}.models.svc:8080`],
    ['job', 'models'],
    ['le', `${(i % 13) / 10}`],
    ['model', `model-${i % 7}`],
    ['pod', `replica-${i % 200}-${i}`],
  ];
}

function makeRound(round: number, startMs: number): Round {
  const out = new ProtoWriter();
  const bodies: Uint8Array[] = [];
  for (let from = 0; from < SERIES; from += PER_REQUEST) {
    out.clear();
    for (let i = from; i < Math.min(from + PER_REQUEST, SERIES); i++) {
      out.message(1, () => {
        for (const [name, value] of labelsOf(i)) {
          out.message(1, () => {
            out.text(1, name);
            out.text(2, value);
          });
        }
        out.message(2, () => {
          out.double(1, i % 4 < 2 ? round * ((i % 17) + 1) + i : ((round * 7919 + i * 104_729) % 1000) / 8);
          out.int(2, startMs + round * STEP_MS + (i % 200) * 7);
        });
      });
    }
    bodies.push(snappyCompress(out.bytes));
  }
  return bodies;
}

/** A program that takes samples. */
interface Receiver {
  readonly name: string;
  readonly ready: string;
  readonly start: (folder: string, port: number, cli: string) => ChildProcess;
}

const RECEIVERS: readonly Receiver[] = [
  {
    name: 'tocsin',
    ready: '/-/ready',
    start: (folder, port, cli) => {
      const args = [
        cli,
        'serve',
        `--config.file=${join(folder, 'prometheus.yml')}`,
        `--storage.tsdb.path=${join(folder, 'tocsin')}`,
        `--web.listen-address=127.0.0.1:${port}`,
        '--web.enable-remote-write-receiver',
        '--log.level=warn',
      ];
      return spawn(process.execPath, args, { stdio: ['ignore', 'inherit', 'inherit'] });
    },
  },
  {
    name: 'prometheus',
    ready: '/-/ready',
    start: (folder, port) => {
      const args = [
        `--config.file=${join(folder, 'prometheus.yml')}`,
        `--storage.tsdb.path=${join(folder, 'prometheus')}`,
        `--web.listen-address=127.0.0.1:${port}`,
        '--web.enable-remote-write-receiver',
        '--log.level=warn',
      ];
      return spawn('prometheus', args, { stdio: ['ignore', 'inherit', 'inherit'] });
    },
  },
  {
    name: 'victoria-metrics',
    ready: '/health',
    start: (folder, port) => {
      const args = [`-storageDataPath=${join(folder, 'victoria')}`, `-httpListenAddr=127.0.0.1:${port}`];
      return spawn('victoria-metrics', args, { stdio: 'ignore' });
    },
  },
];

function post(agent: Agent, port: number, body: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    const headers = {
      'content-type': 'application/x-protobuf',
      'content-encoding': 'snappy',
      'content-length': body.length,
      'x-prometheus-remote-write-version': '0.1.0',
    };
    const sent = request(
      { agent, port, host: '127.0.0.1', method: 'POST', path: '/api/v1/write', headers },
      (response) => {
        response.resume().on('end', () => {
          if (response.statusCode === 204 || response.statusCode === 200) resolve();
          else reject(new Error(`answered ${response.statusCode}`));
        });
      },
    );
    sent.on('error', reject);
    sent.end(body);
  });
}

/** Rounds one after the other: within one the order does not matter. */
async function sendAll(port: number, rounds: readonly Round[]): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  for (const round of rounds) await Promise.all(round.map((body) => post(agent, port, body)));
  agent.destroy();
}

interface Figures {
  readonly cpuPerMillion: number;
  readonly seconds: number;
  readonly peakMiB: number;
}

async function measure(
  receiver: Receiver,
  folder: string,
  rounds: readonly Round[],
  cli: string,
): Promise<Figures> {
  const port = await freePort();
  const child = receiver.start(folder, port, cli);
  try {
    await waitForReady(`http://127.0.0.1:${port}${receiver.ready}`, child);
    await sendAll(port, rounds.slice(0, WARM_UP_ROUNDS));
    const before = readProcess(child.pid!);
    const startMs = performance.now();
    await sendAll(port, rounds.slice(WARM_UP_ROUNDS));
    const seconds = (performance.now() - startMs) / 1000;
    await pause(SETTLE_MS);
    const after = readProcess(child.pid!);
    const millions = (SERIES * ROUNDS) / 1e6;
    return {
      cpuPerMillion: (after.cpuSeconds - before.cpuSeconds) / millions,
      seconds,
      peakMiB: after.peakBytes / 1024 / 1024,
    };
  } finally {
    await stopProcess(child);
  }
}

/** Has each program take the same bodies, and prints what it cost; `cli` is the program of ours. */
export async function compareReceiving(cli: string): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'tocsin-bench-'));
  try {
    writeFileSync(join(folder, 'prometheus.yml'), 'global: {}\n');
    const startMs = Date.now() - (WARM_UP_ROUNDS + ROUNDS) * STEP_MS;
    const rounds = Array.from({ length: WARM_UP_ROUNDS + ROUNDS }, (_, round) => makeRound(round, startMs));
    const bytes = rounds.flat().reduce((sum, { length }) => sum + length, 0);
    const samples = SERIES * rounds.length;
    console.log(`${SERIES} series, ${(bytes / samples).toFixed(1)} compressed bytes a sample`);
    const results = new Map<string, Figures>();
    for (const receiver of RECEIVERS) {
      if (receiver.name !== 'tocsin' && !hasProgram(receiver.name)) continue;
      const figures = await measure(receiver, folder, rounds, cli);
      results.set(receiver.name, figures);
      console.log(
        `${receiver.name}: ${figures.cpuPerMillion.toFixed(2)} CPU s per million samples, ` +
          `${figures.seconds.toFixed(1)} s for a million, peak ${figures.peakMiB.toFixed(0)} MiB`,
      );
    }
    const ours = results.get('tocsin')!;
    for (const name of ['prometheus', 'victoria-metrics']) {
      const theirs = results.get(name);
      console.log(`tocsin / ${name}: CPU ${ratio(ours.cpuPerMillion, theirs?.cpuPerMillion)}`);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A million samples of 50,000 series by remote write 1.0, the same bodies to each program: CPU seconds of its process. */
export async function run(): Promise<void> {
  await compareReceiving(join(import.meta.dirname, '../../dist/cli.js'));
}
