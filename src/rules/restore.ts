import { AssertionFailure, errorText } from '../core/errors.ts';
import { METRIC_NAME } from '../core/labels.ts';
import type { Logger } from '../core/log.ts';
import { SampleBuffer, isStale } from '../storage/index.ts';
import type { Querier } from '../storage/index.ts';
import { restoredActiveAtMs } from './alert-state.ts';
import type { AlertingRule } from './alerting-rule.ts';
import type { RuleSettings } from './ports.ts';

/** The last sample of an ALERTS_FOR_STATE series. */
interface ForState {
  readonly tMs: number;
  readonly activeAtSeconds: number;
}

/**
 * Gives the active alerts of a rule back their `for` state of before a restart, once, after the second evaluation: by
 * then recording rules that alerts depend on have run. Whatever happens the rule counts as restored afterwards.
 *
 * @see prometheus rules/group.go RestoreForState
 */
export async function restoreRule(
  rule: AlertingRule,
  querier: Querier,
  settings: RuleSettings,
  nowMs: number,
  logger: Logger,
): Promise<void> {
  const { forMs, alert: name } = rule.config;
  if (forMs >= settings.forGracePeriodMs) {
    try {
      const states = await readForStates(rule, querier, nowMs - settings.outageToleranceMs, nowMs);
      for (const alert of rule.alerts) {
        const state = states.get(alert.labels.key);
        if (state === undefined) continue;
        const activeAtMs = restoredActiveAtMs({
          nowMs,
          // Whole seconds, as Prometheus counts here.
          downAtMs: Math.floor(state.tMs / 1000) * 1000,
          activeAtMs: Math.trunc(state.activeAtSeconds) * 1000,
          forMs,
          graceMs: settings.forGracePeriodMs,
        });
        rule.restore(alert, activeAtMs);
        logger.debug(
          { alertname: name, labels: alert.labels.toString(), activeAtMs },
          "'for' state restored",
        );
      }
    } catch (error) {
      if (error instanceof AssertionFailure) throw error;
      logger.error({ alertname: name, err: errorText(error) }, "failed to restore 'for' state");
    }
  }
  rule.restored = true;
}

async function readForStates(
  rule: AlertingRule,
  querier: Querier,
  minMs: number,
  maxMs: number,
): Promise<ReadonlyMap<string, ForState>> {
  const cursor = await querier.select(rule.forStateMatchers(), { minMs, maxMs, limit: 0 });
  const states = new Map<string, ForState>();
  const buffer = new SampleBuffer();
  while (cursor.next()) {
    const count = cursor.read(minMs, maxMs, buffer);
    if (count === 0) continue;
    const value = buffer.values[count - 1]!;
    // Its last sample a stale marker: the alert was not active any more.
    if (isStale(value)) continue;
    const { key } = cursor.labels().without(METRIC_NAME);
    states.set(key, { tMs: buffer.timestamps[count - 1]!, activeAtSeconds: value });
  }
  return states;
}
