import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

/** How a feature's values are put into bins that never change while the model version lives. */
export type FeatureBins =
  | {
      /** Inner edges, ascending; k edges make k + 1 bins. */
      readonly edges: readonly number[];
    }
  | {
      /** Known categories; anything else counts as `other`. */
      readonly categories: readonly string[];
    };

/** What {@link instrumentModel} needs to know. */
export interface ModelInstrumentOptions {
  readonly registry: Registry;
  /** Name of the model, as in tocsin's configuration. */
  readonly model: string;
  readonly modelVersion: string;
  readonly features?: Readonly<Record<string, FeatureBins>>;
  /** Classes that the model can predict. */
  readonly classes?: readonly string[];
  /** Why predictions fail; pre-initialised so that the first failure is not lost to `increase`. */
  readonly errorReasons?: readonly string[];
  /** Upper bounds of the latency histogram, in seconds. */
  readonly latencyBuckets?: readonly number[];
}

/** How a prediction ended. */
export type PredictionOutcome = 'ok' | 'error' | 'rejected' | 'fallback';
/** A late label's cell of the confusion matrix. */
export type OutcomeCell = 'tp' | 'fp' | 'tn' | 'fn';

/** One prediction, as the server saw it. */
export interface Prediction {
  readonly outcome: PredictionOutcome;
  readonly latencySeconds: number;
  /** By feature name; null and NaN count as `missing`. */
  readonly features?: Readonly<Record<string, number | string | null>>;
  /** In [0, 1]. */
  readonly score?: number;
  readonly predictedClass?: string;
  /** For outcome `error`. */
  readonly reason?: string;
}

const DEFAULT_LATENCY_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const SCORE_BUCKETS = Array.from({ length: 20 }, (_, i) => (i + 1) / 20);
const OUTCOMES: readonly PredictionOutcome[] = ['ok', 'error', 'rejected', 'fallback'];
const CELLS: readonly OutcomeCell[] = ['tp', 'fp', 'tn', 'fn'];

/** Names of a feature's bins, in order; every feature also has `missing`, categories also have `other`. */
export function binNames(bins: FeatureBins): string[] {
  if ('categories' in bins) return [...bins.categories, 'other', 'missing'];
  const names = bins.edges.map((_, i) => binName(bins.edges, i));
  return [...names, binName(bins.edges, bins.edges.length), 'missing'];
}

function binName(edges: readonly number[], i: number): string {
  const low = i === 0 ? '-inf' : String(edges[i - 1]);
  const high = i === edges.length ? '+inf' : String(edges[i]);
  return `${low}..${high}`;
}

/** The bin a value falls into; edges belong to the bin on their left. */
export function binOf(bins: FeatureBins, value: number | string | null): string {
  if (value === null || (typeof value === 'number' && Number.isNaN(value))) return 'missing';
  if ('categories' in bins) return bins.categories.includes(String(value)) ? String(value) : 'other';
  let i = 0;
  while (i < bins.edges.length && Number(value) > bins.edges[i]!) i++;
  return binName(bins.edges, i);
}

/**
 * The metrics that tocsin's model alerts understand, on a prom-client registry. Every label combination that can occur
 * exists from the start with 0: a series that first appears at a value loses that value to `rate` and `increase`.
 */
export class ModelInstruments {
  readonly #labels: { readonly model: string; readonly model_version: string };
  readonly #features: Readonly<Record<string, FeatureBins>>;
  readonly #predictions: Counter;
  readonly #errors: Counter;
  readonly #latency: Histogram;
  readonly #bins: Counter;
  readonly #score: Histogram;
  readonly #classes: Counter;
  readonly #outcomes: Counter;
  readonly #labelLag: Histogram;
  readonly #referenceShare: Gauge;
  readonly #referenceCount: Gauge;

