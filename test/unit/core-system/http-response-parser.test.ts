import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { HttpFormatError, ResponseParser } from '../../../src/core/system/http-response-parser.ts';

interface Seen {
  status: number;
  headers: Readonly<Record<string, string>>;
  body: string;
  isComplete: boolean;
  keepsConnection: boolean;
  /** What is left behind the response. */
  rest: string;
}

/** Feeds a response in pieces of the given lengths, the last one again and again; then the connection ends if `closes`. */
function read(text: string, lengths: readonly number[] = [], closes = false, method = 'GET'): Seen {
  const seen: Seen = {
    status: 0,
    headers: {},
    body: '',
    isComplete: false,
    keepsConnection: false,
    rest: '',
  };
  const parser = new ResponseParser(method, {
    head(status, headers) {
      seen.status = status;
      seen.headers = headers;
    },
    data(bytes, from, to) {
      seen.body += bytes.toString('latin1', from, to);
    },
  });
  const all = Buffer.from(text, 'latin1');
  let at = 0;
  for (let i = 0; at < all.length && !parser.isComplete; i++) {
    const length = Math.max(1, lengths[Math.min(i, lengths.length - 1)] ?? all.length);
    const piece = Buffer.alloc(length + 10, '\r\n');
    const copied = all.copy(piece, 0, at, at + length);
    at += parser.push(piece, copied);
  }
  if (closes) parser.close();
  seen.isComplete = parser.isComplete;
  seen.keepsConnection = parser.keepsConnection;
  seen.rest = all.toString('latin1', at);
  return seen;
}

const CHUNKED = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n';

