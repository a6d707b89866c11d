import type { AuthorizedHttp } from '../../../core/authorized-http.ts';
import { startDeadline } from '../../../core/clock.ts';
import type { Clock } from '../../../core/clock.ts';
import { snappyCompress } from '../../../core/compression/snappy.ts';
import { errorText } from '../../../core/errors.ts';
import type { HttpResponse } from '../../../core/ports.ts';
import type { RemoteWriteConfig } from '../config.ts';

/** How a request ended. */
export type SendOutcome =
  | { readonly kind: 'sent'; readonly bytes: number }
  /** Worth another try; `afterMs` is what the endpoint asked for. */
  | { readonly kind: 'retry'; readonly reason: string; readonly afterMs: number | undefined }
  /** The endpoint will never take it. */
  | { readonly kind: 'refused'; readonly reason: string };

/** Most of an error's text that is shown. */
const MAX_REASON_BYTES = 512;
/** A Retry-After beyond this is taken for this. */
const MAX_RETRY_AFTER_MS = 10 * 60_000;

/** In which endpoints of version 2.0 say how much they stored. */
const WRITTEN_HEADERS = ['samples', 'histograms', 'exemplars'].map(
  (what) => `x-prometheus-remote-write-${what}-written`,
);
const NOTHING_TAKEN =
  'it answered with success, but not that it stored anything: it seems not to know remote write 2.0; set protobuf_message to prometheus.WriteRequest';

/**
 * Posts bodies of remote-write requests.
 *
 * @see prometheus storage/remote/client.go, storage/remote/queue_manager.go (what a 2.0 endpoint must say)
 */
export class WriteEndpoint {
  readonly #config: RemoteWriteConfig;
  readonly #http: AuthorizedHttp;
  readonly #clock: Clock;
  readonly #headers: Readonly<Record<string, string>>;

  constructor(config: RemoteWriteConfig, http: AuthorizedHttp, clock: Clock, userAgent: string) {
    this.#config = config;
    this.#http = http;
    this.#clock = clock;
    const isV2 = config.message === 'io.prometheus.write.v2.Request';
    this.#headers = {
      ...config.headers,
      'Content-Encoding': 'snappy',
      'Content-Type': isV2 ? `application/x-protobuf;proto=${config.message}` : 'application/x-protobuf',
      'User-Agent': userAgent,
      'X-Prometheus-Remote-Write-Version': isV2 ? '2.0.0' : '0.1.0',
    };
  }

  /** Sends a body once. Rejects only with the reason of `signal`. */
  async send(body: Uint8Array, signal: AbortSignal, attempt: number): Promise<SendOutcome> {
    const compressed = snappyCompress(body);
    const { timeoutMs, url } = this.#config;
    const timedOut = (): Error => new Error(`no answer within ${timeoutMs} ms`);
    const deadline = startDeadline(this.#clock, timeoutMs, timedOut, signal);
    try {
      const response = await this.#http.request({
        method: 'POST',
        url,
        headers: attempt === 0 ? this.#headers : { ...this.#headers, 'Retry-Attempt': String(attempt) },
        body: compressed,
        signal: deadline.signal,
      });
      return await this.#read(response, compressed.length);
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      return {
        kind: 'retry',
        reason: deadline.expired ? timedOut().message : errorText(error),
        afterMs: undefined,
      };
    } finally {
      deadline.dispose();
    }
  }

  async #read(response: HttpResponse, bytes: number): Promise<SendOutcome> {
    const { status } = response;
    if (status >= 200 && status < 300) {
      response.discard();
      return this.#hasTaken(response) ? { kind: 'sent', bytes } : { kind: 'refused', reason: NOTHING_TAKEN };
    }
    const reason = `HTTP ${status}: ${await firstLine(response)}`;
    const isRetried = status >= 500 || (status === 429 && this.#config.queue.retryOnRateLimit);
    if (!isRetried) return { kind: 'refused', reason };
    return { kind: 'retry', reason, afterMs: this.#retryAfter(response.headers['retry-after']) };
  }

  /** Whether the endpoint says that it stored something, as those of version 2.0 do; of others a 2xx says so. */
  #hasTaken({ headers }: HttpResponse): boolean {
    if (this.#config.message === 'prometheus.WriteRequest') return true;
    return WRITTEN_HEADERS.some((name) => Number(headers[name] ?? 0) > 0);
  }

  #retryAfter(text: string | undefined): number | undefined {
    if (text === undefined) return undefined;
    const seconds = Number(text);
    const afterMs = Number.isNaN(seconds) ? Date.parse(text) - this.#clock.nowMs() : seconds * 1000;
    return Number.isNaN(afterMs) || afterMs < 0 ? undefined : Math.min(afterMs, MAX_RETRY_AFTER_MS);
  }
}

async function firstLine(response: HttpResponse): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body) {
    chunks.push(chunk);
    length += chunk.length;
    if (length >= MAX_REASON_BYTES) break;
  }
  response.discard();
  const text = Buffer.concat(chunks).subarray(0, MAX_REASON_BYTES).toString('utf8');
  return text.split('\n', 1)[0]!.trim();
}
