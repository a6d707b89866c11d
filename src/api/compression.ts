import { Readable, Transform } from 'node:stream';
import { createDeflate, createGzip } from 'node:zlib';
import { PieceBody } from './piece-body.ts';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

/** Bodies shorter than this are sent as they are. */
const MIN_LENGTH = 1024;

const COMPRESSIBLE =
  /^(?:text\/|application\/(?:json|javascript|openmetrics-text|manifest\+json)|image\/svg)/;

/** The encoding that a request asks for, of those there are. */
export function chooseEncoding(acceptEncoding: string | undefined): 'gzip' | 'deflate' | undefined {
  for (const part of (acceptEncoding ?? '').split(',')) {
    const [name = '', ...parameters] = part.split(';').map((text) => text.trim().toLowerCase());
    const refused = parameters.some((parameter) => /^q=0(?:\.0*)?$/.test(parameter));
    if (!refused && (name === 'gzip' || name === 'deflate')) return name;
  }
  return undefined;
}

/** Compresses answers by Accept-Encoding and counts the bytes sent; `counted` is told when an answer is complete. */
export function addCompression(
  app: FastifyInstance,
  counted: (request: FastifyRequest, bytes: number) => void,
): void {
  app.addHook('onSend', (request, reply, payload, done) => {
    void reply.header('vary', addVary(reply));
    const encoding = isCompressible(reply, payload)
      ? chooseEncoding(request.headers['accept-encoding'])
      : undefined;
    if (encoding === undefined) {
      done(
        null,
        count(payload, (bytes) => counted(request, bytes)),
      );
      return;
    }
    void reply.header('content-encoding', encoding).removeHeader('content-length');
    const compressor = encoding === 'gzip' ? createGzip() : createDeflate();
    const source = payload instanceof Readable ? payload : Readable.from([toBuffer(payload)]);
    source.on('error', (error) => compressor.destroy(error));
    compressor.on('close', () => source.destroy());
    done(
      null,
      count(source.pipe(compressor), (bytes) => counted(request, bytes)),
    );
  });
}

function addVary(reply: FastifyReply): string {
  const vary = reply.getHeader('vary');
  return typeof vary === 'string' && vary !== '' ? `${vary}, Accept-Encoding` : 'Accept-Encoding';
}

function isCompressible(reply: FastifyReply, payload: unknown): boolean {
  if (reply.getHeader('content-encoding') !== undefined) return false;
  if (!COMPRESSIBLE.test(String(reply.getHeader('content-type') ?? ''))) return false;
  if (payload instanceof Readable) return true;
  return (typeof payload === 'string' || Buffer.isBuffer(payload)) && payload.length >= MIN_LENGTH;
}

function toBuffer(payload: unknown): Buffer {
  return Buffer.isBuffer(payload) ? payload : Buffer.from(String(payload));
}

/** Passes a body on and tells its length. */
function count(payload: unknown, tell: (bytes: number) => void): unknown {
  if (!(payload instanceof Readable)) {
    const isBody = typeof payload === 'string' || Buffer.isBuffer(payload);
    tell(isBody ? Buffer.byteLength(payload) : 0);
    return payload;
  }
  if (payload instanceof PieceBody) {
    payload.onSent = tell;
    return payload;
  }
  let bytes = 0;
  const counter = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      done(null, chunk);
    },
  });
  payload.on('error', (error) => counter.destroy(error));
  counter.on('close', () => {
    payload.destroy();
    tell(bytes);
  });
  return payload.pipe(counter);
}
