import { AssertionFailure, errorText } from '../core/errors.ts';
import type { Labels } from '../core/labels.ts';
import type { Logger } from '../core/log.ts';
import { QueryError, ReadSharer, type QueryOrigin, type SharedReads } from '../promql/index.ts';
import { generatorUrl, toPostedAlert } from './alert-delivery.ts';
import type { AlertingRule, ExpansionContext } from './alerting-rule.ts';
import type { RuleGroupConfig } from './config.ts';
import { Pacer } from '../core/pacer.ts';
import { elementsOf } from './ports.ts';
import type { RulePorts } from './ports.ts';
import { restoreRule } from './restore.ts';
import { Rule } from './rule.ts';
import type { RuleView } from './rule.ts';
import type { Querier } from '../storage/index.ts';
import { groupSchedule, nextSlot, slotAtOrBefore } from './schedule.ts';
import type { GroupSchedule } from './schedule.ts';
import { writeStaleMarkers } from './series-writer.ts';
import type { RuleSample } from './series-writer.ts';

/** Longest stretch of work between two turns of the loop. */
const STRETCH_MS = 8;

/** One group, for the API. */
export interface RuleGroupView {
  readonly name: string;
  readonly file: string;
  readonly intervalMs: number;
  readonly queryOffsetMs: number;
  readonly limit: number;
  /** How long the last evaluation took. */
  readonly evaluationTimeMs: number;
  /** When the last evaluation began; undefined before the first. */
  readonly lastEvaluationMs: number | undefined;
  readonly rules: readonly RuleView[];
}

/** Longest stretch of short rules without giving other work a turn. */
const TURN_MS = 5;

/** One evaluation of a group. */
interface Tick {
  readonly slotMs: number;
  readonly nowMs: number;
  readonly reads: SharedReads;
  readonly cancel: AbortSignal;
}

/** `file;name`: a group's name in metrics. */
export function groupKey(group: { readonly file: string; readonly name: string }): string {
  return `${group.file};${group.name}`;
}

/**
 * A group at work: evaluates its rules one after another at its slots.
 *
 * @see prometheus rules/group.go
 */
export class RuleGroup {
  readonly config: RuleGroupConfig;
  readonly intervalMs: number;
  readonly #ports: RulePorts;
  readonly #logger: Logger;
  readonly #schedule: GroupSchedule;
  readonly #rules: readonly Rule[];
  readonly #sharer: ReadSharer;
  readonly #stopping = new AbortController();
  readonly #ended = Promise.withResolvers<void>();
  #running = false;
  #restorePending: boolean;
  /** Series of rules that are gone, to be ended at the next evaluation. */
  #orphans: Labels[] = [];
  #evaluationTimeMs = 0;
  #lastEvaluationMs: number | undefined;

  /** `restore`: the program has just started, `for` states are looked for after the second evaluation. */
  constructor(config: RuleGroupConfig, intervalMs: number, ports: RulePorts, restore: boolean) {
    this.config = config;
    this.intervalMs = intervalMs;
    this.#ports = ports;
    this.#sharer = new ReadSharer(ports.reads ?? ports.storage);
    this.#logger = ports.logger.child({ file: config.file, group: config.name });
    this.#schedule = groupSchedule(config.file, config.name, intervalMs);
    this.#rules = config.rules.map((rule) => new Rule(rule, !restore));
    this.#restorePending = restore;
    ports.metrics.addGroup(groupKey(config), config.rules.length, intervalMs);
  }

  /** Whether a group of the new configuration is this very one, so that it can go on. */
  equals(config: RuleGroupConfig, intervalMs: number): boolean {
    return this.intervalMs === intervalMs && JSON.stringify(this.config) === JSON.stringify(config);
  }

