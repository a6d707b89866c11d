import { errorText } from '../core/errors.ts';
import { silentLogger } from '../core/log.ts';
import { createRegistry } from '../core/metrics.ts';
import { VirtualClock } from '../core/virtual-clock.ts';
import { engineFeatures, LocalQueryEngine, PromqlParseError, QueryError } from '../promql/index.ts';
import type { PromqlFeatures, QueryValue } from '../promql/index.ts';
import { DEFAULT_RULE_SETTINGS, RuleGroup, RuleMetrics, elementsOf } from '../rules/index.ts';
import type { RuleGroupConfig } from '../rules/index.ts';
import { AppendOutcome, HeadStorage, histogramFault } from '../storage/index.ts';
import { expandRuleTemplate } from '../template/index.ts';
import { sameAlerts, sameSamples, sortAlerts, sortSamples } from './compare.ts';
import type { AlertCase, ExpectedAlert, ExpectedSample, ExprCase, RuleTest, RuleTestFile } from './config.ts';
import type { RuleTestFailure } from './rule-test-report.ts';

const OUTCOME_TEXTS: Readonly<Record<number, string>> = {
  [AppendOutcome.duplicate]: 'duplicate sample for timestamp',
  [AppendOutcome.outOfOrder]: 'out of order sample',
  [AppendOutcome.outOfBounds]: 'out of bounds',
  [AppendOutcome.tooFarAhead]: 'too far in the future',
  [AppendOutcome.tooOld]: 'too old sample',
};

/** One test of a file at work: a storage, an engine and rule groups of its own. Used once. */
export class TestRun {
  readonly #file: RuleTestFile;
  readonly #test: RuleTest;
  readonly #clock: VirtualClock;
  readonly #storage = new HeadStorage();
  readonly #engine: LocalQueryEngine;
  readonly #groups: readonly RuleGroup[];
  readonly #failures: RuleTestFailure[] = [];
  /** Steps of the input series that were loaded. */
  #loadedSteps = 0;

