import { createHash } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { AuthorizedHttp, secretsOf } from '../../../core/authorized-http.ts';
import { startDeadline } from '../../../core/clock.ts';
import type { Clock } from '../../../core/clock.ts';
import { formatDuration } from '../../../core/duration.ts';
import { TocsinError, errorText } from '../../../core/errors.ts';
import type { Labels } from '../../../core/labels.ts';
import type { Logger } from '../../../core/log.ts';
import type { Registry } from '../../../core/metrics.ts';
import type { FileSystem, HttpClient, HttpResponse, Random } from '../../../core/ports.ts';
import type { Environment } from '../../../core/proxy-choice.ts';
import type { RemoteReadConfig } from './config.ts';
import { RemoteReadMetrics } from './metrics.ts';
import type { EndpointNames } from './metrics.ts';
import type { ReadAsk, ReadForm, ReadSink, RemoteReadPort, RemoteReadView } from './read-transport.ts';

/** Most bytes of one answer. */
const MAX_ANSWER_BYTES = 512 * 1024 * 1024;
/** Most of an error's text that is shown. */
const MAX_ERROR_BYTES = 1024;

/** What a {@link RemoteReadClient} works with. */
export interface RemoteReadClientOptions {
  readonly http: HttpClient;
  readonly files: FileSystem;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly registry: Registry;
  readonly environment?: Environment;
  readonly userAgent: string;
  /** From when on everything is here; asked for each query. */
  readonly localStartMs: () => number;
}

interface Endpoint {
  readonly config: RemoteReadConfig;
  readonly names: EndpointNames;
  readonly http: AuthorizedHttp;
  readonly headers: Readonly<Record<string, string>>;
  readonly secrets: readonly string[];
}

/** The endpoints of `remote_read`: keeps connections and secrets in the main thread, and hands on bytes. */
export class RemoteReadClient implements RemoteReadPort {
  readonly #options: RemoteReadClientOptions;
  readonly #metrics: RemoteReadMetrics;
  /** Ends what is under way when the program or the configuration ends. */
  #ending = new AbortController();
  #version = 0;
  #endpoints: readonly Endpoint[] = [];
  #views: RemoteReadView['endpoints'] = [];

  constructor(options: RemoteReadClientOptions) {
    this.#options = options;
    this.#metrics = new RemoteReadMetrics(options.registry);
  }

