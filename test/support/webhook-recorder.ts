import type { IncomingMessage, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { type TestServer, serveHttp } from './http-server.ts';

/** An alert as a webhook tells it. */
export interface ToldAlert {
  readonly status: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly startsAt: string;
  readonly endsAt: string;
  readonly fingerprint: string;
}

/** A notification that arrived. */
export interface Told {
  readonly groupKey: string;
  readonly alerts: readonly ToldAlert[];
}

/** A webhook that writes down what arrives, and answers when `delayMs()` has passed. */
export class WebhookRecorder {
  readonly told: Told[] = [];
  readonly #delayMs: () => number;
  #server: TestServer | undefined;
  #arrival = Promise.withResolvers<void>();

  constructor(delayMs: () => number) {
    this.#delayMs = delayMs;
  }

  /** Resolves to the URL. */
  async start(): Promise<string> {
    this.#server = await serveHttp((request, response) => {
      void this.#answer(request, response);
    });
    return `http://${this.#server.address}/`;
  }

  async close(): Promise<void> {
    await this.#server?.close();
  }

  /** Resolves when the next notification arrives; it has no answer yet. */
  nextArrival(): Promise<void> {
    return this.#arrival.promise;
  }

  /** What it was told last of every alert: fingerprint and status. */
  lastStatuses(): Map<string, string> {
    return new Map(
      this.told.flatMap(({ alerts }) => alerts.map(({ fingerprint, status }) => [fingerprint, status])),
    );
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.told.push(JSON.parse(await text(request)) as Told);
    this.#arrival.resolve();
    this.#arrival = Promise.withResolvers<void>();
    setTimeout(() => {
      response.writeHead(200).end();
    }, this.#delayMs());
  }
}
