import { assert } from '../../core/errors.ts';
import { METRIC_NAME, type Labels } from '../../core/labels.ts';
import { SampleBuffer, isStale } from '../../storage/index.ts';
import { QueryError } from '../query-engine.ts';
import type { StepGrid } from './column.ts';
import { labelsText } from './matching.ts';
import type { SelectionReader } from './selection.ts';
import type { LookAt } from './selector-source.ts';

import type { EvalContext } from './source.ts';

/** Labels that say which target a series is about. */
const IDENTIFYING: readonly string[] = ['instance', 'job'];

/** One series of an info metric. */
export interface InfoSeries {
  readonly labels: Labels;
  /** At each step the time of its newest sample in milliseconds, NaN where it has none. */
  readonly sampleMs: Float64Array;
}

/** Series of one info metric about one target: at most one of them counts at a step. */
interface Target {
  readonly metric: string;
  readonly members: number[];
  /** At each step the index of the series that counts, -1 where there is none. */
  readonly choice: Int32Array;
}

/**
 * The series of info metrics about given targets, and which of them count at each step: of one metric about one target
 * it is the one with the newest sample.
 */
export class InfoMetrics {
  readonly series: InfoSeries[] = [];
  readonly #reader: SelectionReader;
  readonly #at: LookAt;
  readonly #context: EvalContext;
  readonly #grid: StepGrid;
  /** For each identifying label that some series has: its values. */
  readonly #values: ReadonlyMap<string, ReadonlySet<string>>;
  readonly #targets = new Map<string, Target>();
  readonly #metrics = new Set<string>();
  readonly #samples = new SampleBuffer();

  /** `described` are the labels of the series that want labels. */
  constructor(
    described: readonly Labels[],
    reader: SelectionReader,
    at: LookAt,
    context: EvalContext,
    grid: StepGrid,
  ) {
    this.#reader = reader;
    this.#at = at;
    this.#context = context;
    this.#grid = grid;
    const values = new Map<string, Set<string>>();
    for (const labels of described) {
      for (const name of IDENTIFYING) {
        if (!labels.has(name)) continue;
        let of = values.get(name);
        if (of === undefined) values.set(name, (of = new Set()));
        of.add(labels.get(name));
      }
    }
    this.#values = values;
  }

  /** Reads the series; false asks for a pause. Throws QueryError for native histograms. */
  run(): boolean {
    if (this.#values.size === 0) return true;
    const { control, lookbackMs } = this.#context;
    const { firstMs, everyMs } = this.#at;
    const maxMs = firstMs + (this.#grid.count - 1) * everyMs;
    for (;;) {
      if (control.tick(this.#grid.count + 10)) return false;
      if (!this.#reader.next()) return true;
      const labels = this.#reader.labels();
      if (!this.#isAboutSome(labels)) continue;
      this.#reader.read(firstMs - lookbackMs + 1, maxMs, this.#samples);
      const sampleMs = this.#lookUp(labels);
      if (sampleMs === undefined) continue;
      control.hold(sampleMs.length);
      this.#add({ labels, sampleMs });
    }
  }

  #isAboutSome(labels: Labels): boolean {
    for (const [name, values] of this.#values) if (!values.has(labels.get(name))) return false;
    return true;
  }

  /** When the newest sample is from at each step; undefined where there never is one. */
  #lookUp(labels: Labels): Float64Array | undefined {
    const { firstMs, everyMs } = this.#at;
    const { timestamps, length, histograms } = this.#samples;
    const times = new Float64Array(this.#grid.count).fill(NaN);
    let found = false;
    let next = 0;
    for (let k = 0; k < times.length; k++) {
      const referenceMs = firstMs + k * everyMs;
      while (next < length && timestamps[next]! <= referenceMs) next++;
      const last = next - 1;
      const tooOld = last < 0 || timestamps[last]! <= referenceMs - this.#context.lookbackMs;
      if (tooOld || isStale(this.#samples.values[last]!)) continue;
      if (histograms?.[last] !== undefined) {
        const message = `this should be an info metric, with float samples: ${labelsText(labels)}`;
        throw new QueryError('execution', message);
      }
      times[k] = timestamps[last]!;
      found = true;
    }
    return found ? times : undefined;
  }

  #add(series: InfoSeries): void {
    const metric = series.labels.metricName;
    this.#metrics.add(metric);
    const key = targetKey(metric, series.labels);
    let target = this.#targets.get(key);
    if (target === undefined) {
      target = { metric, members: [], choice: new Int32Array(this.#grid.count).fill(-1) };
      this.#targets.set(key, target);
    }
    target.members.push(this.series.push(series) - 1);
  }

  /**
   * Decides which series count at the steps at which `wanted` isn't 0. Throws QueryError where two samples are equally
   * new.
   */
  choose(wanted: Uint8Array): void {
    for (const { members, choice } of this.#targets.values()) {
      for (const index of members) this.#compete(choice, index, wanted);
    }
  }

  #compete(choice: Int32Array, index: number, wanted: Uint8Array): void {
    const { sampleMs } = this.series[index]!;
    for (let k = 0; k < choice.length; k++) {
      const ms = sampleMs[k]!;
      if (wanted[k] === 0 || ms !== ms) continue;
      const rival = choice[k]!;
      if (rival >= 0) {
        const rivalMs = this.series[rival]!.sampleMs[k]!;
        if (rivalMs === ms) throw this.#duplicate(rival, index, ms);
        if (rivalMs > ms) continue;
      }
      choice[k] = index;
    }
  }

  #duplicate(existing: number, added: number, ms: number): QueryError {
    const shown = (index: number): string => `${labelsText(this.series[index]!.labels)} @ ${ms}`;
    const message = `found duplicate series for info metric: existing ${shown(existing)}, new ${shown(added)}`;
    return new QueryError('execution', message);
  }

  /** For each info metric that is about a series' target: which series counts at each step, -1 for none. */
  choicesFor(labels: Labels): readonly Int32Array[] {
    const choices: Int32Array[] = [];
    for (const metric of this.#metrics) {
      const target = this.#targets.get(targetKey(metric, labels));
      assert(target === undefined || target.metric === metric, 'a target must belong to its metric');
      if (target !== undefined) choices.push(target.choice);
    }
    return choices;
  }

  /** The series that {@link choicesFor}'s choices name at a step. */
  chosen(choices: readonly Int32Array[], step: number): readonly InfoSeries[] {
    return choices.map((choice) => this.series[choice[step]!]).filter((one) => one !== undefined);
  }
}

function targetKey(metric: string, labels: Labels): string {
  return labels.only(IDENTIFYING).with(METRIC_NAME, metric).key;
}
