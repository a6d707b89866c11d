import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { createServer } from 'node:net';
import type { AddressInfo, Server } from 'node:net';

const TYPE_NUMBERS = { A: 1, NS: 2, CNAME: 5, MX: 15, AAAA: 28, SRV: 33 } as const;

/** A record that a {@link DnsServer} gives; names are written without the dot at their end. */
export type ServedRecord =
  | { readonly type: 'A' | 'AAAA'; readonly address: string }
  | { readonly type: 'NS' | 'CNAME'; readonly name: string }
  | { readonly type: 'MX'; readonly name: string }
  | { readonly type: 'SRV'; readonly name: string; readonly port: number };

/** What a {@link DnsServer} says to a question: records, or a code (2 SERVFAIL, 3 NXDOMAIN, 5 REFUSED), or nothing. */
export type ServedAnswer =
  | { readonly records: readonly ServedRecord[]; readonly truncateUdp?: boolean }
  | { readonly code: number }
  | 'silence';

/** A real DNS server on 127.0.0.1, over UDP and TCP on one port. */
export class DnsServer {
  /** `name type protocol` of each question; names have no dot at their end. */
  readonly questions: string[] = [];
  answer: (name: string, type: string) => ServedAnswer = () => ({ code: 3 });
  readonly #udp: Socket;
  readonly #tcp: Server;

  private constructor(udp: Socket, tcp: Server) {
    this.#udp = udp;
    this.#tcp = tcp;
    udp.on('message', (message, { port, address }) => {
      const reply = this.#reply(message, 'udp');
      if (reply !== undefined) udp.send(reply, port, address);
    });
    tcp.on('connection', (socket) => {
      socket.on('error', () => socket.destroy());
      socket.on('data', (bytes: Buffer) => {
        const reply = this.#reply(bytes.subarray(2), 'tcp');
        if (reply === undefined) return;
        const length = Buffer.alloc(2);
        length.writeUInt16BE(reply.length);
        socket.end(Buffer.concat([length, reply]));
      });
    });
  }

  static async start(): Promise<DnsServer> {
    const tcp = createServer();
    await new Promise<void>((resolve) => tcp.listen(0, '127.0.0.1', resolve));
    const { port } = tcp.address() as AddressInfo;
    const udp = createSocket('udp4');
    const isBound = await new Promise<boolean>((resolve) => {
      udp.once('error', () => resolve(false));
      udp.bind(port, '127.0.0.1', () => resolve(true));
    });
    if (isBound) return new DnsServer(udp, tcp);
    // Somebody else has this port for UDP.
    tcp.close();
    return DnsServer.start();
  }

  /** `127.0.0.1:port`. */
  get address(): string {
    return `127.0.0.1:${this.#udp.address().port}`;
  }

  async stop(): Promise<void> {
    await new Promise<void>((resolve) => this.#udp.close(() => resolve()));
    await new Promise<void>((resolve) => this.#tcp.close(() => resolve()));
  }

  #reply(message: Buffer, protocol: 'udp' | 'tcp'): Buffer | undefined {
    const labels: string[] = [];
    let at = 12;
    for (let length = message[at]!; length > 0; length = message[at]!) {
      labels.push(message.toString('latin1', at + 1, at + 1 + length));
      at += 1 + length;
    }
    const typeNumber = message.readUInt16BE(at + 1);
    const type = Object.entries(TYPE_NUMBERS).find(([, number]) => number === typeNumber)?.[0] ?? '?';
    const name = labels.join('.');
    this.questions.push(`${name} ${type} ${protocol}`);
    const answer = this.answer(name, type);
    if (answer === 'silence') return undefined;
    const isCut = protocol === 'udp' && 'records' in answer && answer.truncateUdp === true;
    const records = 'records' in answer && !isCut ? answer.records : [];
    const header = Buffer.alloc(12);
    message.copy(header, 0, 0, 2);
    const code = 'code' in answer ? answer.code : 0;
    header.writeUInt16BE(0x8180 | (isCut ? 0x0200 : 0) | code, 2);
    header.writeUInt16BE(1, 4);
    header.writeUInt16BE(records.length, 6);
    return Buffer.concat([
      header,
      message.subarray(12, at + 5),
      ...records.map((one) => recordBytes(name, one)),
    ]);
  }
}

function recordBytes(owner: string, record: ServedRecord): Buffer {
  const data = dataBytes(record);
  const fixed = Buffer.alloc(10);
  fixed.writeUInt16BE(TYPE_NUMBERS[record.type], 0);
  fixed.writeUInt16BE(1, 2);
  fixed.writeUInt32BE(30, 4);
  fixed.writeUInt16BE(data.length, 8);
  return Buffer.concat([nameBytes(owner), fixed, data]);
}

function dataBytes(record: ServedRecord): Buffer {
  switch (record.type) {
    case 'A':
      return Buffer.from(record.address.split('.').map(Number));
    case 'AAAA':
      return Buffer.from(
        record.address
          .split(':')
          .map((group) => group.padStart(4, '0'))
          .join(''),
        'hex',
      );
    case 'SRV': {
      const fixed = Buffer.alloc(6);
      fixed.writeUInt16BE(record.port, 4);
      return Buffer.concat([fixed, nameBytes(record.name)]);
    }
    case 'MX':
      return Buffer.concat([Buffer.from([0, 10]), nameBytes(record.name)]);
    case 'NS':
    case 'CNAME':
      return nameBytes(record.name);
  }
}

function nameBytes(name: string): Buffer {
  const labels = name
    .split('.')
    .map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)]));
  return Buffer.concat([...labels, Buffer.from([0])]);
}
