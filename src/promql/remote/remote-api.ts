import { z } from 'zod';
import { AuthorizedHttp } from '../../core/authorized-http.ts';
import { startDeadline } from '../../core/clock.ts';
import type { Clock } from '../../core/clock.ts';
import { formatDuration } from '../../core/duration.ts';
import { errorText } from '../../core/errors.ts';
import type { FileSystem, HttpClient, HttpResponse, Random } from '../../core/ports.ts';
import type { Environment } from '../../core/proxy-choice.ts';
import { QueryError, canceledError } from '../query-engine.ts';
import type { QueryErrorKind } from '../query-engine.ts';
import type { RemoteStorageConfig } from '../config.ts';
import { ResultScanner } from './result-scanner.ts';
import type { ScannedAnswer } from './result-scanner.ts';

/** What {@link RemoteApi} works with. */
export interface RemoteApiOptions {
  readonly config: RemoteStorageConfig;
  readonly http: HttpClient;
  readonly files: FileSystem;
  readonly clock: Clock;
  readonly random: Random;
  readonly environment?: Environment;
}

/** A request to the remote engine's API. */
export interface RemoteRequest {
  /** Below the configured base: `/api/v1/query`. */
  readonly path: string;
  /** Pairs, because a name may come several times. */
  readonly params: readonly (readonly [name: string, value: string])[];
  /** POST unless told. */
  readonly method?: 'GET' | 'POST';
  readonly signal: AbortSignal | undefined;
  readonly timeoutMs: number | undefined;
  /** Most elements of the result; 0 is no limit. */
  readonly limit: number;
}

/** An answer of the remote engine's API that is no error. */
export interface RemoteAnswer {
  readonly data: unknown;
  readonly warnings: readonly string[];
  readonly infos: readonly string[];
  /** `data.result` as it came, when there is one. */
  readonly result: ScannedAnswer['result'];
  readonly isTruncated: boolean;
}

const answerSchema = z.object({
  status: z.enum(['success', 'error']),
  data: z.unknown(),
  errorType: z.string().optional(),
  error: z.string().optional(),
  warnings: z.array(z.string()).nullish(),
  infos: z.array(z.string()).nullish(),
});

/** How the API names what went wrong, and what that is here. */
const ERROR_KINDS: Readonly<Record<string, QueryErrorKind>> = {
  bad_data: 'bad_data',
  execution: 'execution',
  canceled: 'canceled',
  timeout: 'timeout',
  internal: 'internal',
};

/**
 * Asks a Prometheus-compatible HTTP API (Prometheus, VictoriaMetrics, Mimir, Thanos). Rejects with {@link QueryError}: the
 * remote one's own words where it answered, else what happened on the way.
 *
 * @see https://prometheus.io/docs/prometheus/latest/querying/api/
 */
export class RemoteApi {
  readonly #config: RemoteStorageConfig;
  readonly #clock: Clock;
  readonly #http: AuthorizedHttp;
  readonly #name: string;

  constructor({ config, http, files, clock, random, environment }: RemoteApiOptions) {
    this.#config = config;
    this.#clock = clock;
    this.#http = new AuthorizedHttp({
      http,
      files,
      clock,
      random,
      config: config.http,
      ...(environment && { environment }),
    });
    this.#name = new URL(config.url).host;
  }

  /** Asks, and waits for the whole answer. */
  async ask(request: RemoteRequest): Promise<RemoteAnswer> {
    const timeoutMs = Math.min(request.timeoutMs ?? Infinity, this.#config.timeoutMs);
    const timedOut = (): QueryError =>
      new QueryError(
        'timeout',
        `query timed out in the remote storage ${this.#name}: no answer within ${formatDuration(timeoutMs)}`,
      );
    const deadline = startDeadline(this.#clock, timeoutMs, timedOut, request.signal);
    try {
      const response = await this.#send(request, deadline.signal);
      return this.#read(response.status, await this.#scan(response, request.limit));
    } catch (error) {
      if (request.signal?.aborted === true) throw canceledError(request.signal, 'the remote storage');
      if (error instanceof QueryError) throw error;
      if (deadline.expired) throw timedOut();
      throw new QueryError(
        'execution',
        `the remote storage ${this.#name} cannot be asked: ${errorText(error)}`,
        {
          cause: error,
        },
      );
    } finally {
      deadline.dispose();
    }
  }

  #send(request: RemoteRequest, signal: AbortSignal): Promise<HttpResponse> {
    const form = new URLSearchParams(Object.entries(this.#config.params));
    for (const [name, value] of request.params) form.append(name, value);
    const url = this.#config.url + request.path;
    const headers = { Accept: 'application/json' };
    if (request.method === 'GET') {
      return this.#http.request({ method: 'GET', url: `${url}?${form.toString()}`, headers, signal });
    }
    return this.#http.request({
      method: 'POST',
      url,
      headers: { ...headers, 'Content-Type': 'application/x-www-form-urlencoded' },
      body: form.toString(),
      signal,
    });
  }

  async #scan(response: HttpResponse, limit: number): Promise<ScannedAnswer> {
    const scanner = new ResultScanner(limit);
    let bytes = 0;
    for await (const chunk of response.body) {
      bytes += chunk.length;
      if (bytes > this.#config.maxAnswerBytes) {
        throw new QueryError(
          'execution',
          `the answer of the remote storage ${this.#name} is longer than ${this.#config.maxAnswerBytes} bytes: ask for less, or raise max_answer_bytes of remote_storage`,
        );
      }
      scanner.push(chunk);
    }
    return scanner.end();
  }

  #read(status: number, { rest, result, isTruncated }: ScannedAnswer): RemoteAnswer {
    const { success, data: answer } = answerSchema.safeParse(rest);
    if (!success) {
      throw new QueryError(
        status === 503 ? 'timeout' : 'execution',
        `the remote storage ${this.#name} answered HTTP ${status} with something that is no answer of a Prometheus API: check url of remote_storage`,
      );
    }
    if (answer.status === 'error') {
      const kind =
        ERROR_KINDS[answer.errorType ?? ''] ?? (status === 422 || status === 400 ? 'bad_data' : 'execution');
      throw new QueryError(kind, `remote storage: ${answer.error ?? `HTTP ${status}`}`);
    }
    return {
      data: answer.data,
      warnings: answer.warnings ?? [],
      infos: answer.infos ?? [],
      result,
      isTruncated,
    };
  }
}
