import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { gzipSync } from 'node:zlib';

/** Targets that do with their connections what no HTTP server would, each in its own way, chosen by path. */

const HEAD = 'HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\n';

/** An answer whose length is told as it is, or as somebody wants it. */
function answer(body: Uint8Array | string, more = '', length = Buffer.byteLength(body)): Buffer {
  return Buffer.concat([
    Buffer.from(`${HEAD}${more}Content-Length: ${length}\r\n\r\n`),
    typeof body === 'string' ? Buffer.from(body) : body,
  ]);
}

/** Sends a byte now and then, for as long as it is listened to. */
function drip(socket: Socket): void {
  socket.write(`${HEAD}\r\n`);
  const timer = setInterval(() => socket.write('#'), 50);
  socket.once('close', () => {
    clearInterval(timer);
  });
}

/** Sends comments without end, as fast as they are taken. */
function flood(socket: Socket): void {
  socket.write(`${HEAD}\r\n`);
  const lines = Buffer.from('# nothing to see here\n'.repeat(3000));
  const more = (): void => {
    while (!socket.destroyed && socket.writable && socket.write(lines));
  };
  socket.on('drain', more);
  more();
}

const MANY = 1_000_000;
let manySeries: Buffer | undefined;
let longLine: Buffer | undefined;
let bomb: Buffer | undefined;

/** What each path does. Large answers are made when they are first asked for. */
export const RAW_TARGETS: Readonly<Record<string, (socket: Socket) => void>> = {
  drip,
  flood,
  bomb: (socket) => {
    bomb ??= answer(gzipSync(Buffer.alloc(256 << 20, '\n')), 'Content-Encoding: gzip\r\n');
    socket.write(bomb);
  },
  line: (socket) => {
    longLine ??= answer(`a{b="${'x'.repeat(50 << 20)}"} 1\n`);
    socket.write(longLine);
  },
  many: (socket) => {
    manySeries ??= answer(Array.from({ length: MANY }, (_, i) => `m{i="${i}"} ${i}\n`).join(''));
    socket.write(manySeries);
  },
  short: (socket) => socket.end(answer('a 1\nb 2\n', '', 1000)),
  long: (socket) => socket.write(answer('a 1\nb 2\n', '', 5)),
  loop: (socket) => socket.write('HTTP/1.1 302 Found\r\nLocation: /loop\r\nContent-Length: 0\r\n\r\n'),
  utf8: (socket) =>
    socket.write(
      answer(Buffer.concat([Buffer.from('a{b="'), Buffer.from([0xff, 0xfe]), Buffer.from('"} 1\n')])),
    ),
  reset: (socket) => socket.resetAndDestroy(),
  nonsense: (socket) => socket.end('\0\x01 what is HTTP?\r\n\r\n'),
  head: (socket) => socket.write(`${HEAD}X: ${'y'.repeat(1 << 20)}`),
  fine: (socket) => socket.write(answer('fine 1\n')),
};

/** Serves them all; `close` ends it. */
export async function serveRawTargets(): Promise<{ readonly address: string; close(): Promise<void> }> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    socket.on('data', (chunk) => {
      const path = /^GET \/(\w+)/.exec(chunk.toString('latin1'))?.[1];
      if (path !== undefined && Object.hasOwn(RAW_TARGETS, path)) RAW_TARGETS[path]!(socket);
      // Others speak TLS, and get no answer that they understand.
      else socket.end('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
