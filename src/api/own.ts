import type { FastifyInstance } from 'fastify';
import { ApiError } from './api-error.ts';
import { jsonList } from './json-text.ts';
import type { ApiDeps } from './ports.ts';
import { serviceUnavailable } from './readiness.ts';
import { sendJsonText, sendSuccess } from './reply.ts';
import type { OpenNotification } from './types.ts';

/** Adds tocsin's own API; `app` stands at `/api/tocsin/v1`. Answers have Prometheus' envelope. */
export function addOwnRoutes(app: FastifyInstance, deps: ApiDeps): void {
  app.get('/outbox', (_request, reply) => {
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
  });
  app.setErrorHandler((error: unknown, _request, reply) => {
    if (!(error instanceof ApiError)) deps.onFailure('api', error);
    const shown = error instanceof ApiError ? error : new ApiError('internal', 'internal error; see the log');
    return sendJsonText(reply, shown.status, JSON.stringify(shown));
  });
}
