import type { AlertSink, PostedAlert, PutOutcome } from '../alerts/index.ts';
import type { Labels } from '../core/labels.ts';
import { LabelsBuilder } from '../core/labels-builder.ts';
import { type RelabelConfig, relabelBuilder } from '../core/relabel.ts';

/** Where the router sends. */
export interface AlertDestinations {
  /** The embedded store; undefined when alerts go only to Alertmanagers outside. */
  readonly embedded: AlertSink | undefined;
  /** Queues for the Alertmanagers outside; takes alerts without waiting. */
  readonly outside: { send(alerts: readonly PostedAlert[]): void };
}

/**
 * The door through which rules hand in their alerts: the same alerts go to the embedded store and to the Alertmanagers
 * outside, with external labels and `alert_relabel_configs` applied.
 */
export class AlertRouter implements AlertSink {
  readonly #destinations: AlertDestinations;
  #externalLabels: Labels;
  #relabelConfigs: readonly RelabelConfig[];

  constructor(
    destinations: AlertDestinations,
    externalLabels: Labels,
    relabelConfigs: readonly RelabelConfig[],
  ) {
    this.#destinations = destinations;
    this.#externalLabels = externalLabels;
    this.#relabelConfigs = relabelConfigs;
  }

  /** Takes on a reloaded configuration. */
  apply(externalLabels: Labels, relabelConfigs: readonly RelabelConfig[]): void {
    this.#externalLabels = externalLabels;
    this.#relabelConfigs = relabelConfigs;
  }

  /** Labels as they leave: external ones never override, then relabelling; undefined drops the alert. */
  prepare(labels: Labels): Labels | undefined {
    if (this.#externalLabels.size === 0 && this.#relabelConfigs.length === 0) return labels;
    const builder = new LabelsBuilder(labels);
    for (const [name, value] of this.#externalLabels) if (!labels.has(name)) builder.set(name, value);
    return relabelBuilder(builder, this.#relabelConfigs) ? builder.labels() : undefined;
  }

  async put(alerts: readonly PostedAlert[], nowMs: number): Promise<PutOutcome[]> {
    this.#destinations.outside.send(alerts);
    return (await this.#destinations.embedded?.put(alerts, nowMs)) ?? [];
  }
}
