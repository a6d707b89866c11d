import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Clock } from '../core/clock.ts';
import { errorText } from '../core/errors.ts';
import type { ModelServer } from './model-server.ts';

/** A simulated server that listens. */
export interface RunningServer {
  readonly server: ModelServer;
  /** `host:port` to scrape. */
  readonly address: string;
}

/**
 * Lets simulated servers answer `/metrics` over HTTP, each on a port of its own. While the scenario has one down, it
 * cuts connections without an answer.
 */
export class FleetServer {
  readonly #clock: Clock;
  readonly #host: string;
  readonly #listening: Server[] = [];

  constructor(clock: Clock, host: string) {
    this.#clock = clock;
    this.#host = host;
  }

  /** Starts a listener for each server: on consecutive ports from `firstPort`, or any free ones for 0. */
  async start(fleet: readonly ModelServer[], firstPort: number): Promise<RunningServer[]> {
    const running: RunningServer[] = [];
    for (const [i, server] of fleet.entries()) {
      const listener = createServer((request, response) => {
        this.#answer(server, request, response);
      });
      this.#listening.push(listener);
      await new Promise<void>((resolve, reject) => {
        listener.once('error', reject);
        listener.listen(firstPort === 0 ? 0 : firstPort + i, this.#host, resolve);
      });
      const { port } = listener.address() as AddressInfo;
      running.push({ server, address: `${this.#host}:${port}` });
    }
    return running;
  }

  async stop(): Promise<void> {
    await Promise.all(
      this.#listening.splice(0).map((listener) => {
        listener.closeAllConnections();
        return new Promise((resolve) => listener.close(resolve));
      }),
    );
  }

  #answer(server: ModelServer, request: IncomingMessage, response: ServerResponse): void {
    const nowMs = this.#clock.nowMs();
    if (server.isDown(nowMs)) {
      request.socket.destroy();
      return;
    }
    const path = new URL(request.url ?? '/', 'http://server').pathname;
    if (path !== '/metrics') {
      response.writeHead(404).end(`${server.replica} serves only /metrics\n`);
      return;
    }
    server.render(nowMs).then(
      (body) => {
        response.writeHead(200, { 'content-type': server.registry.contentType }).end(body);
      },
      (error: unknown) => {
        response.writeHead(500).end(`${errorText(error)}\n`);
      },
    );
  }
}
