import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { gzipSync } from 'node:zlib';

/**
 * Serves the targets of a fleet, in a process of its own: path `/N` is target N. It does as little as it can, so that the
 * programs that scrape it have the machine. Its one argument is a {@link FleetOptions}; it sends its port to its parent, and for each
 * message how many scrapes it has missed since the message before: times that a target was left alone for long.
 */

/** What a fleet is like. */
export interface FleetOptions {
  /** Of so many series in a hundred the labels change with every scrape. */
  readonly churn: number;
  /** Answers are compressed. */
  readonly gzip: boolean;
}

export const SERIES_PER_TARGET = 1000;
/** Different bodies of one target, one after the other. */
const BODIES = 8;
/** Targets beyond so many have the bodies of those before: their series differ by `instance`. */
const VARIANTS = 25;
/** Targets are asked every second; after so long at least one scrape was left out. */
const GAP_MS = 1500;

/**
 * A body of {@link SERIES_PER_TARGET} series whose values move from scrape to scrape: histograms, counters, gauges. Of
 * `churn` series in a hundred the labels change with every scrape.
 */
function makeBody(target: number, scrape: number, churn: number): string {
  const lines: string[] = ['# TYPE request_seconds histogram'];
  const pod = (i: number): string => (i % 100 < churn ? `,pod="p${scrape}-${i}"` : '');
  for (let i = 0; i < SERIES_PER_TARGET / 2; i++) {
    const labels = `handler="h${i >> 4}",method="GET",le="${(i & 15) / 10}"${pod(i)}`;
    lines.push(`request_seconds_bucket{${labels}} ${(scrape % BODIES) * ((i & 15) + 1) + target}`);
  }
  lines.push('# TYPE requests_total counter');
  for (let i = 0; i < SERIES_PER_TARGET / 4; i++) {
    lines.push(
      `requests_total{handler="h${i}",code="200",method="POST"${pod(i)}} ${(scrape % BODIES) * (i + 3)}`,
    );
  }
  lines.push('# TYPE queue_depth gauge');
  for (let i = 0; i < SERIES_PER_TARGET / 4; i++) {
    lines.push(
      `queue_depth{queue="q${i}",tenant="t${i % 7}"${pod(i)}} ${(((scrape % BODIES) * 7919 + i * 104_729) % 1000) / 8}`,
    );
  }
  return `${lines.join('\n')}\n`;
}

/** The whole answer to a scrape. */
function makeAnswer(target: number, scrape: number, { churn, gzip }: FleetOptions): Buffer {
  const plain = Buffer.from(makeBody(target, scrape, churn));
  const body = gzip ? gzipSync(plain) : plain;
  const head = [
    'HTTP/1.1 200 OK',
    'Content-Type: text/plain; version=0.0.4',
    `Content-Length: ${body.length}`,
    ...(gzip ? ['Content-Encoding: gzip'] : []),
  ];
  return Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), body]);
}

class Answers {
  readonly #options: FleetOptions;
  readonly #made = new Map<number, { readonly scrape: number; readonly answer: Buffer }>();

  constructor(options: FleetOptions) {
    this.#options = options;
    if (options.churn > 0) return;
    for (let target = 0; target < VARIANTS; target++) {
      for (let scrape = 0; scrape < BODIES; scrape++) this.#make(target * BODIES + scrape, target, scrape);
    }
  }

  of(target: number): Buffer {
    const second = Math.floor(Date.now() / 1000);
    const variant = target % VARIANTS;
    if (this.#options.churn === 0) return this.#made.get(variant * BODIES + (second % BODIES))!.answer;
    const made = this.#made.get(variant);
    return made?.scrape === second ? made.answer : this.#make(variant, variant, second);
  }

  #make(key: number, target: number, scrape: number): Buffer {
    const answer = makeAnswer(target, scrape, this.#options);
    this.#made.set(key, { scrape, answer });
    return answer;
  }
}

/** Notes when targets are asked. */
class Visits {
  readonly #lastMs = new Map<number, number>();
  #gaps = 0;

  note(target: number): void {
    const nowMs = performance.now();
    const lastMs = this.#lastMs.get(target);
    if (lastMs !== undefined && nowMs - lastMs > GAP_MS)
      this.#gaps += Math.round((nowMs - lastMs) / 1000) - 1;
    this.#lastMs.set(target, nowMs);
  }

  /** How many scrapes were left out since this was asked last. */
  take(): number {
    const gaps = this.#gaps;
    this.#gaps = 0;
    return gaps;
  }
}

/** Answers requests that come one after the other on a connection, each in one piece, as those of scrapers do. */
function serve(socket: Socket, answers: Answers, visits: Visits): void {
  socket.setNoDelay(true);
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk: Buffer) => {
    const target = Number(/^GET \/(\d+)/.exec(chunk.toString('latin1', 0, 32))?.[1] ?? 0);
    visits.note(target);
    socket.write(answers.of(target));
  });
}

if (process.send !== undefined) {
  const answers = new Answers(JSON.parse(process.argv[2] ?? '{}') as FleetOptions);
  const visits = new Visits();
  const server = createServer((socket) => {
    serve(socket, answers, visits);
  });
  server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () => {
    process.send!((server.address() as AddressInfo).port);
  });
  process.on('message', () => {
    process.send!(visits.take());
  });
  process.on('disconnect', () => process.exit(0));
}
