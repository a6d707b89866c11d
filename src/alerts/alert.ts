import type { Labels } from '../core/labels.ts';

/** An alert as somebody (a rule, `POST /api/v2/alerts`) hands it in. Absent times are filled in on arrival. */
export interface PostedAlert {
  readonly labels: Labels;
  readonly annotations: Labels;
  readonly startsAtMs?: number;
  readonly endsAtMs?: number;
  readonly generatorUrl: string;
}

/** An alert as the store has it. A value: changed alerts are new objects. */
export interface Alert {
  /** FNV-1a 64 of the labels, 16 hex digits; its identity. */
  readonly fingerprint: string;
  readonly labels: Labels;
  readonly annotations: Labels;
  readonly startsAtMs: number;
  /** Resolved once this lies in the past; `Infinity` ("no end") only in the copies that a flush is given. */
  readonly endsAtMs: number;
  readonly updatedAtMs: number;
  readonly generatorUrl: string;
  /** True when nobody gave an end and `endsAtMs` is arrival + resolve_timeout. */
  readonly timeout: boolean;
}

/** Whether an alert has ended by `nowMs`. */
export function isResolved(alert: Alert, nowMs: number): boolean {
  return alert.endsAtMs <= nowMs;
}

/** What the store says of one posted alert. */
export type PutOutcome =
  | { readonly kind: 'stored'; readonly alert: Alert }
  | { readonly kind: 'invalid'; readonly reason: string }
  | { readonly kind: 'limited'; readonly alertname: string };

/** Where alerts are handed in: the store, seen from rules and API. Resolves when what was stored is durable. */
export interface AlertSink {
  put(alerts: readonly PostedAlert[], nowMs: number): Promise<PutOutcome[]>;
}
