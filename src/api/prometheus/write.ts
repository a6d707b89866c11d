import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { ApiDeps, ReceiverPorts } from '../ports.ts';
import { serviceUnavailable } from '../readiness.ts';

const PLAIN_TEXT = 'text/plain; charset=utf-8';

/** What a receiver answers; the text ends without a newline. */
interface ReceiverAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

/** A path that takes samples from others. */
interface ReceiverRoute {
  readonly url: string;
  readonly flag: string;
  readonly name: string;
  readonly choose: (receivers: ReceiverPorts) => ReceiverPorts[keyof ReceiverPorts];
}

const ROUTES: readonly ReceiverRoute[] = [
  {
    url: '/write',
    flag: '--web.enable-remote-write-receiver',
    name: 'remote write receiver',
    choose: ({ remoteWrite }) => remoteWrite,
  },
  {
    url: '/otlp/v1/metrics',
    flag: '--web.enable-otlp-receiver',
    name: 'otlp write receiver',
    choose: ({ otlp }) => otlp,
  },
];

/**
 * Adds the paths that take samples from others: `/write` and `/otlp/v1/metrics`. Their bodies are bytes and their answers
 * plain text. `app` is for them alone and stands at `/api/v1`.
 */
export function addReceiverRoutes(app: FastifyInstance, deps: ApiDeps): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => {
    done(null, body);
  });
  app.setErrorHandler((error: unknown, _request, reply) => {
    const status = error instanceof Error && 'statusCode' in error ? Number(error.statusCode) : 500;
    if (status >= 500) deps.onFailure('api', error);
    const text = status < 500 && error instanceof Error ? error.message : 'internal error; see the log';
    return send(reply, { status, headers: {}, text });
  });
  for (const route of ROUTES) {
    app.route({
      url: route.url,
      method: 'POST',
      handler: (request, reply) => handle(route, deps, request, reply),
    });
  }
}

async function handle(
  { choose, name, flag }: ReceiverRoute,
  deps: ApiDeps,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const ports = deps.prometheus();
  if (ports === undefined) return serviceUnavailable(reply, deps.readiness());
  const receiver = choose(ports.receivers ?? {});
  if (receiver === undefined) {
    return send(reply, { status: 404, headers: {}, text: `${name} needs to be enabled with ${flag}` });
  }
  const { headers, body } = request;
  const answer = await receiver.receive({
    contentType: headers['content-type'],
    contentEncoding: headers['content-encoding'],
    body: body instanceof Uint8Array ? body : new Uint8Array(0),
  });
  return send(reply, answer);
}

function send(reply: FastifyReply, { status, headers, text }: ReceiverAnswer): FastifyReply {
  void reply.code(status).headers(headers);
  if (text === '') return reply.send();
  return reply.type(PLAIN_TEXT).header('x-content-type-options', 'nosniff').send(`${text}\n`);
}
