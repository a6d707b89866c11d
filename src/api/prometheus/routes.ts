import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { TocsinError } from '../../core/errors.ts';
import { ApiError } from '../api-error.ts';
import { makeCors } from '../cors.ts';
import { requestParams } from '../request-params.ts';
import type { ApiDeps } from '../ports.ts';
import { sendBytes, sendJsonText, sendSuccess } from '../reply.ts';
import { serviceUnavailable } from '../readiness.ts';
import { ADMIN_ROUTES } from './admin.ts';
import { EXEMPLAR_ROUTES } from './exemplars.ts';
import type { V1Route } from './handler.ts';
import { QUERY_ROUTES } from './query.ts';
import { addReadRoute } from './read.ts';
import { RULE_ROUTES } from './rules.ts';
import { SERIES_ROUTES } from './series.ts';
import { STATUS_ROUTES } from './status.ts';
import { TARGET_ROUTES } from './targets.ts';
import { addReceiverRoutes } from './write.ts';

const ROUTES: readonly V1Route[] = [
  ...QUERY_ROUTES,
  ...SERIES_ROUTES,
  ...EXEMPLAR_ROUTES,
  ...TARGET_ROUTES,
  ...RULE_ROUTES,
  ...STATUS_ROUTES,
  ...ADMIN_ROUTES,
];

/** Paths that Prometheus has and this version has not. */
const NOT_IN_VERSION: readonly (readonly [path: string, ...methods: ('GET' | 'POST' | 'PUT')[]])[] = [
  ['/scrape_pools/config', 'GET'],
  ['/targets/relabel_steps', 'GET'],
  ['/status/self_metrics', 'GET'],
  ['/features', 'GET'],
  ['/notifications', 'GET'],
  ['/notifications/live', 'GET'],
  ['/openapi.yaml', 'GET'],
  ['/search/metric_names', 'GET', 'POST'],
  ['/search/label_names', 'GET', 'POST'],
  ['/search/label_values', 'GET', 'POST'],
];

/** Adds Prometheus' HTTP API; `app` stands at `/api/v1`. */
export function addPrometheusRoutes(app: FastifyInstance, deps: ApiDeps): void {
  const setCors = makeCors(deps.options.corsOrigin);
  app.addHook('onRequest', (request, reply, done) => {
    setCors(request, reply);
    done();
  });
  for (const route of ROUTES) {
    app.route({
      url: route.path,
      method: [...route.methods],
      handler: (request, reply) => handle(route, deps, request, reply),
    });
  }
  for (const [url, ...method] of NOT_IN_VERSION) {
    app.route({
      url,
      method,
      handler: () => {
        throw new ApiError('not_found', `${url.slice(1)} is not in this version of tocsin`);
      },
    });
  }
  void app.register((below, _options, done) => {
    addReceiverRoutes(below, deps);
    addReadRoute(below, deps);
    done();
  });
  app.options('/*', (_request, reply) => reply.code(204).send());
  app.setErrorHandler((error: unknown, _request, reply) => sendError(error, deps, reply));
}

async function handle(
  route: V1Route,
  deps: ApiDeps,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const ports = deps.prometheus();
  if (ports === undefined) {
    const early = route.early?.(deps);
    if (early !== undefined) return sendSuccess(reply, early, deps.clock);
    return serviceUnavailable(reply, deps.readiness());
  }
  const params = requestParams(request);
  const success = await route.handler({ deps, ports, params, request, reply });
  if (success === undefined) return reply.code(204).send();
  return 'before' in success ? sendBytes(reply, success) : sendSuccess(reply, success, deps.clock);
}

function sendError(error: unknown, deps: ApiDeps, reply: FastifyReply): FastifyReply {
  const shown = asApiError(error, deps);
  return sendJsonText(reply, shown.status, JSON.stringify(shown));
}

function asApiError(error: unknown, deps: ApiDeps): ApiError {
  if (error instanceof ApiError) return error;
  if (error instanceof TocsinError) return new ApiError('internal', error.message);
  if (error instanceof Error && 'statusCode' in error && Number(error.statusCode) < 500) {
    return new ApiError('bad_data', error.message);
  }
  deps.onFailure('api', error);
  return new ApiError('internal', 'internal error; see the log');
}
