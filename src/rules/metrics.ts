import { Counter, Gauge, Histogram, Summary } from '../core/metrics.ts';
import type { Registry } from '../core/metrics.ts';

type PerGroup = 'rule_group';

const PER_GROUP = ['rule_group'] as const;
const DURATION_BUCKETS = [0.01, 0.1, 1, 10];

function durations(
  registry: Registry,
  prefix: string,
  help: string,
  percentiles: number[],
): { readonly summary: Summary; readonly histogram: Histogram } {
  const registers = [registry];
  return {
    summary: new Summary({ name: `${prefix}_duration_seconds`, help, percentiles, registers }),
    histogram: new Histogram({
      name: `${prefix}_duration_histogram_seconds`,
      help,
      buckets: DURATION_BUCKETS,
      registers,
    }),
  };
}

/** Metrics of rules, under Prometheus' names; `rule_group` is `file;name`. */
export class RuleMetrics {
  readonly evaluationSeconds: Summary;
  readonly evaluationHistogramSeconds: Histogram;
  readonly groupSeconds: Summary;
  readonly groupHistogramSeconds: Histogram;
  readonly iterations: Counter<PerGroup>;
  readonly iterationsMissed: Counter<PerGroup>;
  readonly evaluations: Counter<PerGroup>;
  readonly evaluationFailures: Counter<PerGroup>;
  readonly groupInterval: Gauge<PerGroup>;
  readonly lastEvaluation: Gauge<PerGroup>;
  readonly lastDuration: Gauge<PerGroup>;
  readonly lastRuleDurationSum: Gauge<PerGroup>;
  readonly lastRestoreDuration: Gauge<PerGroup>;
  readonly groupRules: Gauge<PerGroup>;
  readonly lastSamples: Gauge<PerGroup>;
  /** Times that alerts could not be handed to the alert store; they are handed over again at the next evaluation. */
  readonly alertHandoverFailures: Counter;
  readonly #perGroup: readonly { remove(labels: Record<PerGroup, string>): void }[];

  constructor(registry: Registry) {
    const registers = [registry];
    const counter = (name: string, help: string): Counter<PerGroup> =>
      new Counter({ name, help, labelNames: PER_GROUP, registers });
    const gauge = (name: string, help: string): Gauge<PerGroup> =>
      new Gauge({ name, help, labelNames: PER_GROUP, registers });
    const rule = durations(
      registry,
      'prometheus_rule_evaluation',
      'The duration for a rule to execute.',
      [0.5, 0.9, 0.99],
    );
    this.evaluationSeconds = rule.summary;
    this.evaluationHistogramSeconds = rule.histogram;
    const group = durations(
      registry,
      'prometheus_rule_group',
      'The duration of rule group evaluations.',
      [0.01, 0.05, 0.5, 0.9, 0.99],
    );
    this.groupSeconds = group.summary;
    this.groupHistogramSeconds = group.histogram;
    this.iterations = counter(
      'prometheus_rule_group_iterations_total',
      'The total number of scheduled rule group evaluations, whether executed or missed.',
    );
    this.iterationsMissed = counter(
      'prometheus_rule_group_iterations_missed_total',
      'The total number of rule group evaluations missed due to slow rule group evaluation.',
    );
    this.evaluations = counter('prometheus_rule_evaluations_total', 'The total number of rule evaluations.');
    this.evaluationFailures = counter(
      'prometheus_rule_evaluation_failures_total',
      'The total number of rule evaluation failures.',
    );
    this.groupInterval = gauge('prometheus_rule_group_interval_seconds', 'The interval of a rule group.');
    this.lastEvaluation = gauge(
      'prometheus_rule_group_last_evaluation_timestamp_seconds',
      'The timestamp of the last rule group evaluation in seconds.',
    );
    this.lastDuration = gauge(
      'prometheus_rule_group_last_duration_seconds',
      'The duration of the last rule group evaluation.',
    );
    this.lastRuleDurationSum = gauge(
      'prometheus_rule_group_last_rule_duration_sum_seconds',
      'The sum of time in seconds it took to evaluate each rule in the group regardless of concurrency.',
    );
    this.lastRestoreDuration = gauge(
      'prometheus_rule_group_last_restore_duration_seconds',
      'The duration of the last alert rules alerts restoration using the `ALERTS_FOR_STATE` series.',
    );
    this.groupRules = gauge('prometheus_rule_group_rules', 'The number of rules.');
    this.lastSamples = gauge(
      'prometheus_rule_group_last_evaluation_samples',
      'The number of samples returned during the last rule group evaluation.',
    );
    this.alertHandoverFailures = new Counter({
      name: 'tocsin_rule_alert_handover_failures_total',
      help: 'How often alerts of a rule could not be handed to the alert store; they are handed over again.',
      registers,
    });
    this.#perGroup = [
      this.iterations,
      this.iterationsMissed,
      this.evaluations,
      this.evaluationFailures,
      this.groupInterval,
      this.lastEvaluation,
      this.lastDuration,
      this.lastRuleDurationSum,
      this.lastRestoreDuration,
      this.groupRules,
      this.lastSamples,
    ];
  }

  /** Makes a group's series, at zero where nothing has happened yet. */
  addGroup(key: string, ruleCount: number, intervalMs: number): void {
    const labels = { rule_group: key };
    for (const counter of [
      this.iterations,
      this.iterationsMissed,
      this.evaluations,
      this.evaluationFailures,
    ]) {
      counter.inc(labels, 0);
    }
    for (const gauge of [
      this.lastEvaluation,
      this.lastDuration,
      this.lastRuleDurationSum,
      this.lastSamples,
    ]) {
      gauge.inc(labels, 0);
    }
    this.groupRules.set(labels, ruleCount);
    this.groupInterval.set(labels, intervalMs / 1000);
  }

  /** Takes the series of a group away that is no longer configured. */
  removeGroup(key: string): void {
    for (const metric of this.#perGroup) metric.remove({ rule_group: key });
  }
}
