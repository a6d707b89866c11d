import { z } from 'zod';
import { durationSchema, positiveDurationSchema } from '../core/schema.ts';

/** What can go wrong with a simulated server. */
const INCIDENT_KINDS = ['errors', 'latency', 'drift', 'down'] as const;
/** One of {@link INCIDENT_KINDS}. */
export type IncidentKind = (typeof INCIDENT_KINDS)[number];

const incidentSchema = z.strictObject({
  model: z.string(),
  kind: z.enum(INCIDENT_KINDS),
  start: durationSchema,
  duration: positiveDurationSchema,
  /** 0 is nothing, 1 is as bad as it gets. */
  strength: z.number().min(0).max(1).default(1),
});

/** A script of incidents that repeats every `period`. Times are from the start of the demo. */
export const scenarioSchema = z
  .strictObject({ period: positiveDurationSchema, incidents: z.array(incidentSchema) })
  .transform(({ period, incidents }) => ({
    periodMs: period,
    incidents: incidents.map(({ start, duration, ...incident }) => ({
      ...incident,
      startMs: start,
      durationMs: duration,
    })),
  }));

/** A {@link scenarioSchema} as the servers use it. */
export type Scenario = z.infer<typeof scenarioSchema>;

/** The demo's own script: each incident is noticed, notified and over before the next. */
export const DEFAULT_SCENARIO: Scenario = scenarioSchema.parse({
  period: '4m',
  incidents: [
    { model: 'fraud-detector', kind: 'errors', start: '12s', duration: '25s', strength: 0.4 },
    { model: 'support-chat', kind: 'latency', start: '80s', duration: '30s', strength: 1 },
    { model: 'fraud-detector', kind: 'drift', start: '150s', duration: '40s', strength: 1 },
  ],
});

/** How badly an incident of a kind hits a model at a time since the start: 0 when there is none. */
export function incidentStrength(
  scenario: Scenario,
  model: string,
  kind: IncidentKind,
  sinceStartMs: number,
): number {
  const atMs = sinceStartMs % scenario.periodMs;
  for (const incident of scenario.incidents) {
    if (incident.model !== model || incident.kind !== kind) continue;
    if (atMs >= incident.startMs && atMs < incident.startMs + incident.durationMs) return incident.strength;
  }
  return 0;
}
