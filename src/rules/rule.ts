import { assert } from '../core/errors.ts';
import { ALERT_METRICS, AlertingRule } from './alerting-rule.ts';
import type { ExpansionContext } from './alerting-rule.ts';
import type { AlertState } from './alert-state.ts';
import type { RuleConfig, RuleTexts } from './config.ts';
import type { Pacer } from '../core/pacer.ts';
import { elementsOf } from './ports.ts';
import type { RulePorts } from './ports.ts';
import { recordSamples } from './recording-rule.ts';
import type { RuleOutput } from './recording-rule.ts';
import type { QueryValue } from '../promql/index.ts';
import type { Labels } from '../core/labels.ts';
import { SeriesWriter } from './series-writer.ts';

/** Whether the last evaluation of a rule went well. */
export type RuleHealth = 'unknown' | 'ok' | 'err';

/** A pending or firing alert, for the API. */
export interface ActiveAlertView {
  readonly labels: Labels;
  readonly annotations: Labels;
  readonly state: 'pending' | 'firing';
  readonly activeAtMs: number;
  readonly keepFiringSinceMs: number | undefined;
  readonly value: number;
}

interface RuleViewBase {
  readonly name: string;
  /** The expression as Prometheus prints it. */
  readonly query: string;
  readonly labels: RuleTexts;
  readonly health: RuleHealth;
  /** '' when the last evaluation went well. */
  readonly lastError: string;
  readonly evaluationTimeMs: number;
  /** undefined before the first evaluation. */
  readonly lastEvaluationMs: number | undefined;
}

/** A recording rule, for the API. */
export interface RecordingRuleView extends RuleViewBase {
  readonly type: 'recording';
}

/** An alerting rule, for the API. */
export interface AlertingRuleView extends RuleViewBase {
  readonly type: 'alerting';
  /** The gravest state of its alerts; `unknown` before the first evaluation. */
  readonly state: AlertState | 'unknown';
  readonly forMs: number;
  readonly keepFiringForMs: number;
  readonly annotations: RuleTexts;
  readonly alerts: readonly ActiveAlertView[];
}

/** One rule, for the API. */
export type RuleView = RecordingRuleView | AlertingRuleView;

/** A rule at work: its configuration and what is kept between its evaluations. */
export class Rule {
  readonly config: RuleConfig;
  /** Present for alerting rules. */
  readonly alerting: AlertingRule | undefined;
  readonly writer: SeriesWriter;
  health: RuleHealth = 'unknown';
  lastError = '';
  evaluationTimeMs = 0;
  lastEvaluationMs: number | undefined;

  constructor(config: RuleConfig, restored: boolean) {
    this.config = config;
    this.writer = new SeriesWriter(config.kind === 'alerting');
    this.alerting = config.kind === 'alerting' ? new AlertingRule(config, restored) : undefined;
  }

  get name(): string {
    return this.config.kind === 'alerting' ? this.config.alert : this.config.record;
  }

  /** Names of the metrics that its evaluation writes. */
  get metricNames(): readonly string[] {
    return this.config.kind === 'alerting' ? ALERT_METRICS : [this.config.record];
  }

  /** By this a rule is found again after a reload. */
  get nameAndLabels(): string {
    return JSON.stringify([this.name, this.config.labels]);
  }

  /** Makes series of the expression's value, and moves alerts on. */
  async process(
    value: QueryValue,
    slotMs: number,
    limit: number,
    ports: RulePorts,
    context: ExpansionContext,
    pacer: Pacer,
  ): Promise<RuleOutput> {
    const samples = elementsOf(value);
    if (typeof samples === 'string') return { kind: 'failed', message: samples };
    if (this.config.kind === 'recording') return recordSamples(this.config, samples, limit, pacer);
    assert(this.alerting !== undefined, 'an alerting rule must have its alerts');
    const elements = await this.alerting.elements(samples, ports.expandTemplate, context, pacer);
    if (typeof elements === 'string') return { kind: 'failed', message: elements };
    return this.alerting.apply(elements, slotMs, limit, pacer);
  }

  /** Takes over what the former version of this rule kept. */
  copyFrom(other: Rule): void {
    this.writer.copyFrom(other.writer);
    if (this.alerting !== undefined && other.alerting !== undefined) this.alerting.copyFrom(other.alerting);
  }

  view(): RuleView {
    const { config } = this;
    const base = {
      name: this.name,
      query: config.query,
      labels: config.labels,
      health: this.health,
      lastError: this.lastError,
      evaluationTimeMs: this.evaluationTimeMs,
      lastEvaluationMs: this.lastEvaluationMs,
    };
    if (config.kind === 'recording' || this.alerting === undefined) return { type: 'recording', ...base };
    const alerts = this.activeAlerts();
    return {
      type: 'alerting',
      ...base,
      state: this.lastEvaluationMs === undefined ? 'unknown' : gravest(alerts),
      forMs: config.forMs,
      keepFiringForMs: config.keepFiringForMs,
      annotations: config.annotations,
      alerts,
    };
  }

  /** Its pending and firing alerts. */
  activeAlerts(): ActiveAlertView[] {
    const views: ActiveAlertView[] = [];
    for (const alert of this.alerting?.alerts ?? []) {
      const { labels, annotations, state, activeAtMs, keepFiringSinceMs, value } = alert;
      if (state !== 'inactive') {
        views.push({ labels, annotations, state, activeAtMs, keepFiringSinceMs, value });
      }
    }
    return views;
  }
}

function gravest(alerts: readonly ActiveAlertView[]): AlertState {
  if (alerts.some(({ state }) => state === 'firing')) return 'firing';
  return alerts.length > 0 ? 'pending' : 'inactive';
}
