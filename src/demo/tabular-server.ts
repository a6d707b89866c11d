import {
  type FeatureBins,
  type ModelInstruments,
  binNames,
  binOf,
  instrumentModel,
} from '../client/index.ts';
import { logNormal, pick, poisson } from './distributions.ts';
import { ModelServer, type ModelServerOptions } from './model-server.ts';
import type { IncidentKind } from './scenario.ts';

const REQUESTS_PER_SECOND = 30;
const REFERENCE_ROWS = 20_000;
const COUNTRIES = { de: 40, fr: 25, it: 15, es: 12, nl: 8 } as const;
const FEATURES: Readonly<Record<string, FeatureBins>> = {
  amount: { edges: [5, 10, 20, 40, 60, 90, 140, 250, 500] },
  country: { categories: Object.keys(COUNTRIES) },
};
const BASE_ERROR_RATIO = 0.002;
const FRAUD_RATIO = 0.03;
/** After a change of unit upstream, amounts arrive in cents. */
const DRIFT_FACTOR = 100;

/** A tabular classifier (fraud or not) with the conventional model metrics, features by bin and late labels. */
export class TabularServer extends ModelServer {
  readonly #instruments: ModelInstruments;

  constructor(options: ModelServerOptions, modelVersion: string) {
    super(options);
    this.#instruments = instrumentModel({
      registry: this.registry,
      model: options.model,
      modelVersion,
      features: FEATURES,
      classes: ['fraud', 'legitimate'],
      errorReasons: ['feature_store_timeout', 'invalid_input'],
    });
    this.#stateReference();
  }

  protected liveOneSecond(strength: (kind: IncidentKind) => number): void {
    const errorRatio = BASE_ERROR_RATIO + strength('errors');
    const drift = strength('drift');
    const slow = 1 + 20 * strength('latency');
    const count = poisson(this.random, REQUESTS_PER_SECOND);
    for (let i = 0; i < count; i++) this.#predict(errorRatio, drift, slow);
  }

  #predict(errorRatio: number, drift: number, slow: number): void {
    const failed = this.random.next() < errorRatio;
    const drifted = this.random.next() < drift;
    const amount = this.#amount() * (drifted ? DRIFT_FACTOR : 1);
    const country = pick(this.random, COUNTRIES);
    if (failed) {
      const reason = this.random.next() < 0.95 ? 'feature_store_timeout' : 'invalid_input';
      this.#instruments.observePrediction({
        outcome: 'error',
        reason,
        latencySeconds: logNormal(this.random, 1.2, 0.2),
        features: { amount, country },
      });
      return;
    }
    const fraud = this.random.next() < FRAUD_RATIO;
    const right = this.random.next() < (drifted ? 0.6 : 0.95);
    const said = fraud === right;
    this.#instruments.observePrediction({
      outcome: 'ok',
      latencySeconds: logNormal(this.random, 0.018 * slow, 0.4),
      features: { amount, country },
      score: Math.min(1, Math.max(0, (said ? 0.85 : 0.1) + (this.random.next() - 0.5) * 0.2)),
      predictedClass: said ? 'fraud' : 'legitimate',
    });
    const cell = said ? (fraud ? 'tp' : 'fp') : fraud ? 'fn' : 'tn';
    // One prediction in five gets its label.
    if (this.random.next() < 0.2) this.#instruments.observeOutcome(cell, logNormal(this.random, 30, 1));
  }

  #amount(): number {
    return logNormal(this.random, 45, 1);
  }

  #stateReference(): void {
    const amounts = FEATURES['amount']!;
    const rows = Object.fromEntries(binNames(amounts).map((bin) => [bin, 0]));
    for (let i = 0; i < REFERENCE_ROWS; i++) {
      const bin = binOf(amounts, this.#amount());
      rows[bin] = rows[bin]! + 1;
    }
    this.#instruments.setReference('amount', rows);
    const total = Object.values(COUNTRIES).reduce((sum, weight) => sum + weight, 0);
    const byCountry = Object.fromEntries(binNames(FEATURES['country']!).map((bin) => [bin, 0]));
    for (const [country, weight] of Object.entries(COUNTRIES)) {
      byCountry[country] = Math.round((weight / total) * REFERENCE_ROWS);
    }
    this.#instruments.setReference('country', byCountry);
  }
}
