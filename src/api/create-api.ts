import { fastify, type FastifyInstance, type FastifyRequest } from 'fastify';
import { addAlertmanagerRoutes } from './alertmanager/routes.ts';
import { addCompression } from './compression.ts';
import { addLifecycleRoutes } from './lifecycle.ts';
import { ApiMetrics } from './metrics.ts';
import { addOwnRoutes } from './own.ts';
import type { ApiDeps } from './ports.ts';
import { addPrometheusRoutes } from './prometheus/routes.ts';
import { addUiRoutes, basePath } from './ui.ts';

const DEFAULT_MAX_BODY_BYTES = 64 * 1024 * 1024;
/** Label names and query strings may be long. */
const MAX_PARAM_LENGTH = 8192;

/** When a request came, on the monotonic clock. Part of the request: to look it up by the request costs the collector of garbage. */
const STARTED = Symbol('started');

declare module 'fastify' {
  interface FastifyRequest {
    [STARTED]: number;
  }
}

const V1_GONE =
  '{"status":"deprecated","error":"The Alertmanager v1 API was deprecated in version 0.16.0 and is removed as of version 0.27.0 - please use the equivalent route in the v2 API"}\n';

const NOT_FOUND = '404 page not found\n';

/**
 * The whole HTTP side: Prometheus' API v1, Alertmanager's API v2, tocsin's own, federation, `/metrics`, health, lifecycle
 * and the web app, all below the route prefix. It listens nowhere: after `await api.ready()`, `api.routing` is the
 * listener for a `node:http` server, and `api.inject` answers without one. Close it with `api.close()`.
 */
export function createApi(deps: ApiDeps): FastifyInstance {
  const { routePrefix, maxBodyBytes } = deps.options;
  const app = fastify({
    logger: false,
    bodyLimit: maxBodyBytes ?? DEFAULT_MAX_BODY_BYTES,
    exposeHeadRoutes: false,
    routerOptions: {
      maxParamLength: MAX_PARAM_LENGTH,
      ignoreTrailingSlash: false,
      querystringParser: () => ({}),
    },
  });
  // Each half of the API reads its own kind of body, with errors of its own.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => {
    done(null, body);
  });
  addMetrics(app, deps);
  app.setNotFoundHandler((_request, reply) =>
    reply.code(404).type('text/plain; charset=utf-8').send(NOT_FOUND),
  );
  app.setErrorHandler((error: unknown, _request, reply) => {
    const status = error instanceof Error && 'statusCode' in error ? Number(error.statusCode) : 500;
    if (status >= 500) deps.onFailure('api', error);
    const text = status < 500 && error instanceof Error ? error.message : 'internal error; see the log';
    return reply.code(status).type('text/plain; charset=utf-8').send(`${text}\n`);
  });
  if (routePrefix !== '') {
    app.get('/', (_request, reply) => reply.redirect(basePath(deps.options.externalUrl), 302));
  }
  void app.register(
    (below, _options, done) => {
      addRoutes(below, deps);
      done();
    },
    { prefix: routePrefix },
  );
  return app;
}

function addRoutes(app: FastifyInstance, deps: ApiDeps): void {
  addLifecycleRoutes(app, deps);
  addUiRoutes(app, deps);
  const part = (prefix: string, add: (app: FastifyInstance, deps: ApiDeps) => void): void => {
    void app.register(
      (below, _options, done) => {
        add(below, deps);
        done();
      },
      { prefix },
    );
  };
  part('/api/v2', addAlertmanagerRoutes);
  part('/api/tocsin/v1', addOwnRoutes);
  if (deps.hasPrometheus) {
    part('/api/v1', addPrometheusRoutes);
    return;
  }
  app.all('/api/v1/*', (_request, reply) => reply.code(410).type('application/json').send(V1_GONE));
}

function addMetrics(app: FastifyInstance, deps: ApiDeps): void {
  const metrics = new ApiMetrics(deps.registry, () => deps.readiness() === 'ready');
  app.decorateRequest(STARTED, 0);
  const handlerOf = (request: FastifyRequest): string =>
    (request.routeOptions.url ?? '/*').slice(deps.options.routePrefix.length) || '/';
  app.addHook('onRequest', (request, _reply, done) => {
    request[STARTED] = deps.clock.monotonicMs();
    done();
  });
  app.addHook('onResponse', (request, reply, done) => {
    const seconds = (deps.clock.monotonicMs() - request[STARTED]) / 1000;
    metrics.answered(handlerOf(request), reply.statusCode, seconds);
    done();
  });
  addCompression(app, (request, bytes) => {
    metrics.sent(handlerOf(request), bytes);
  });
}