  get view(): RemoteReadView | undefined {
    if (this.#views.length === 0) return undefined;
    return { version: this.#version, localStartMs: this.#options.localStartMs(), endpoints: this.#views };
  }

  /** Takes on a configuration. Requests under way end; queries that ask for the old one get an error. */
  apply(configs: readonly RemoteReadConfig[], externalLabels: Labels): void {
    const before = this.#endpoints;
    this.#version++;
    this.#ending.abort(outdated());
    this.#ending = new AbortController();
    // Every request listens.
    setMaxListeners(0, this.#ending.signal);
    this.#endpoints = configs.map((config) => this.#endpoint(config));
    this.#views = configs.map((config, i) => ({
      name: this.#endpoints[i]!.names.remote_name,
      readRecent: config.readRecent,
      requiredMatchers: Object.entries(config.requiredMatchers),
      externalLabels: config.filterExternalLabels ? [...externalLabels] : [],
      maxFrameBytes: config.maxFrameBytes,
    }));
    for (const { names } of before) {
      const stays = this.#endpoints.some(
        (next) => next.names.remote_name === names.remote_name && next.names.url === names.url,
      );
      if (!stays) this.#metrics.remove(names);
    }
  }

  async read(ask: ReadAsk, sink: ReadSink, signal: AbortSignal): Promise<void> {
    const endpoint = this.#endpoints[ask.endpoint];
    if (ask.version !== this.#version || endpoint === undefined) {
      throw outdated();
    }
    const { clock, logger } = this.#options;
    const { timeoutMs } = endpoint.config;
    const timedOut = (): TocsinError =>
      new TocsinError('TOCSIN_ERR_TIMEOUT', `no answer within ${formatDuration(timeoutMs)}`);
    const both = AbortSignal.any([signal, this.#ending.signal]);
    const deadline = startDeadline(clock, timeoutMs, timedOut, both);
    this.#metrics.queries.inc(endpoint.names);
    try {
      await this.#ask(endpoint, ask.body, sink, deadline.signal);
    } catch (error) {
      if (both.aborted) throw both.reason;
      const shown = deadline.expired ? timedOut() : this.#shown(endpoint, error);
      logger.warn({ remote_name: endpoint.names.remote_name, err: errorText(shown) }, 'a remote read failed');
      throw shown;
    } finally {
      this.#metrics.queries.dec(endpoint.names);
      deadline.dispose();
    }
  }

  /** Ends what is under way. */
  stop(): void {
    this.#ending.abort(new TocsinError('TOCSIN_ERR_CANCELLED', 'tocsin is stopping'));
  }

  #endpoint(config: RemoteReadConfig): Endpoint {
    const { http, files, clock, random, environment, userAgent } = this.#options;
    const digest = createHash('sha256')
      .update(`${config.url}${JSON.stringify(config.headers)}`)
      .digest('hex');
    const names = {
      remote_name: config.name === '' ? digest.slice(0, 6) : config.name,
      url: withoutLogin(config.url),
    };
    return {
      config,
      names,
      http: new AuthorizedHttp({
        http,
        files,
        clock,
        random,
        config: config.http,
        ...(environment && { environment }),
      }),
      headers: {
        ...config.headers,
        'Content-Encoding': 'snappy',
        'Accept-Encoding': 'snappy',
        'Content-Type': 'application/x-protobuf',
        'User-Agent': userAgent,
        'X-Prometheus-Remote-Read-Version': '0.1.0',
      },
      secrets: secretsOf(config.http),
    };
  }

  async #ask(
    { config, names, http, headers }: Endpoint,
    body: Uint8Array,
    sink: ReadSink,
    signal: AbortSignal,
  ): Promise<void> {
    const { clock } = this.#options;
    const begunMs = clock.monotonicMs();
    const response = await http.request({ method: 'POST', url: config.url, headers, body, signal });
    const { status } = response;
    if (status < 200 || status >= 300) {
      const text = await errorBody(response);
      throw new TocsinError('TOCSIN_ERR_HTTP', `${names.url} answered HTTP ${status}${text && `: ${text}`}`);
    }
    const form = formOf(response.headers['content-type'] ?? '');
    const type = form === undefined ? 'unsupported' : form === 'samples' ? 'sampled' : 'chunked';
    this.#metrics.duration.observe({ ...names, response_type: type }, (clock.monotonicMs() - begunMs) / 1000);
    if (form === undefined) {
      response.discard();
      this.#metrics.ended(names, type, String(status));
      const given = response.headers['content-type'] ?? '';
      throw new TocsinError(
        'TOCSIN_ERR_HTTP',
        `unsupported content type: ${given}; check url of remote_read`,
      );
    }
    let isWhole = false;
    try {
      await handOn(response, form, sink);
      isWhole = true;
    } finally {
      const code = isWhole || form === 'samples' ? String(status) : 'aborted_stream';
      this.#metrics.ended(names, type, code);
    }
  }

  /** An error without secrets in it. */
  #shown({ secrets, config }: Endpoint, error: unknown): TocsinError {
    let text = errorText(error).replaceAll(config.url, withoutLogin(config.url));
    for (const secret of secrets) text = text.replaceAll(secret, '<secret>');
    return error instanceof TocsinError && error.message === text
      ? error
      : new TocsinError('TOCSIN_ERR_HTTP', text);
  }
}

function outdated(): TocsinError {
  return new TocsinError('TOCSIN_ERR_CANCELLED', 'the configuration has changed meanwhile, ask again');
}

async function handOn(response: HttpResponse, form: ReadForm, sink: ReadSink): Promise<void> {
  let bytes = 0;
  try {
    sink.begin(form);
    for await (const chunk of response.body) {
      bytes += chunk.length;
      if (bytes > MAX_ANSWER_BYTES) {
        const advice = 'ask for fewer series or a shorter time';
        throw new TocsinError(
          'TOCSIN_ERR_HTTP',
          `the answer is longer than ${MAX_ANSWER_BYTES} bytes: ${advice}`,
        );
      }
      sink.push(chunk);
    }
  } catch (error) {
    response.discard();
    throw error;
  }
}

function formOf(contentType: string): ReadForm | undefined {
  if (contentType.startsWith('application/x-protobuf')) return 'samples';
  const chunked = 'application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse';
  return contentType.startsWith(chunked) ? 'chunks' : undefined;
}

async function errorBody(response: HttpResponse): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body) {
    chunks.push(chunk);
    length += chunk.length;
    if (length >= MAX_ERROR_BYTES) break;
  }
  response.discard();
  return Buffer.concat(chunks).subarray(0, MAX_ERROR_BYTES).toString('utf8').trim();
}

/** A URL as it may be shown. */
function withoutLogin(text: string): string {
  const url = new URL(text);
  if (url.username === '' && url.password === '') return text;
  url.username = '';
  url.password = '';
  return url.href;
}
