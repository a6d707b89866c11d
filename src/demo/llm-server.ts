import { Counter, Gauge, Histogram } from '../core/metrics.ts';
import { logNormal, pick, poisson } from './distributions.ts';
import { ModelServer, type ModelServerOptions } from './model-server.ts';
import type { IncidentKind } from './scenario.ts';

const REQUESTS_PER_SECOND = 4;
const FIRST_TOKEN_BUCKETS = [
  0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80,
];
const INTER_TOKEN_BUCKETS = [0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5, 5];
const REQUEST_BUCKETS = [0.3, 0.5, 0.8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 50, 60, 120];
const TOKEN_BUCKETS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000];
const FINISHED = { stop: 92, length: 6, abort: 2 } as const;

/** An LLM server with the metric names and labels of vLLM: queue, KV cache, token latencies. */
export class LlmServer extends ModelServer {
  readonly #labels: { readonly model_name: string; readonly engine: string };
  readonly #running: Gauge;
  readonly #waiting: Gauge;
  readonly #cache: Gauge;
  readonly #preemptions: Counter;
  readonly #promptTokens: Counter;
  readonly #generationTokens: Counter;
  readonly #success: Counter;
  readonly #firstToken: Histogram;
  readonly #interToken: Histogram;
  readonly #endToEnd: Histogram;
  readonly #promptLength: Histogram;
  readonly #generationLength: Histogram;
  #pressure = 0;

  constructor(options: ModelServerOptions, servedModel: string) {
    super(options);
    this.#labels = { model_name: servedModel, engine: '0' };
    this.#running = this.#gauge('num_requests_running', 'Requests in execution batches.');
    this.#waiting = this.#gauge('num_requests_waiting', 'Requests waiting to be processed.');
    this.#cache = this.#gauge('kv_cache_usage_perc', 'Share of the KV cache in use; 1 is full.');
    this.#preemptions = this.#counter('num_preemptions_total', 'Preemptions by the engine.');
    this.#promptTokens = this.#counter('prompt_tokens_total', 'Prefill tokens processed.');
    this.#generationTokens = this.#counter('generation_tokens_total', 'Generation tokens processed.');
    this.#success = this.#counter('request_success_total', 'Requests that ended, by reason.', [
      'finished_reason',
    ]);
    this.#firstToken = this.#histogram(
      'time_to_first_token_seconds',
      'Time to first token.',
      FIRST_TOKEN_BUCKETS,
    );
    this.#interToken = this.#histogram(
      'inter_token_latency_seconds',
      'Time between tokens.',
      INTER_TOKEN_BUCKETS,
    );
    this.#endToEnd = this.#histogram(
      'e2e_request_latency_seconds',
      'Time of whole requests.',
      REQUEST_BUCKETS,
    );
    this.#promptLength = this.#histogram(
      'request_prompt_tokens',
      'Prefill tokens of a request.',
      TOKEN_BUCKETS,
    );
    this.#generationLength = this.#histogram(
      'request_generation_tokens',
      'Generation tokens of a request.',
      TOKEN_BUCKETS,
    );
    for (const reason of Object.keys(FINISHED))
      this.#success.inc({ ...this.#labels, finished_reason: reason }, 0);
  }

  protected liveOneSecond(strength: (kind: IncidentKind) => number): void {
    // Pressure builds up and drains over a few seconds, as queues do.
    this.#pressure += (strength('latency') - this.#pressure) * 0.4;
    const pressure = this.#pressure;
    const count = poisson(this.random, REQUESTS_PER_SECOND);
    for (let i = 0; i < count; i++) this.#answerOne(pressure);
    this.#running.set(this.#labels, Math.round(6 + 26 * pressure + this.random.next() * 3));
    this.#waiting.set(this.#labels, Math.round(24 * pressure + this.random.next()));
    this.#cache.set(this.#labels, Math.min(0.995, 0.42 + 0.55 * pressure + this.random.next() * 0.03));
    if (pressure > 0.5) this.#preemptions.inc(this.#labels, poisson(this.random, 2 * pressure));
  }

  #answerOne(pressure: number): void {
    const promptTokens = Math.max(1, Math.round(logNormal(this.random, 320, 0.8)));
    const generated = Math.max(1, Math.round(logNormal(this.random, 120, 0.7)));
    const firstToken = logNormal(this.random, 0.12 + 6 * pressure, 0.3);
    const perToken = logNormal(this.random, 0.02 + 0.15 * pressure, 0.2);
    this.#promptTokens.inc(this.#labels, promptTokens);
    this.#generationTokens.inc(this.#labels, generated);
    this.#firstToken.observe(this.#labels, firstToken);
    for (let i = 0; i < Math.min(generated, 20); i++)
      this.#interToken.observe(this.#labels, logNormal(this.random, perToken, 0.1));
    this.#endToEnd.observe(this.#labels, firstToken + perToken * generated);
    this.#promptLength.observe(this.#labels, promptTokens);
    this.#generationLength.observe(this.#labels, generated);
    this.#success.inc({ ...this.#labels, finished_reason: pick(this.random, FINISHED) });
  }

  #gauge(name: string, help: string): Gauge {
    const labelNames = ['model_name', 'engine'];
    const gauge = new Gauge({ name: `vllm:${name}`, help, labelNames, registers: [this.registry] });
    gauge.set(this.#labels, 0);
    return gauge;
  }

  #counter(name: string, help: string, more: readonly string[] = []): Counter {
    const labelNames = ['model_name', 'engine', ...more];
    const counter = new Counter({ name: `vllm:${name}`, help, labelNames, registers: [this.registry] });
    if (more.length === 0) counter.inc(this.#labels, 0);
    return counter;
  }

  #histogram(name: string, help: string, buckets: number[]): Histogram {
    const labelNames = ['model_name', 'engine'];
    const registers = [this.registry];
    const histogram = new Histogram({ name: `vllm:${name}`, help, labelNames, buckets, registers });
    histogram.zero(this.#labels);
    return histogram;
  }
}
