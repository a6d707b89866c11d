import type { AlertSink } from '../alerts/index.ts';
import type { Clock } from '../core/clock.ts';
import { Labels } from '../core/labels.ts';
import type { Logger } from '../core/log.ts';
import type { QueryEngine, QueryValue, VectorSample } from '../promql/index.ts';
import type { ReadableStorage, SampleStorage } from '../storage/index.ts';
import type { RuleTemplateContext } from '../template/index.ts';
import type { RuleMetrics } from './metrics.ts';

/** Expands a label or annotation of an alerting rule; never rejects for a template that fails (it says so instead). */
export type ExpandTemplate = (text: string, context: RuleTemplateContext) => Promise<string>;

/** What of the running configuration rules go by; replaced as a whole by a reload. */
export interface RuleSettings {
  /** Interval of groups that give none. */
  readonly evaluationIntervalMs: number;
  /** Offset of groups that give none. */
  readonly queryOffsetMs: number;
  /** For templates only; alerts get them by {@link RulePorts.prepare}. */
  readonly externalLabels: Labels;
  /** Without a slash at its end; begins the links of alerts. */
  readonly externalUrl: string;
  /** Pause between two hand-overs of an alert that does not change. */
  readonly resendDelayMs: number;
  /** Rules with a shorter `for` are not restored, and so long a restored alert waits at least. */
  readonly forGracePeriodMs: number;
  /** How long ago the program may have been stopped for `for` states to be restored. */
  readonly outageToleranceMs: number;
}

/** Prometheus' defaults for {@link RuleSettings}. */
export const DEFAULT_RULE_SETTINGS: Omit<RuleSettings, 'externalLabels' | 'externalUrl'> = {
  evaluationIntervalMs: 60_000,
  queryOffsetMs: 0,
  resendDelayMs: 60_000,
  forGracePeriodMs: 600_000,
  outageToleranceMs: 3_600_000,
};

/** What groups and rules work with. */
export interface RulePorts {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: RuleMetrics;
  readonly engine: QueryEngine;
  readonly storage: SampleStorage;
  /** Where expressions find their samples; {@link storage} when absent. */
  readonly reads?: ReadableStorage | undefined;
  readonly sink: AlertSink;
  readonly expandTemplate: ExpandTemplate;
  /** Makes the labels that leave the rule: external labels, then alert_relabel_configs; undefined drops the alert. */
  readonly prepare: (labels: Labels) => Labels | undefined;
  readonly settings: () => RuleSettings;
}

/** The elements of a rule's result; a text says why it has none. */
export function elementsOf(value: QueryValue): readonly VectorSample[] | string {
  switch (value.type) {
    case 'vector':
      return value.samples;
    case 'scalar':
      return [{ labels: Labels.EMPTY, tMs: value.tMs, value: value.value }];
    case 'matrix':
    case 'string':
      return 'rule result is not a vector or scalar';
  }
}