  constructor(
    file: RuleTestFile,
    test: RuleTest,
    groups: readonly RuleGroupConfig[],
    features: PromqlFeatures,
  ) {
    const { evaluationIntervalMs } = file;
    this.#file = file;
    this.#test = test;
    this.#clock = new VirtualClock(test.startMs);
    this.#engine = new LocalQueryEngine({
      storage: this.#storage,
      clock: this.#clock,
      logger: silentLogger,
      subqueryStepMs: () => evaluationIntervalMs,
      ...engineFeatures(features),
    });
    const { externalLabels, externalUrl } = test;
    const settings = { ...DEFAULT_RULE_SETTINGS, evaluationIntervalMs, externalLabels, externalUrl };
    const ports = {
      clock: this.#clock,
      logger: silentLogger,
      metrics: new RuleMetrics(createRegistry()),
      engine: this.#engine,
      storage: this.#storage,
      sink: { put: () => Promise.resolve([]) },
      expandTemplate: expandRuleTemplate,
      // Alerts go nowhere: what is compared are the rule's own.
      prepare: () => undefined,
      settings: () => settings,
    };
    this.#groups = groups.map((group) => new RuleGroup(group, group.intervalMs ?? test.stepMs, ports, false));
  }

  /** Evaluates up to the last time that is asked for; resolves to what is not as expected. */
  async run(): Promise<readonly RuleTestFailure[]> {
    const { alertCases, exprCases, startMs } = this.#test;
    const { evaluationIntervalMs } = this.#file;
    const lastMs = [...alertCases, ...exprCases].reduce(
      (max, { evalTimeMs }) => Math.max(max, evalTimeMs),
      0,
    );
    for (let timeMs = 0; timeMs <= lastMs; timeMs += evaluationIntervalMs) {
      await this.#clock.advanceTo(startMs + timeMs);
      await this.#loadSamples(timeMs);
      if (!(await this.#evaluate(timeMs))) return this.#failures;
      for (const alertCase of alertCases) {
        const sinceMs = alertCase.evalTimeMs - timeMs;
        if (sinceMs >= 0 && sinceMs < evaluationIntervalMs) this.#checkAlerts(alertCase);
      }
    }
    for (const exprCase of exprCases) await this.#checkExpr(exprCase);
    return this.#failures;
  }

  /** Input samples up to a time, step by step: rules must not see later ones, whatever offset they have. */
  async #loadSamples(untilMs: number): Promise<void> {
    const { inputSeries, stepMs, startMs, name: test } = this.#test;
    const stepCount = inputSeries.reduce((max, { values }) => Math.max(max, values.length), 0);
    for (; this.#loadedSteps < stepCount && this.#loadedSteps * stepMs <= untilMs; this.#loadedSteps++) {
      const timeMs = this.#loadedSteps * stepMs;
      const appender = this.#storage.appender(startMs + timeMs);
      for (const { labels, values } of inputSeries) {
        const value = values[this.#loadedSteps];
        if (value === undefined) continue;
        const ref = appender.series(labels);
        const outcome =
          typeof value === 'number'
            ? appender.append(ref, startMs + timeMs, value)
            : appender.appendRich(ref, startMs + timeMs, { value: NaN, histogram: value, startMs: 0 });
        const fault = typeof value === 'number' ? undefined : histogramFault(value);
        const message = fault ?? OUTCOME_TEXTS[outcome];
        if (message === undefined) continue;
        this.#failures.push({ kind: 'input', test, timeMs, series: labels.toString(), message });
      }
      await appender.commit();
    }
  }

  /** False when a rule failed. */
  async #evaluate(timeMs: number): Promise<boolean> {
    const { startMs, name: test } = this.#test;
    const never = new AbortController().signal;
    let good = true;
    for (const group of this.#groups) {
      await group.evaluate(startMs + timeMs, never);
      for (const { name, health, lastError } of group.rules) {
        if (health !== 'err') continue;
        good = false;
        this.#failures.push({ kind: 'rule', test, timeMs, rule: name, message: lastError });
      }
    }
    return good;
  }

  #checkAlerts({ alertname, groupname, evalTimeMs: timeMs, expected }: AlertCase): void {
    const got: ExpectedAlert[] = [];
    for (const { config, rules } of this.#groups) {
      if (groupname !== '' && config.name !== groupname) continue;
      for (const rule of rules) {
        if (rule.alerting === undefined || rule.name !== alertname) continue;
        for (const alert of rule.activeAlerts()) if (alert.state === 'firing') got.push(alert);
      }
    }
    const wanted = sortAlerts(expected);
    const found = sortAlerts(got);
    if (sameAlerts(wanted, found)) return;
    this.#failures.push({
      kind: 'alerts',
      test: this.#test.name,
      timeMs,
      alertname,
      expected: wanted,
      got: found,
    });
  }

  async #checkExpr({ expr, evalTimeMs: timeMs, expected }: ExprCase): Promise<void> {
    const { startMs, name: test } = this.#test;
    const got = await this.#query(expr, startMs + timeMs);
    if (typeof got === 'string') {
      this.#failures.push({ kind: 'expr', test, timeMs, expr, message: got });
      return;
    }
    const wanted = sortSamples(expected);
    const found = sortSamples(got);
    if (sameSamples(wanted, found, this.#file.fuzzyCompare)) return;
    this.#failures.push({ kind: 'samples', test, timeMs, expr, expected: wanted, got: found });
  }

  /** The elements of an expression's value; a text says why there are none. */
  async #query(expr: string, timeMs: number): Promise<readonly ExpectedSample[] | string> {
    let value: QueryValue;
    try {
      ({ value } = await this.#engine.instant(expr, timeMs));
    } catch (error) {
      if (!(error instanceof QueryError || error instanceof PromqlParseError)) throw error;
      return errorText(error);
    }
    return elementsOf(value);
  }
}
