import { histogramText } from '../core/histogram/text.ts';
import { Labels, METRIC_NAME } from '../core/labels.ts';
import { LabelsBuilder } from '../core/labels-builder.ts';
import { Matcher } from '../core/matcher.ts';
import type { VectorSample } from '../promql/index.ts';
import type { RuleTemplateContext } from '../template/index.ts';
import { needsSending, stepAlert } from './alert-state.ts';
import type { AlertElement, RuleAlert } from './alert-state.ts';
import type { AlertingRuleConfig } from './config.ts';
import type { Pacer } from '../core/pacer.ts';
import type { ExpandTemplate } from './ports.ts';
import type { RuleOutput } from './recording-rule.ts';
import type { RuleSample } from './series-writer.ts';

/** Label that holds an alert's name. */
const ALERT_NAME = 'alertname';
/** Series that is 1 for every pending and firing alert. */
const ALERTS_METRIC = 'ALERTS';
/** Series that keeps, in seconds, since when an alert is active. */
const ALERTS_FOR_STATE_METRIC = 'ALERTS_FOR_STATE';

/** Metrics that alerting rules write. */
export const ALERT_METRICS: readonly string[] = [ALERTS_METRIC, ALERTS_FOR_STATE_METRIC];

/** What the templates of one evaluation are expanded with, the element's own labels and value left out. */
export type ExpansionContext = Omit<RuleTemplateContext, 'name' | 'labels' | 'value'>;

/** Elements by the key of their alert's labels; a text says why they cannot be told apart. */
export type AlertElements = ReadonlyMap<string, AlertElement> | string;

/** The alerts of one rule: its state between evaluations, and what an evaluation does to it. */
export class AlertingRule {
  readonly config: AlertingRuleConfig;
  /** Whether the `for` state of a former run was looked for; before that the rule writes no series. */
  restored: boolean;
  #alerts: Map<string, RuleAlert> = new Map();

  constructor(config: AlertingRuleConfig, restored: boolean) {
    this.config = config;
    this.restored = restored;
  }

  /** Every alert, resolved ones that are still kept included. */
  get alerts(): IterableIterator<RuleAlert> {
    return this.#alerts.values();
  }

  /** Takes over the alerts of the rule's former version. */
  copyFrom(other: AlertingRule): void {
    this.#alerts = new Map(other.#alerts);
  }

  /** Expands labels and annotations for each element of the result. */
  async elements(
    samples: readonly VectorSample[],
    expand: ExpandTemplate,
    context: ExpansionContext,
    pacer: Pacer,
  ): Promise<AlertElements> {
    const elements = new Map<string, AlertElement>();
    for (const { labels, value: float, histogram } of samples) {
      if (pacer.isDue) await pacer.pause();
      // Templates see a native histogram; the alert itself then has the value 0.
      const shown = histogram === undefined ? float : histogramText(histogram);
      const value = histogram === undefined ? float : 0;
      const own = { ...context, name: this.config.alert, labels, value: shown };
      const builder = new LabelsBuilder(labels);
      builder.delete(METRIC_NAME);
      for (const [name, text] of this.config.labels) builder.set(name, await expand(text, own));
      builder.set(ALERT_NAME, this.config.alert);
      const annotations: [string, string][] = [];
      for (const [name, text] of this.config.annotations) annotations.push([name, await expand(text, own)]);
      const alertLabels = builder.labels();
      if (elements.has(alertLabels.key)) {
        return 'vector contains metrics with the same labelset after applying alert labels';
      }
      elements.set(alertLabels.key, {
        labels: alertLabels,
        annotations: Labels.fromEntries(annotations),
        value,
      });
    }
    return elements;
  }

  /** Moves every alert on; gives the series to write. Too many active alerts drop them all. */
  async apply(
    elements: ReadonlyMap<string, AlertElement>,
    nowMs: number,
    limit: number,
    pacer: Pacer,
  ): Promise<RuleOutput> {
    const next = new Map<string, RuleAlert>();
    const samples: RuleSample[] = [];
    let activeCount = 0;
    for (const key of new Set([...this.#alerts.keys(), ...elements.keys()])) {
      if (pacer.isDue) await pacer.pause();
      const alert = stepAlert(this.#alerts.get(key), elements.get(key), this.config, nowMs);
      if (alert === undefined) continue;
      next.set(key, alert);
      if (alert.state === 'inactive') continue;
      activeCount++;
      if (this.restored) samples.push(alertsSample(alert), forStateSample(alert));
    }
    if (limit > 0 && activeCount > limit) {
      this.#alerts = new Map();
      return { kind: 'failed', message: `exceeded limit of ${limit} with ${activeCount} alerts` };
    }
    this.#alerts = next;
    return { kind: 'samples', samples };
  }

  /** Alerts that the evaluation at `nowMs` must hand over. */
  due(nowMs: number, resendDelayMs: number): RuleAlert[] {
    return [...this.#alerts.values()].filter((alert) => needsSending(alert, nowMs, resendDelayMs));
  }

  /** Notes that alerts were handed over. */
  async markSent(alerts: readonly RuleAlert[], nowMs: number, pacer: Pacer): Promise<void> {
    for (const { labels } of alerts) {
      if (pacer.isDue) await pacer.pause();
      const alert = this.#alerts.get(labels.key);
      if (alert !== undefined) this.#alerts.set(labels.key, { ...alert, lastSentAtMs: nowMs });
    }
  }

  /** Sets since when an alert counts as active. */
  restore(alert: RuleAlert, activeAtMs: number): void {
    this.#alerts.set(alert.labels.key, { ...alert, activeAtMs });
  }

  /** Selects the ALERTS_FOR_STATE series of this rule; labels that are templates differ by alert and are left out. */
  forStateMatchers(): Matcher[] {
    const labels = new Map(this.config.labels.filter(([, text]) => !text.includes('{{')));
    labels.set(METRIC_NAME, ALERTS_FOR_STATE_METRIC);
    labels.set(ALERT_NAME, this.config.alert);
    return [...labels].map(([name, value]) => new Matcher(name, '=', value));
  }
}

function alertsSample(alert: RuleAlert): RuleSample {
  const builder = new LabelsBuilder(alert.labels);
  builder.set(METRIC_NAME, ALERTS_METRIC);
  builder.set('alertstate', alert.state);
  return { labels: builder.labels(), value: 1 };
}

function forStateSample(alert: RuleAlert): RuleSample {
  const builder = new LabelsBuilder(alert.labels);
  builder.set(METRIC_NAME, ALERTS_FOR_STATE_METRIC);
  return { labels: builder.labels(), value: Math.floor(alert.activeAtMs / 1000) };
}
