import type { Labels } from '../core/labels.ts';
import { matchesAll } from '../core/matcher.ts';
import { isResolved } from './alert.ts';
import type { Alert } from './alert.ts';
import type { AlertListener } from './alert-store.ts';
import type { InhibitRuleConfig } from './config.ts';

/** An alert that may inhibit others under a rule. */
interface Source {
  readonly alert: Alert;
  /** It satisfies the target's matchers too, so it can't inhibit an alert that satisfies the source's. */
  readonly twoSided: boolean;
}

/**
 * A rule with the alerts that are its sources, all of them by the values of the `equal` labels (Alertmanager keeps one
 * a key, and so lets targets through when that one ends before the others).
 */
class InhibitRule {
  readonly #config: InhibitRuleConfig;
  readonly #sources = new Map<string, Map<string, Source>>();

  constructor(config: InhibitRuleConfig) {
    this.#config = config;
  }

  store(alert: Alert): void {
    if (!matchesAll(this.#config.sourceMatchers, alert.labels)) return;
    const key = this.#equalKey(alert.labels);
    let sources = this.#sources.get(key);
    if (sources === undefined) {
      sources = new Map();
      this.#sources.set(key, sources);
    }
    const twoSided = matchesAll(this.#config.targetMatchers, alert.labels);
    sources.set(alert.fingerprint, { alert, twoSided });
  }

  remove(alert: Alert): void {
    const key = this.#equalKey(alert.labels);
    const sources = this.#sources.get(key);
    if (sources?.delete(alert.fingerprint) === true && sources.size === 0) this.#sources.delete(key);
  }

  /** Fingerprint of an alert that inhibits one with these labels at `nowMs`. */
  inhibitedBy(labels: Labels, nowMs: number): string | undefined {
    if (this.#sources.size === 0 || !matchesAll(this.#config.targetMatchers, labels)) return undefined;
    const sources = this.#sources.get(this.#equalKey(labels));
    if (sources === undefined) return undefined;
    const targetIsSource = matchesAll(this.#config.sourceMatchers, labels);
    for (const { alert, twoSided } of sources.values()) {
      if (targetIsSource && twoSided) continue;
      if (!isResolved(alert, nowMs)) return alert.fingerprint;
    }
    return undefined;
  }

  /** An absent label and an empty one are the same. */
  #equalKey(labels: Labels): string {
    return labels.only(this.#config.equal).key;
  }
}

/**
 * Holds back alerts while others fire. Sources count even while they are silenced, muted or inhibited themselves. An
 * alert that satisfies both sides of a rule can only be inhibited by one that doesn't satisfy the target's side, so none
 * inhibits itself and no two each other.
 *
 * @see alertmanager inhibit/inhibit.go
 */
export class Inhibitor implements AlertListener {
  readonly name = 'inhibitor';
  readonly #rules: readonly InhibitRule[];

  constructor(rules: readonly InhibitRuleConfig[]) {
    this.#rules = rules.map((rule) => new InhibitRule(rule));
  }

  get ruleCount(): number {
    return this.#rules.length;
  }

  alertStored(alert: Alert): void {
    for (const rule of this.#rules) rule.store(alert);
  }

  alertsCollected(alerts: readonly Alert[]): void {
    for (const alert of alerts) for (const rule of this.#rules) rule.remove(alert);
  }

  /**
   * The alert that inhibits this one at `nowMs`: its fingerprint, by the first rule that applies; empty when none does.
   * Whether the alert itself fires doesn't matter.
   */
  mutedBy(alert: Pick<Alert, 'labels'>, { nowMs }: { readonly nowMs: number }): string[] {
    for (const rule of this.#rules) {
      const source = rule.inhibitedBy(alert.labels, nowMs);
      if (source !== undefined) return [source];
    }
    return [];
  }
}
