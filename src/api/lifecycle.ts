import type { FastifyInstance, FastifyReply } from 'fastify';
import { errorText } from '../core/errors.ts';
import { ApiError } from './api-error.ts';
import { FEDERATE_TYPE, federate } from './prometheus/federate.ts';
import type { ApiDeps } from './ports.ts';
import { serviceUnavailable } from './readiness.ts';
import { sendJsonText, sendPieces } from './reply.ts';
import { requestParams } from './request-params.ts';

const PLAIN = 'text/plain; charset=utf-8';

function plain(reply: FastifyReply, status: number, text: string): FastifyReply {
  return reply.code(status).type(PLAIN).send(text);
}

/** Adds `/metrics`, `/version`, `/federate` and `/-/…`. */
export function addLifecycleRoutes(app: FastifyInstance, deps: ApiDeps): void {
  const { options } = deps;
  app.get('/metrics', async (_request, reply) =>
    reply.type(deps.registry.contentType).send(await deps.registry.metrics()),
  );
  app.get('/version', (_request, reply) =>
    sendJsonText(reply, 200, `${JSON.stringify(options.buildInfo)}\n`),
  );
  app.route({
    url: '/-/healthy',
    method: ['GET', 'HEAD'],
    handler: (_request, reply) => healthy(deps, reply),
  });
  app.route({ url: '/-/ready', method: ['GET', 'HEAD'], handler: (_request, reply) => ready(deps, reply) });
  if (deps.hasPrometheus) addFederation(app, deps);
  addReload(app, deps);
  addQuit(app, deps);
  for (const url of ['/-/reload', '/-/quit']) {
    app.get(url, (_request, reply) => plain(reply, 405, 'Only POST or PUT requests allowed'));
  }
}

function healthy(deps: ApiDeps, reply: FastifyReply): FastifyReply {
  return plain(reply, 200, deps.hasPrometheus ? `${deps.options.appName} is Healthy.\n` : 'OK');
}

/** Alertmanager alone is always ready; the whole program is when its rooms are. */
function ready(deps: ApiDeps, reply: FastifyReply): FastifyReply {
  if (!deps.hasPrometheus) return plain(reply, 200, 'OK');
  if (deps.readiness() !== 'ready') return serviceUnavailable(reply, deps.readiness());
  return plain(reply, 200, `${deps.options.appName} is Ready.\n`);
}

function addFederation(app: FastifyInstance, deps: ApiDeps): void {
  app.get('/federate', async (request, reply) => {
    const ports = deps.prometheus();
    if (ports === undefined) return serviceUnavailable(reply, deps.readiness());
    try {
      const lines = await federate(deps, ports, requestParams(request));
      return await sendPieces(reply, lines, FEDERATE_TYPE, deps.clock);
    } catch (error) {
      if (error instanceof ApiError) return plain(reply, error.status, `${error.message}\n`);
      throw error;
    }
  });
}

function addReload(app: FastifyInstance, deps: ApiDeps): void {
  app.route({
    url: '/-/reload',
    method: ['POST', 'PUT'],
    handler: async (_request, reply) => {
      if (!deps.options.enableLifecycle) return plain(reply, 403, 'Lifecycle API is not enabled.');
      try {
        await deps.reload();
      } catch (error) {
        return plain(reply, 500, `failed to reload config: ${errorText(error)}\n`);
      }
      return reply.code(200).send();
    },
  });
}

function addQuit(app: FastifyInstance, deps: ApiDeps): void {
  let asked = false;
  app.route({
    url: '/-/quit',
    method: ['POST', 'PUT'],
    handler: (_request, reply) => {
      if (!deps.options.enableLifecycle) return plain(reply, 403, 'Lifecycle API is not enabled.');
      if (asked) return plain(reply, 200, 'Termination already in progress.');
      asked = true;
      reply.raw.once('close', () => {
        deps.quit();
      });
      return plain(reply, 200, 'Requesting termination... Goodbye!');
    },
  });
}
