import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { TocsinError } from '../core/errors.ts';
import { ApiError } from './api-error.ts';
import { json, jsonList } from './json-text.ts';
import { parseInteger } from './params.ts';
import type { ApiDeps } from './ports.ts';
import { serviceUnavailable } from './readiness.ts';
import { sendJsonText, sendSuccess } from './reply.ts';
import type { OpenNotification } from './types.ts';
import { runningQueryView } from './running-query.ts';

/** Adds tocsin's own API; `app` stands at `/api/tocsin/v1`. Answers have Prometheus' envelope. */
export function addOwnRoutes(app: FastifyInstance, deps: ApiDeps): void {
  app.get('/outbox', (_request, reply) => listOutbox(deps, reply));
  if (deps.hasPrometheus) {
    app.get('/queries', (_request, reply) => listQueries(deps, reply));
    app.delete('/queries/:id', (request, reply) => killQuery(deps, request, reply));
  }
  app.setErrorHandler((error: unknown, _request, reply) => {
    const shown = asApiError(error, deps);
    return sendJsonText(reply, shown.status, JSON.stringify(shown));
  });
}

function listOutbox(deps: ApiDeps, reply: FastifyReply): FastifyReply | Promise<FastifyReply> {
  const ports = deps.alertmanager();
  if (ports === undefined) {
    if (deps.readiness() !== 'ready') return serviceUnavailable(reply, deps.readiness());
    throw new ApiError('not_found', 'this tocsin has no embedded Alertmanager');
  }
  const rows = ports.openNotifications().map((row): OpenNotification => ({
    id: row.id,
    groupKey: row.key.groupKey,
    receiver: row.key.receiver,
    integration: row.key.integration,
    index: row.key.index,
    state: row.state,
    createdAt: new Date(row.createdAtMs).toISOString(),
    updatedAt: new Date(row.updatedAtMs).toISOString(),
    nextAttemptAt: new Date(row.nextAttemptMs).toISOString(),
    attempts: row.attempts,
    ambiguous: row.ambiguous,
    lastError: row.lastError,
  }));
  return sendSuccess(reply, { data: jsonList(rows, (row) => JSON.stringify(row)) }, deps.clock);
}

function listQueries(deps: ApiDeps, reply: FastifyReply): FastifyReply | Promise<FastifyReply> {
  const ports = deps.prometheus();
  if (ports === undefined) return serviceUnavailable(reply, deps.readiness());
  const data = jsonList(ports.queries.list(), (query) => JSON.stringify(runningQueryView(query)));
  return sendSuccess(reply, { data }, deps.clock);
}

function killQuery(
  deps: ApiDeps,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply | Promise<FastifyReply> {
  const ports = deps.prometheus();
  if (ports === undefined) return serviceUnavailable(reply, deps.readiness());
  const { id: text } = request.params as { readonly id: string };
  const id = parseInteger(text);
  if (id === undefined) throw new ApiError('bad_data', `${JSON.stringify(text)} is not the id of a query`);
  if (!ports.queries.kill(id, `ended by DELETE /api/tocsin/v1/queries/${id}`)) {
    throw new ApiError('not_found', `no query with the id ${id} is waiting or running`);
  }
  return sendSuccess(reply, { data: json({ id }) }, deps.clock);
}

function asApiError(error: unknown, deps: ApiDeps): ApiError {
  if (error instanceof ApiError) return error;
  if (error instanceof TocsinError) return new ApiError('internal', error.message);
  deps.onFailure('api', error);
  return new ApiError('internal', 'internal error; see the log');
}
