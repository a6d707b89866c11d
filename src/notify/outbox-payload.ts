import { z } from 'zod';
import { isResolved } from '../alerts/index.ts';
import type { Alert } from '../alerts/index.ts';
import { assert } from '../core/errors.ts';
import { Labels } from '../core/labels.ts';
import type { NotificationReason } from './dedup.ts';
import type { LoggedSets } from './outbox-decision.ts';

/** Everything a row needs to be sent by another process than the one that decided it. */
export interface OutboxPayload {
  readonly reason: NotificationReason;
  readonly groupLabels: Labels;
  /** The route's labels, templates not yet rendered. */
  readonly routeLabels: Labels;
  readonly alerts: readonly Alert[];
  readonly log: LoggedSets;
  readonly repeatIntervalMs: number;
  /** Longest that one request may take. */
  readonly attemptTimeoutMs: number;
}

const labelsSchema = z.record(z.string(), z.string()).transform((object) => Labels.fromObject(object));

const alertSchema = z.strictObject({
  fingerprint: z.string(),
  labels: labelsSchema,
  annotations: labelsSchema,
  startsAtMs: z.number(),
  // JSON has no Infinity: null is an alert that fires.
  endsAtMs: z
    .number()
    .nullable()
    .transform((endsAtMs) => endsAtMs ?? Number.POSITIVE_INFINITY),
  updatedAtMs: z.number(),
  generatorUrl: z.string(),
  timeout: z.boolean(),
});

const payloadSchema = z.strictObject({
  version: z.literal(1),
  reason: z.enum([
    'first notification',
    'new alerts added',
    'some alerts resolved',
    'all alerts resolved',
    'repeat interval elapsed',
  ]),
  groupLabels: labelsSchema,
  routeLabels: labelsSchema,
  alerts: z.array(alertSchema),
  log: z.strictObject({
    firing: z.array(z.string()),
    resolved: z.array(z.string()),
    muted: z.array(z.string()),
  }),
  repeatIntervalMs: z.number(),
  attemptTimeoutMs: z.number(),
});

/** The payload as the row's JSON; what fires at `nowMs` is kept without an end, so that it can't resolve on the way. */
export function encodePayload(payload: OutboxPayload, nowMs: number): string {
  assert(payload.alerts.length > 0, 'a notification must have alerts');
  const alerts = payload.alerts.map((alert) => ({
    ...alert,
    endsAtMs: isResolved(alert, nowMs) ? alert.endsAtMs : null,
  }));
  return JSON.stringify({ version: 1, ...payload, alerts });
}

/** The payload of a row; throws a ZodError or SyntaxError when a row holds something else. */
export function decodePayload(text: string): OutboxPayload {
  const { version: _, ...payload } = payloadSchema.parse(JSON.parse(text));
  return payload;
}
