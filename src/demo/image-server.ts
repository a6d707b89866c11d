import { Counter, Gauge } from '../core/metrics.ts';
import { logNormal, poisson } from './distributions.ts';
import { ModelServer, type ModelServerOptions } from './model-server.ts';
import type { IncidentKind } from './scenario.ts';

const REQUESTS_PER_SECOND = 20;
const BATCH_SIZE = 4;
const GPU_MEMORY_BYTES = 24 * 2 ** 30;
const FAILURE_REASONS = ['REJECTED', 'CANCELED', 'BACKEND', 'OTHER'] as const;
const DURATIONS = ['request', 'queue', 'compute_input', 'compute_infer', 'compute_output'] as const;
/** Median microseconds of each part of a request. */
const MEDIAN_US: Readonly<Record<(typeof DURATIONS)[number], number>> = {
  request: 21_000,
  queue: 1500,
  compute_input: 800,
  compute_infer: 18_000,
  compute_output: 400,
};

/** An image model on a server with the metric names and labels of Triton. */
export class ImageServer extends ModelServer {
  readonly #labels: { readonly model: string; readonly version: string };
  readonly #success: Counter;
  readonly #failure: Counter;
  readonly #count: Counter;
  readonly #executions: Counter;
  readonly #pending: Gauge;
  readonly #durations: ReadonlyMap<(typeof DURATIONS)[number], Counter>;
  readonly #gpu: { readonly gpu_uuid: string };
  readonly #gpuUtilization: Gauge;
  readonly #gpuMemoryUsed: Gauge;

  constructor(options: ModelServerOptions, servedModel: string) {
    super(options);
    const registers = [this.registry];
    const labelNames = ['model', 'version'];
    this.#labels = { model: servedModel, version: '3' };
    this.#gpu = { gpu_uuid: `GPU-${options.random.uuid()}` };
    const counter = (name: string, help: string, more: readonly string[] = []): Counter =>
      new Counter({ name: `nv_inference_${name}`, help, labelNames: [...labelNames, ...more], registers });
    this.#success = counter('request_success', 'Number of successful inference requests, all batch sizes');
    this.#failure = counter('request_failure', 'Number of failed inference requests, all batch sizes', [
      'reason',
    ]);
    this.#count = counter('count', 'Number of inferences performed');
    this.#executions = counter('exec_count', 'Number of model executions performed');
    this.#pending = new Gauge({
      name: 'nv_inference_pending_request_count',
      help: 'Instantaneous number of pending requests awaiting execution per-model.',
      labelNames,
      registers,
    });
    this.#durations = new Map(
      DURATIONS.map((part) => [
        part,
        counter(`${part}_duration_us`, `Cumulative inference ${part} duration in microseconds`),
      ]),
    );
    const gauge = (name: string, help: string): Gauge =>
      new Gauge({ name, help, labelNames: ['gpu_uuid'], registers });
    this.#gpuUtilization = gauge('nv_gpu_utilization', 'GPU utilization rate [0.0 - 1.0)');
    this.#gpuMemoryUsed = gauge('nv_gpu_memory_used_bytes', 'GPU used memory, in bytes');
    gauge('nv_gpu_memory_total_bytes', 'GPU total memory, in bytes').set(this.#gpu, GPU_MEMORY_BYTES);
    this.#pending.set(this.#labels, 0);
    this.#gpuUtilization.set(this.#gpu, 0);
    this.#gpuMemoryUsed.set(this.#gpu, 0);
    for (const reason of FAILURE_REASONS) this.#failure.inc({ ...this.#labels, reason }, 0);
    for (const plain of [this.#success, this.#count, this.#executions, ...this.#durations.values()])
      plain.inc(this.#labels, 0);
  }

  protected liveOneSecond(strength: (kind: IncidentKind) => number): void {
    const slow = 1 + 8 * strength('latency');
    const errors = strength('errors');
    const count = poisson(this.random, REQUESTS_PER_SECOND);
    for (let i = 0; i < count; i++) {
      if (this.random.next() < errors) {
        this.#failure.inc({ ...this.#labels, reason: 'BACKEND' });
        continue;
      }
      this.#success.inc(this.#labels);
      this.#count.inc(this.#labels);
      if (i % BATCH_SIZE === 0) this.#executions.inc(this.#labels);
      for (const [part, counter] of this.#durations) {
        counter.inc(this.#labels, Math.round(logNormal(this.random, MEDIAN_US[part] * slow, 0.3)));
      }
    }
    this.#pending.set(
      this.#labels,
      Math.round(40 * (slow - 1) * this.random.next() + this.random.next() * 2),
    );
    this.#gpuUtilization.set(this.#gpu, Math.min(0.99, 0.55 + 0.05 * (slow - 1) + this.random.next() * 0.1));
    this.#gpuMemoryUsed.set(this.#gpu, Math.round(GPU_MEMORY_BYTES * (0.61 + this.random.next() * 0.01)));
  }
}
