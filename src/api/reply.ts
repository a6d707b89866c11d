import { Readable } from 'node:stream';
import type { FastifyReply } from 'fastify';
import type { Clock } from '../core/clock.ts';
import { PieceBody } from './piece-body.ts';
import { json, jsonObject, type JsonPieces } from './json-text.ts';

/** Text that is handed on at a time. */
const PIECE_LENGTH = 64 * 1024;
/** Text that is made before other work gets a turn. */
const TURN_LENGTH = 128 * 1024;

const JSON_TYPE = 'application/json';

/** A successful answer of the Prometheus API. */
export interface Success {
  readonly data: JsonPieces;
  readonly warnings?: readonly string[];
  readonly infos?: readonly string[];
}

/** A successful answer whose data is at hand as bytes. */
export interface BytesAnswer {
  /** Data before and after the bytes. */
  readonly before: string;
  readonly after: string;
  /** The bytes when they are few. */
  readonly text: Uint8Array | undefined;
  /** The bytes in pieces otherwise. */
  readonly pieces: AsyncIterable<Uint8Array>;
  readonly warnings: readonly string[];
  readonly infos: readonly string[];
}

/** Sends pieces of text: in one when they are few, else as a stream that gives other work its turns. */
export async function sendPieces(
  reply: FastifyReply,
  pieces: Iterable<string>,
  contentType: string,
  clock: Clock,
): Promise<FastifyReply> {
  const iterator = pieces[Symbol.iterator]();
  const first = gather(iterator);
  void reply.header('content-type', contentType);
  if (first.done) return reply.send(Buffer.from(first.text));
  return reply.send(Readable.from(rest(first.text, iterator, clock), { objectMode: false }));
}

/** Sends the envelope of a success. */
export function sendSuccess(reply: FastifyReply, success: Success, clock: Clock): Promise<FastifyReply> {
  const { data, warnings = [], infos = [] } = success;
  const fields: Record<string, JsonPieces> = { status: json('success'), data };
  if (warnings.length > 0) fields['warnings'] = json(warnings);
  if (infos.length > 0) fields['infos'] = json(infos);
  return sendPieces(reply, jsonObject(fields), JSON_TYPE, clock);
}

/** Sends the envelope of a success around bytes, as they come and no faster than they are taken. */
export function sendBytes(reply: FastifyReply, answer: BytesAnswer): FastifyReply {
  const { text, pieces, warnings, infos } = answer;
  const before = `{"status":"success","data":${answer.before}`;
  const more = warnings.length > 0 ? `,"warnings":${JSON.stringify(warnings)}` : '';
  const after = `${answer.after}${more}${infos.length > 0 ? `,"infos":${JSON.stringify(infos)}` : ''}}`;
  void reply.header('content-type', JSON_TYPE);
  if (text !== undefined) return reply.send(Buffer.concat([Buffer.from(before), text, Buffer.from(after)]));
  return reply.send(new PieceBody(new Framed(before, pieces, after)));
}

/** Pieces with a text before and one after; whoever gives it up, even before it began, gives the pieces up. */
class Framed implements AsyncIterableIterator<Uint8Array> {
  readonly #pieces: AsyncIterator<Uint8Array>;
  readonly #after: string;
  #before: string | undefined;
  #over = false;

  constructor(before: string, pieces: AsyncIterable<Uint8Array>, after: string) {
    this.#before = before;
    this.#pieces = pieces[Symbol.asyncIterator]();
    this.#after = after;
  }

  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    const before = this.#before;
    this.#before = undefined;
    if (before !== undefined) return { done: false, value: Buffer.from(before) };
    if (this.#over) return { done: true, value: undefined };
    const next = await this.#pieces.next();
    if (next.done !== true) return { done: false, value: next.value };
    this.#over = true;
    return { done: false, value: Buffer.from(this.#after) };
  }

  async return(): Promise<IteratorResult<Uint8Array, undefined>> {
    this.#over = true;
    await this.#pieces.return?.();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

/** Sends a short JSON text. As bytes, for the framework would add a charset to the type of a text. */
export function sendJsonText(reply: FastifyReply, status: number, text: string): FastifyReply {
  return reply.code(status).header('content-type', JSON_TYPE).send(Buffer.from(text));
}

/** Sends JSON without an envelope. */
export function sendJson(reply: FastifyReply, pieces: JsonPieces, clock: Clock): Promise<FastifyReply> {
  return sendPieces(reply, pieces, JSON_TYPE, clock);
}

function gather(iterator: Iterator<string>): { readonly text: string; readonly done: boolean } {
  let text = '';
  while (text.length < PIECE_LENGTH) {
    const next = iterator.next();
    if (next.done === true) return { text, done: true };
    text += next.value;
  }
  return { text, done: false };
}

async function* rest(first: string, iterator: Iterator<string>, clock: Clock): AsyncGenerator<Buffer> {
  yield Buffer.from(first);
  let made = first.length;
  for (;;) {
    const { text, done } = gather(iterator);
    if (text !== '') yield Buffer.from(text);
    if (done) return;
    made += text.length;
    if (made < TURN_LENGTH) continue;
    made = 0;
    await clock.yieldTurn();
  }
}
