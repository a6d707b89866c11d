import type { PostedAlert } from '../alerts/index.ts';
import type { RuleAlert } from './alert-state.ts';

/** Evaluations that may fail before an alert that is no longer handed over counts as resolved. */
const VALID_FOR_PERIODS = 4;

/** Go's url.QueryEscape. */
function queryEscape(text: string): string {
  return encodeURIComponent(text.toWellFormed())
    .replaceAll('%20', '+')
    .replaceAll(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** Where the expression of an alert can be looked at (strutil.TableLinkForExpression). */
export function generatorUrl(externalUrl: string, query: string): string {
  return `${externalUrl}/graph?g0.expr=${queryEscape(query)}&g0.tab=1`;
}

/** What {@link toPostedAlert} is told of the evaluation. */
export interface DeliveryContext {
  readonly nowMs: number;
  readonly intervalMs: number;
  readonly resendDelayMs: number;
  readonly generatorUrl: string;
}

/**
 * An alert as it is handed over. One that still fires ends by itself after four periods, so that a rule that has gone
 * away does not leave it firing.
 */
export function toPostedAlert(
  alert: RuleAlert,
  labels: RuleAlert['labels'],
  context: DeliveryContext,
): PostedAlert {
  const periodMs = Math.max(context.intervalMs, context.resendDelayMs);
  const base = {
    labels,
    annotations: alert.annotations,
    endsAtMs: alert.resolvedAtMs ?? context.nowMs + VALID_FOR_PERIODS * periodMs,
    generatorUrl: context.generatorUrl,
  };
  return alert.firedAtMs === undefined ? base : { ...base, startsAtMs: alert.firedAtMs };
}
