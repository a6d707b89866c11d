import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { TocsinError } from '../../core/errors.ts';
import { AlertmanagerApiError } from '../api-error.ts';
import type { ApiDeps } from '../ports.ts';
import { serviceUnavailable } from '../readiness.ts';
import { sendJson, sendJsonText } from '../reply.ts';
import { requestParams } from '../request-params.ts';
import { getAlertGroups, getAlerts, postAlerts } from './alerts.ts';
import type { V2Handler, V2Route } from './handler.ts';
import { deleteSilence, getSilence, getSilences, postSilences } from './silences.ts';
import { getReceivers, getStatus } from './status.ts';

const ROUTES: readonly V2Route[] = [
  { path: '/status', handlers: { GET: getStatus } },
  { path: '/receivers', handlers: { GET: getReceivers } },
  { path: '/alerts', handlers: { POST: postAlerts, GET: getAlerts } },
  { path: '/alerts/groups', handlers: { GET: getAlertGroups } },
  { path: '/silences', handlers: { POST: postSilences, GET: getSilences } },
  { path: '/silence/:silenceID', handlers: { GET: getSilence, DELETE: deleteSilence } },
];

const HEADERS: Readonly<Record<string, string>> = {
  'access-control-allow-headers': 'Accept, Authorization, Content-Type, Origin',
  'access-control-allow-methods': 'GET, POST, DELETE, OPTIONS',
  'access-control-allow-origin': '*',
  'access-control-expose-headers': 'Date',
  'cache-control': 'no-store',
};

/** Adds Alertmanager's HTTP API; `app` stands at `/api/v2`. */
export function addAlertmanagerRoutes(app: FastifyInstance, deps: ApiDeps): void {
  app.addHook('onRequest', (_request, reply, done) => {
    void reply.headers(HEADERS);
    done();
  });
  for (const { path, handlers } of ROUTES) {
    const methods = Object.keys(handlers);
    for (const [method, handler] of Object.entries(handlers)) {
      app.route({ url: path, method, handler: (request, reply) => handle(handler, deps, request, reply) });
    }
    app.options(path, (_request, reply) => reply.code(200).send());
    const others = ['GET', 'POST', 'PUT', 'DELETE', 'PATCH'].filter((method) => !methods.includes(method));
    app.route({
      url: path,
      method: others,
      handler: (request, reply) => {
        void reply.header('allow', methods.join(','));
        const message = `method ${request.method} is not allowed, but [${methods.join(',')}] are`;
        throw AlertmanagerApiError.ofCode(405, message);
      },
    });
  }
  app.setNotFoundHandler((request, reply) => {
    const { pathname } = new URL(request.url, 'http://host');
    return sendError(AlertmanagerApiError.ofCode(404, `path ${pathname} was not found`), deps, reply);
  });
  app.setErrorHandler((error: unknown, _request, reply) => sendError(error, deps, reply));
}

async function handle(
  handler: V2Handler,
  deps: ApiDeps,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const ports = deps.alertmanager();
  if (ports === undefined) {
    if (deps.readiness() !== 'ready') return serviceUnavailable(reply, deps.readiness());
    const message = 'this tocsin has no embedded Alertmanager: alerting.alertmanagers says where alerts go';
    throw new AlertmanagerApiError(404, message);
  }
  const pieces = await handler({ deps, ports, request, params: requestParams(request) });
  return pieces === undefined ? reply.code(200).send() : sendJson(reply, pieces, deps.clock);
}

function sendError(error: unknown, deps: ApiDeps, reply: FastifyReply): FastifyReply {
  const shown = asApiError(error, deps);
  if (shown.body === undefined) return reply.code(shown.status).send();
  return sendJsonText(reply, shown.status, `${JSON.stringify(shown.body)}\n`);
}

function asApiError(error: unknown, deps: ApiDeps): AlertmanagerApiError {
  if (error instanceof AlertmanagerApiError) return error;
  if (error instanceof TocsinError) return new AlertmanagerApiError(500, error.message);
  if (error instanceof Error && 'statusCode' in error && Number(error.statusCode) < 500) {
    return AlertmanagerApiError.ofCode(Number(error.statusCode), error.message);
  }
  deps.onFailure('api', error);
  return new AlertmanagerApiError(500, 'internal error; see the log');
}
