import { Readable } from 'node:stream';
import type { FastifyReply } from 'fastify';
import type { Clock } from '../core/clock.ts';
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
