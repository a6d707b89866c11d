import { createServer } from 'node:http';
import type { IncomingHttpHeaders, Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A request as a recording server got it. */
export interface Recorded {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** What it answers. */
export interface Answer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Never answers. */
  readonly hang?: boolean;
}

/** A real HTTP server on 127.0.0.1 that keeps what it gets and answers what it is told. */
export class RecordingServer {
  readonly requests: Recorded[] = [];
  answer: (request: Recorded, index: number) => Answer = () => ({});
  #server!: Server;

  static async start(): Promise<RecordingServer> {
    const recording = new RecordingServer();
    recording.#server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const recorded = {
          method: request.method ?? '',
          path: request.url ?? '',
          headers: request.headers,
          body: Buffer.concat(chunks).toString('utf8'),
        };
        const index = recording.requests.push(recorded) - 1;
        const answer = recording.answer(recorded, index);
        if (answer.hang === true) return;
        response.writeHead(answer.status ?? 200, { ...answer.headers });
        response.end(answer.body ?? '');
      });
    });
    await new Promise<void>((resolve) => recording.#server.listen(0, '127.0.0.1', resolve));
    return recording;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  json(index = 0): unknown {
    return JSON.parse(this.requests[index]!.body);
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}
