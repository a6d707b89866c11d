import type { FastifyReply } from 'fastify';
import type { Readiness } from './ports.ts';

/** What is answered while the program starts or stops. */
export function serviceUnavailable(reply: FastifyReply, readiness: Readiness): FastifyReply {
  return reply
    .code(503)
    .header('x-prometheus-stopping', String(readiness === 'stopping'))
    .type('text/plain; charset=utf-8')
    .send('Service Unavailable');
}
