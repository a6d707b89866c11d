import { createServer, get, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { createGunzip, createGzip } from 'node:zlib';
import { afterEach, describe, expect, test } from 'vitest';
import { PieceBody } from '../../../src/api/piece-body.ts';

const PIECE_LENGTH = 64 * 1024;

/** Pieces 'aaaa…', 'bbbb…', …, all in the same memory; what was given is wiped when the next one is asked for. */
class Pieces implements AsyncIterableIterator<Uint8Array> {
  readonly #memory = new Uint8Array(PIECE_LENGTH);
  readonly #count: number;
  readonly #failAt: number;
  given = 0;
  returned = false;

  constructor(count: number, failAt = Infinity) {
    this.#count = count;
    this.#failAt = failAt;
  }

  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    this.#memory.fill(0x3f);
    await Promise.resolve();
    if (this.given === this.#failAt) throw new Error('the thread died');
    if (this.returned || this.given === this.#count) return { done: true, value: undefined };
    this.#memory.fill(0x61 + (this.given++ % 26));
    return { done: false, value: this.#memory };
  }

  return(): Promise<IteratorResult<Uint8Array, undefined>> {
    this.returned = true;
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  static text(count: number): string {
    return Array.from({ length: count }, (_, i) =>
      String.fromCharCode(0x61 + (i % 26)).repeat(PIECE_LENGTH),
    ).join('');
  }
}

let server: Server | undefined;

afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

/** Serves one body and gives the response to a request for it. */
async function serve(body: PieceBody, gzip = false): Promise<IncomingMessage> {
  server = createServer((_request, response) => {
    response.on('close', () => body.destroy());
    body.on('error', () => response.destroy());
    if (gzip) body.pipe(createGzip()).pipe(response);
    else body.pipe(response);
  });
  await new Promise<void>((resolve) => server!.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return await new Promise((resolve, reject) => {
    get({ host: '127.0.0.1', port, agent: false }, resolve).on('error', reject);
  });
}

describe('a body of pieces whose memory is used again', () => {
  test('arrives whole, also when the client is slow to begin', async () => {
    const pieces = new Pieces(300);
    const body = new PieceBody(pieces);
    const sent = new Promise<number>((resolve) => {
      body.onSent = resolve;
    });
    const response = await serve(body);
    // Nobody has read yet: the rest waits for the client, and not in memory.
    await new Promise((resolve) => setImmediate(resolve));
    expect(await text(response)).toBe(Pieces.text(300));
    expect(await sent).toBe(300 * PIECE_LENGTH);
  });

  test('arrives whole through a compressor', async () => {
    const response = await serve(new PieceBody(new Pieces(50)), true);
    expect(await text(response.pipe(createGunzip()))).toBe(Pieces.text(50));
  });

  test('is copied for whoever reads it otherwise', async () => {
    expect(await text(new PieceBody(new Pieces(5)))).toBe(Pieces.text(5));
  });

  test('is given up when the client goes away', async () => {
    const pieces = new Pieces(1_000_000);
    const body = new PieceBody(pieces);
    const closed = new Promise((resolve) => body.once('close', resolve));
    const response = await serve(body);
    response.once('data', () => response.destroy());
    await closed;
    expect(pieces.returned).toBe(true);
    expect(pieces.given).toBeLessThan(1_000_000);
  });

  test('ends the connection when the pieces end with an error', async () => {
    const response = await serve(new PieceBody(new Pieces(10, 3)));
    await expect(text(response)).rejects.toThrow('aborted');
  });
});