describe('a response', () => {
  test.each<[string, string, Partial<Seen>]>([
    [
      'of a known length',
      'HTTP/1.1 200 OK\r\nContent-Length: 3\r\nX-A: b\r\n\r\nabc',
      {
        status: 200,
        body: 'abc',
        isComplete: true,
        keepsConnection: true,
        headers: { 'content-length': '3', 'x-a': 'b' },
      },
    ],
    [
      'with more behind it',
      'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcHTTP/1.1',
      { body: 'abc', rest: 'HTTP/1.1' },
    ],
    ['without a reason', 'HTTP/1.1 503\r\nContent-Length: 0\r\n\r\n', { status: 503, isComplete: true }],
    [
      'with bare line feeds',
      'HTTP/1.1 200 OK\nContent-Length: 8\nA: b\n\nab\r\n\r\ncd',
      { body: 'ab\r\n\r\ncd', isComplete: true },
    ],
    [
      'in chunks',
      `${CHUNKED}3\r\nabc\r\nA;x="y"\r\n0123456789\r\n0\r\nT: u\r\n\r\n`,
      { body: 'abc0123456789', isComplete: true, keepsConnection: true },
    ],
    ['in chunks without trailers', `${CHUNKED}0\r\n\r\nmore`, { body: '', isComplete: true, rest: 'more' }],
    [
      'after interim ones',
      'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 204 None\r\n\r\n',
      { status: 204, headers: {}, isComplete: true },
    ],
    [
      'that ends the connection',
      'HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: 1\r\n\r\nx',
      { isComplete: true, keepsConnection: false },
    ],
    [
      'of HTTP/1.0',
      'HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx',
      { isComplete: true, keepsConnection: false },
    ],
    [
      'of HTTP/1.0 that keeps the connection',
      'HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\nx',
      { isComplete: true, keepsConnection: true },
    ],
    [
      'with equal headers',
      'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\nA: 1\r\na: 2\r\n__proto__: 3\r\n\r\nx',
      { body: 'x', isComplete: true },
    ],
    [
      'that is cut off',
      'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc',
      { body: 'abc', isComplete: false },
    ],
    ['whose head is cut off', 'HTTP/1.1 200 OK\r\nContent-Le', { status: 0, isComplete: false }],
  ])('%s', (_, text, expected) => {
    for (const lengths of [[text.length], [1], [2], [7], [text.length - 1, 1]]) {
      expect(read(text, lengths)).toMatchObject(expected);
    }
  });

  test('without a length ends with the connection', () => {
    const text = 'HTTP/1.1 200 OK\r\n\r\nabc';
    expect(read(text)).toMatchObject({ body: 'abc', isComplete: false });
    expect(read(text, [], true)).toMatchObject({ body: 'abc', isComplete: true, keepsConnection: false });
  });

  test('to HEAD, 204 and 304 have no body whatever they say', () => {
    const text = 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n';
    expect(read(text, [], false, 'HEAD').isComplete).toBe(true);
    expect(read(text.replace('200', '304')).isComplete).toBe(true);
  });

  test('equal headers are joined, and named as they please', () => {
    const { headers } = read('HTTP/1.1 200 OK\r\nA: 1\r\na: 2\r\n__proto__: 3\r\n\r\n');
    expect(Object.entries(headers)).toEqual([
      ['a', '1, 2'],
      ['__proto__', '3'],
    ]);
  });

  test.each([
    ['no HTTP', 'SSH-2.0-OpenSSH_9\r\n\r\n', 'malformed HTTP response'],
    ['HTTP/2', 'HTTP/2 200\r\n\r\n', 'malformed HTTP response'],
    ['a header without colon', 'HTTP/1.1 200 OK\r\nabc\r\n\r\n', 'bad header'],
    ['a header with a blank in its name', 'HTTP/1.1 200 OK\r\na b: c\r\n\r\n', 'bad header'],
    ['a folded header', 'HTTP/1.1 200 OK\r\na: b\r\n c\r\n\r\n', 'bad header'],
    [
      'two lengths',
      'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n',
      'bad Content-Length',
    ],
    ['a negative length', 'HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n', 'bad Content-Length'],
    ['another coding', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n', 'unsupported transfer'],
    ['another protocol', 'HTTP/1.1 101 Switching\r\n\r\n', 'another protocol'],
    ['a bad size of a chunk', `${CHUNKED}x\r\n`, 'bad size of a chunk'],
    ['a chunk that is too long', `${CHUNKED}1\r\nabc\r\n`, 'longer than it says'],
    ['an endless size of a chunk', `${CHUNKED}1;${'x'.repeat(5000)}`, 'too long'],
    ['endless trailers', `${CHUNKED}0\r\n${'A: b\r\n'.repeat(20_000)}`, 'too long'],
    ['an endless head', `HTTP/1.1 200 OK\r\n${'A: b\r\n'.repeat(20_000)}`, 'headers are too large'],
    ['an endless line', 'HTTP/1.1 200 OK'.padEnd(100_000, 'x'), 'headers are too large'],
  ])('%s is refused', (_, text, message) => {
    for (const lengths of [[text.length], [1000], [1]]) expect(() => read(text, lengths)).toThrow(message);
  });

  test('reads the same however it is cut', () => {
    const body = fc.string({ unit: fc.constantFrom('a', '\r', '\n', '0', ':', ' '), maxLength: 60 });
    const chunks = fc.array(
      body.filter((text) => text !== ''),
      { maxLength: 4 },
    );
    const response = fc.oneof(
      body.map((text) => `HTTP/1.1 200 OK\r\nContent-Length: ${text.length}\r\n\r\n${text}`),
      chunks.map(
        (all) =>
          `${CHUNKED}${all.map((text) => `${text.length.toString(16)}\r\n${text}\r\n`).join('')}0\r\n\r\n`,
      ),
    );
    const lengths = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(response, lengths, (text, cuts) => {
        const whole = read(text);
        expect(whole.isComplete).toBe(true);
        expect(read(text, cuts)).toEqual(whole);
      }),
    );
  });

  test('throws nothing but its own error, whatever comes', () => {
    const piece = fc.oneof(
      fc.constantFrom('HTTP/1.1 200 OK', '\r\n', '\n', 'Content-Length: 5', CHUNKED, '5', '0', 'A: b', ' '),
      fc.string({ unit: 'binary-ascii', maxLength: 20 }),
    );
    const lengths = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 20 }), lengths, (pieces, cuts) => {
        try {
          read(pieces.join(''), cuts, true);
        } catch (error) {
          expect(error).toBeInstanceOf(HttpFormatError);
        }
      }),
    );
  });
});