  /**
   * Takes over from the group's stopped former version. Rules are found by name and labels; of several equal ones the
   * first takes over from the first, and so on.
   */
  copyStateFrom(old: RuleGroup): void {
    this.#evaluationTimeMs = old.#evaluationTimeMs;
    this.#lastEvaluationMs = old.#lastEvaluationMs;
    const left = Map.groupBy(old.#rules, (rule) => rule.nameAndLabels);
    for (const rule of this.#rules) {
      const former = left.get(rule.nameAndLabels)?.shift();
      if (former !== undefined) rule.copyFrom(former);
    }
    this.#orphans = [...old.#orphans, ...[...left.values()].flat().flatMap((rule) => rule.writer.series)];
    if (!old.#restorePending) return;
    this.#restorePending = true;
    for (const { alerting } of this.#rules) if (alerting !== undefined) alerting.restored = false;
  }

  /** Evaluates at every slot until {@link stop} or until `signal` (which also ends queries) is aborted. */
  async run(signal: AbortSignal): Promise<void> {
    this.#running = true;
    const stop = AbortSignal.any([signal, this.#stopping.signal]);
    const { clock } = this.#ports;
    let slotMs = slotAtOrBefore(this.#schedule, clock.nowMs()) + this.intervalMs;
    try {
      for (let count = 1; ; count++) {
        if (!(await this.#waitUntil(slotMs, stop))) return;
        await this.evaluate(slotMs, stop, signal);
        if (count >= 2 && this.#restorePending && !stop.aborted) await this.#restore(clock.nowMs());
        const next = nextSlot(this.#schedule, slotMs, clock.nowMs());
        if (next.missed > 0) {
          this.#ports.metrics.iterationsMissed.inc(this.#label, next.missed);
          this.#ports.metrics.iterations.inc(this.#label, next.missed);
        }
        slotMs = next.slotMs;
      }
    } finally {
      this.#ended.resolve();
    }
  }

  /** Ends {@link run} after the rule it is at; resolves when it has ended. */
  async stop(): Promise<void> {
    this.#stopping.abort(new Error('the rule group was stopped'));
    if (this.#running) await this.#ended.promise;
  }

  /** Waits; false when there is no use in going on. */
  async #waitUntil(atMs: number, stop: AbortSignal): Promise<boolean> {
    const waitMs = atMs - this.#ports.clock.nowMs();
    if (waitMs > 0 && !stop.aborted) {
      try {
        await this.#ports.clock.sleep(waitMs, stop);
      } catch (error) {
        if (!stop.aborted) throw error;
      }
    }
    return !stop.aborted;
  }

  /** One evaluation of all rules for a slot. */
  async evaluate(slotMs: number, stop: AbortSignal, cancel: AbortSignal = stop): Promise<void> {
    const { clock, metrics } = this.#ports;
    metrics.iterations.inc(this.#label);
    const nowMs = clock.nowMs();
    const startMs = clock.monotonicMs();
    let turnMs = startMs;
    let sampleCount = 0;
    const reads = this.#sharer.begin(slotMs - this.queryOffsetMs);
    try {
      for (const rule of this.#rules) {
        if (stop.aborted) break;
        sampleCount += await this.#evaluateRule(rule, { slotMs, nowMs, reads, cancel });
        if (clock.monotonicMs() - turnMs < TURN_MS) continue;
        await clock.yieldTurn();
        turnMs = clock.monotonicMs();
      }
    } finally {
      this.#sharer.end(reads);
    }
    if (!stop.aborted) {
      metrics.lastSamples.set(this.#label, sampleCount);
      await this.#endOrphans(slotMs, nowMs);
    }
    this.#evaluationTimeMs = clock.monotonicMs() - startMs;
    this.#lastEvaluationMs = nowMs;
    const seconds = this.#evaluationTimeMs / 1000;
    metrics.groupSeconds.observe(seconds);
    metrics.groupHistogramSeconds.observe(seconds);
    metrics.lastDuration.set(this.#label, seconds);
    metrics.lastEvaluation.set(this.#label, nowMs / 1000);
    const ruleMs = this.#rules.reduce((sum, rule) => sum + rule.evaluationTimeMs, 0);
    metrics.lastRuleDurationSum.set(this.#label, ruleMs / 1000);
  }

  /** Number of samples the rule gave. Failures end here: they are shown as the rule's health. */
  async #evaluateRule(rule: Rule, tick: Tick): Promise<number> {
    const { clock, metrics } = this.#ports;
    const startMs = clock.monotonicMs();
    rule.lastEvaluationMs = clock.nowMs();
    metrics.evaluations.inc(this.#label);
    let sampleCount = 0;
    try {
      sampleCount = await this.#tryRule(rule, tick);
    } catch (error) {
      if (error instanceof AssertionFailure) throw error;
      this.#fail(rule, errorText(error), error instanceof QueryError && error.kind === 'canceled');
    }
    rule.evaluationTimeMs = clock.monotonicMs() - startMs;
    metrics.evaluationSeconds.observe(rule.evaluationTimeMs / 1000);
    metrics.evaluationHistogramSeconds.observe(rule.evaluationTimeMs / 1000);
    return sampleCount;
  }

  #fail(rule: Rule, message: string, quiet = false): void {
    rule.health = 'err';
    rule.lastError = message;
    this.#ports.metrics.evaluationFailures.inc(this.#label);
    if (!quiet) this.#logger.warn({ rule: rule.name, err: message }, 'evaluating rule failed');
  }

  async #tryRule(rule: Rule, tick: Tick): Promise<number> {
    const { slotMs, nowMs, reads, cancel } = tick;
    const { clock, engine } = this.#ports;
    const options = { signal: cancel, reads, origin: this.#origin(rule) };
    const result = await engine.instant(rule.config.query, slotMs - this.queryOffsetMs, options);
    const pacer = new Pacer(clock, STRETCH_MS);
    const context = this.#expansionContext(rule, slotMs, cancel);
    const output = await rule.process(result.value, slotMs, this.config.limit, this.#ports, context, pacer);
    if (output.kind === 'failed') {
      this.#fail(rule, output.message);
      return 0;
    }
    rule.health = 'ok';
    rule.lastError = '';
    if (rule.alerting !== undefined) await this.#handOver(rule.alerting, slotMs, nowMs, pacer);
    await this.#write(rule, output.samples, slotMs, nowMs, pacer);
    for (const name of rule.metricNames) reads.wrote(name);
    return output.samples.length;
  }

  async #write(
    rule: Rule,
    samples: readonly RuleSample[],
    slotMs: number,
    nowMs: number,
    pacer: Pacer,
  ): Promise<void> {
    const tMs = slotMs - this.queryOffsetMs;
    const dropped = await rule.writer.write(this.#ports.storage, samples, tMs, nowMs, pacer);
    for (const [reason, count] of dropped) {
      rule.health = 'err';
      rule.lastError = reason;
      this.#logger.warn({ rule: rule.name, reason, dropped: count }, 'samples of a rule were not taken');
    }
  }

  #expansionContext(rule: Rule, slotMs: number, cancel: AbortSignal): ExpansionContext {
    const { engine, settings } = this.#ports;
    const { externalLabels, externalUrl } = settings();
    return {
      nowMs: slotMs,
      externalUrl,
      externalLabels,
      query: async (expr) => {
        const { value } = await engine.instant(expr, slotMs, { signal: cancel, origin: this.#origin(rule) });
        const elements = elementsOf(value);
        if (typeof elements === 'string') throw new QueryError('execution', elements);
        return elements;
      },
      onError: (error) => {
        this.#logger.warn({ rule: rule.name, err: errorText(error) }, 'expanding alert template failed');
      },
    };
  }

  /** Hands alerts to the store. What could not be handed over is due again at the next evaluation. */
  async #handOver(rule: AlertingRule, slotMs: number, nowMs: number, pacer: Pacer): Promise<void> {
    const { sink, prepare, settings, metrics } = this.#ports;
    const { resendDelayMs, externalUrl } = settings();
    const due = rule.due(slotMs, resendDelayMs);
    if (due.length === 0) return;
    const context = {
      nowMs: slotMs,
      intervalMs: this.intervalMs,
      resendDelayMs,
      generatorUrl: generatorUrl(externalUrl, rule.config.query),
    };
    const posted = [];
    for (const alert of due) {
      if (pacer.isDue) await pacer.pause();
      const labels = prepare(alert.labels);
      if (labels !== undefined) posted.push(toPostedAlert(alert, labels, context));
    }
    try {
      const outcomes = posted.length === 0 ? [] : await sink.put(posted, nowMs);
      const refused = outcomes.find((outcome) => outcome.kind === 'invalid');
      if (refused !== undefined) {
        this.#logger.error({ alertname: rule.config.alert, reason: refused.reason }, 'an alert was refused');
      }
    } catch (error) {
      if (error instanceof AssertionFailure) throw error;
      metrics.alertHandoverFailures.inc();
      this.#logger.error(
        { alertname: rule.config.alert, alerts: posted.length, err: errorText(error) },
        'alerts could not be handed over; they will be at the next evaluation',
      );
      return;
    }
    await rule.markSent(due, slotMs, pacer);
  }

  async #endOrphans(slotMs: number, nowMs: number): Promise<void> {
    const { storage, clock } = this.#ports;
    try {
      const tMs = slotMs - this.queryOffsetMs;
      await writeStaleMarkers(storage, this.#orphans, tMs, nowMs, new Pacer(clock, STRETCH_MS));
      this.#orphans = [];
    } catch (error) {
      if (error instanceof AssertionFailure) throw error;
      this.#logger.warn({ err: errorText(error) }, 'ending series of a former configuration failed');
    }
  }

  /** For a group that is no longer configured and has stopped: ends all its series, as of `tMs`. */
  async endSeries(tMs: number): Promise<void> {
    this.#orphans.push(...this.#rules.flatMap((rule) => rule.writer.series));
    await this.#endOrphans(tMs, this.#ports.clock.nowMs());
  }

  async #restore(nowMs: number): Promise<void> {
    const { clock, storage, settings, metrics } = this.#ports;
    const startMs = clock.monotonicMs();
    let querier: Querier | undefined;
    try {
      querier = storage.querier(nowMs - settings().outageToleranceMs, nowMs);
      for (const { alerting } of this.#rules) {
        if (alerting === undefined) continue;
        await restoreRule(alerting, querier, settings(), nowMs, this.#logger);
        await clock.yieldTurn();
      }
    } catch (error) {
      if (error instanceof AssertionFailure) throw error;
      this.#logger.error({ err: errorText(error) }, "failed to restore 'for' states");
    } finally {
      querier?.close();
    }
    // There is no second try; a rule that wrote no series for ever would be worse.
    for (const { alerting } of this.#rules) if (alerting !== undefined) alerting.restored = true;
    this.#restorePending = false;
    metrics.lastRestoreDuration.set(this.#label, (clock.monotonicMs() - startMs) / 1000);
  }

  /** What the list of queries and the query log say about a rule's query. */
  #origin(rule: Rule): QueryOrigin {
    const { file, name: group } = this.config;
    return { kind: 'rule', file, group, rule: rule.name };
  }

  /** How far behind its slots the group looks and writes. */
  get queryOffsetMs(): number {
    return this.config.queryOffsetMs ?? this.#ports.settings().queryOffsetMs;
  }

  get #label(): { rule_group: string } {
    return { rule_group: groupKey(this.config) };
  }

  /** Its rules at work. */
  get rules(): readonly Rule[] {
    return this.#rules;
  }

  view(): RuleGroupView {
    const { name, file, limit } = this.config;
    return {
      name,
      file,
      limit,
      intervalMs: this.intervalMs,
      queryOffsetMs: this.queryOffsetMs,
      evaluationTimeMs: this.#evaluationTimeMs,
      lastEvaluationMs: this.#lastEvaluationMs,
      rules: this.#rules.map((rule) => rule.view()),
    };
  }
}