  constructor(options: ModelInstrumentOptions) {
    const registers = [options.registry];
    const base = ['model', 'model_version'];
    this.#labels = { model: options.model, model_version: options.modelVersion };
    this.#features = options.features ?? {};
    this.#predictions = new Counter({
      name: 'model_predictions_total',
      help: 'Predictions by how they ended.',
      labelNames: [...base, 'outcome'],
      registers,
    });
    this.#errors = new Counter({
      name: 'model_prediction_errors_total',
      help: 'Failed predictions by reason.',
      labelNames: [...base, 'reason'],
      registers,
    });
    this.#latency = new Histogram({
      name: 'model_prediction_latency_seconds',
      help: 'Time from request to answer.',
      labelNames: base,
      buckets: [...(options.latencyBuckets ?? DEFAULT_LATENCY_BUCKETS)],
      registers,
    });
    this.#bins = new Counter({
      name: 'model_feature_bin_total',
      help: 'Values of each input feature by bin; bins are fixed with the reference.',
      labelNames: [...base, 'feature', 'bin'],
      registers,
    });
    this.#score = new Histogram({
      name: 'model_prediction_score',
      help: 'Scores the model gave.',
      labelNames: base,
      buckets: SCORE_BUCKETS,
      registers,
    });
    this.#classes = new Counter({
      name: 'model_predicted_class_total',
      help: 'Predictions by class.',
      labelNames: [...base, 'class'],
      registers,
    });
    this.#outcomes = new Counter({
      name: 'model_outcomes_total',
      help: 'Late labels by cell of the confusion matrix, counted under the version that predicted.',
      labelNames: [...base, 'cell'],
      registers,
    });
    this.#labelLag = new Histogram({
      name: 'model_label_lag_seconds',
      help: 'Time from prediction to its label.',
      labelNames: base,
      buckets: [1, 10, 60, 600, 3600, 86_400, 604_800],
      registers,
    });
    this.#referenceShare = new Gauge({
      name: 'model_reference_share',
      help: 'Share of each bin in the reference data.',
      labelNames: [...base, 'feature', 'bin'],
      registers,
    });
    this.#referenceCount = new Gauge({
      name: 'model_reference_n',
      help: 'Rows of the reference data.',
      labelNames: [...base, 'feature'],
      registers,
    });
    new Gauge({ name: 'model_info', help: 'The model that is served.', labelNames: base, registers }).set(
      this.#labels,
      1,
    );
    this.#initialise(options);
  }

  /** Counts one prediction. */
  observePrediction(prediction: Prediction): void {
    this.#predictions.inc({ ...this.#labels, outcome: prediction.outcome });
    this.#latency.observe(this.#labels, prediction.latencySeconds);
    if (prediction.outcome === 'error') {
      this.#errors.inc({ ...this.#labels, reason: prediction.reason ?? 'unknown' });
    }
    for (const [feature, value] of Object.entries(prediction.features ?? {})) {
      const bins = this.#features[feature];
      if (bins !== undefined) this.#bins.inc({ ...this.#labels, feature, bin: binOf(bins, value) });
    }
    if (prediction.score !== undefined) this.#score.observe(this.#labels, prediction.score);
    if (prediction.predictedClass !== undefined) {
      this.#classes.inc({ ...this.#labels, class: prediction.predictedClass });
    }
  }

  /** Counts one label that arrived `lagSeconds` after its prediction. */
  observeOutcome(cell: OutcomeCell, lagSeconds: number): void {
    this.#outcomes.inc({ ...this.#labels, cell });
    this.#labelLag.observe(this.#labels, lagSeconds);
  }

  /** States the reference that drift is measured against: rows per bin, by {@link binNames}. */
  setReference(feature: string, rowsByBin: Readonly<Record<string, number>>): void {
    const rows = Object.values(rowsByBin).reduce((sum, count) => sum + count, 0);
    for (const [bin, count] of Object.entries(rowsByBin)) {
      this.#referenceShare.set({ ...this.#labels, feature, bin }, rows === 0 ? 0 : count / rows);
    }
    this.#referenceCount.set({ ...this.#labels, feature }, rows);
  }

  #initialise(options: ModelInstrumentOptions): void {
    for (const histogram of [this.#latency, this.#score, this.#labelLag]) histogram.zero(this.#labels);
    for (const outcome of OUTCOMES) this.#predictions.inc({ ...this.#labels, outcome }, 0);
    for (const cell of CELLS) this.#outcomes.inc({ ...this.#labels, cell }, 0);
    for (const reason of options.errorReasons ?? []) this.#errors.inc({ ...this.#labels, reason }, 0);
    for (const name of options.classes ?? []) this.#classes.inc({ ...this.#labels, class: name }, 0);
    for (const [feature, bins] of Object.entries(this.#features)) {
      for (const bin of binNames(bins)) this.#bins.inc({ ...this.#labels, feature, bin }, 0);
    }
  }
}

/** Registers the conventional metrics of one served model and returns the object that counts into them. */
export function instrumentModel(options: ModelInstrumentOptions): ModelInstruments {
  return new ModelInstruments(options);
}
