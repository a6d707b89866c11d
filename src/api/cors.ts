import type { FastifyReply, FastifyRequest } from 'fastify';
import { AnchoredRegexp } from '../core/regexp.ts';

const HEADERS: Readonly<Record<string, string>> = {
  'access-control-allow-headers': 'Accept, Authorization, Content-Type, Origin',
  'access-control-allow-methods': 'GET, POST, OPTIONS',
  'access-control-expose-headers': 'Date',
};

/** Sets the CORS headers of Prometheus' API for `--web.cors.origin`, an anchored regular expression. */
export function makeCors(corsOrigin: string): (request: FastifyRequest, reply: FastifyReply) => void {
  const allowed = new AnchoredRegexp(corsOrigin);
  return (request, reply) => {
    void reply.header('vary', 'Origin');
    const { origin } = request.headers;
    if (origin === undefined || origin === '') return;
    void reply.headers(HEADERS);
    if (corsOrigin === '.*') void reply.header('access-control-allow-origin', '*');
    else if (allowed.test(origin)) void reply.header('access-control-allow-origin', origin);
  };
}
