import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { TocsinError } from '../../core/errors.ts';
import { QueryError } from '../../promql/index.ts';
import type { RemoteReadAnswer } from '../../storage/index.ts';
import { PieceBody } from '../piece-body.ts';
import type { ApiDeps } from '../ports.ts';
import { serviceUnavailable } from '../readiness.ts';
import { withAbort } from '../with-abort.ts';

/** Adds `/read`: remote reads of others. `app` takes bodies as bytes and stands at `/api/v1`. */
export function addReadRoute(app: FastifyInstance, deps: ApiDeps): void {
  app.route({ url: '/read', method: 'POST', handler: (request, reply) => read(deps, request, reply) });
}

async function read(deps: ApiDeps, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const ports = deps.prometheus();
  if (ports === undefined) return serviceUnavailable(reply, deps.readiness());
  const { remoteRead } = ports;
  if (remoteRead === undefined) return sendText(reply, 404, 'remote read is not available');
  const body = request.body instanceof Uint8Array ? request.body : new Uint8Array(0);
  let answer: RemoteReadAnswer;
  try {
    answer = await withAbort(reply.raw, (signal) => remoteRead.read(body, signal));
  } catch (error) {
    if (!(error instanceof QueryError) && !(error instanceof TocsinError)) throw error;
    // The client went away, or tocsin is stopping.
    return sendText(reply, 503, error.message);
  }
  void reply.code(answer.status).headers(answer.headers);
  if (answer.pieces !== undefined) return reply.send(new PieceBody(answer.pieces));
  return sendText(reply, answer.status, answer.text ?? '');
}

function sendText(reply: FastifyReply, status: number, text: string): FastifyReply {
  return reply
    .code(status)
    .type('text/plain; charset=utf-8')
    .header('x-content-type-options', 'nosniff')
    .send(`${text}\n`);
}
