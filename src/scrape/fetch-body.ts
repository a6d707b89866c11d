import { startDeadline } from '../core/clock.ts';
import type { Clock } from '../core/clock.ts';
import { errorText } from '../core/errors.ts';
import { formatDuration } from '../core/duration.ts';
import type { HttpResponse } from '../core/ports.ts';
import { BodySizeLimitError, GzipError, readBody } from './body.ts';
import type { BodyBuffers, BodyProgress, ReceivedBody } from './body.ts';
import { secondsText } from './target.ts';

/** Sends a scrape's request, with the credentials and connection settings of its job. */
export type SendRequest = (request: {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  readonly body?: string;
  readonly transientBody?: boolean;
  readonly observes?: boolean;
}) => Promise<HttpResponse>;

/** One request of a target. */
export interface FetchOptions {
  readonly send: SendRequest;
  readonly clock: Clock;
  readonly url: string;
  readonly accept: string;
  readonly userAgent: string;
  readonly enableCompression: boolean;
  readonly timeoutMs: number;
  /** 0 is no limit. */
  readonly bodySizeLimitBytes: number;
  /** Where the memory of bodies comes from. */
  readonly buffers: BodyBuffers;
  /** Ends the request when scraping stops. */
  readonly signal: AbortSignal;
}

/** What came of a request. */
export type FetchOutcome =
  | { readonly kind: 'body'; readonly body: ReceivedBody; readonly contentType: string }
  | { readonly kind: 'failed'; readonly reason: string; readonly tooLarge: boolean }
  /** Scraping stopped meanwhile; nothing is to be recorded. */
  | { readonly kind: 'stopped' };

const STATUS_TEXTS: Readonly<Record<number, string>> = {
  201: 'Created',
  202: 'Accepted',
  204: 'No Content',
  206: 'Partial Content',
  301: 'Moved Permanently',
  302: 'Found',
  303: 'See Other',
  304: 'Not Modified',
  307: 'Temporary Redirect',
  308: 'Permanent Redirect',
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  406: 'Not Acceptable',
  408: 'Request Timeout',
  410: 'Gone',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
};

/** Asks a target for its metrics and reads the whole answer, within the timeout. Never rejects for what targets do. */
export async function fetchBody(options: FetchOptions): Promise<FetchOutcome> {
  const { clock, url, timeoutMs, signal } = options;
  const progress: BodyProgress = { receivedBytes: 0 };
  const deadline = startDeadline(clock, timeoutMs, () => new Error('context deadline exceeded'), signal);
  let answered = false;
  try {
    const response = await options.send({
      method: 'GET',
      url,
      headers: {
        Accept: options.accept,
        'Accept-Encoding': options.enableCompression ? 'gzip' : 'identity',
        'User-Agent': options.userAgent,
        'X-Prometheus-Scrape-Timeout-Seconds': secondsText(timeoutMs),
      },
      signal: deadline.signal,
      transientBody: true,
    });
    answered = true;
    return await readAnswer(response, options, progress);
  } catch (error) {
    if (signal.aborted) return { kind: 'stopped' };
    const tooLarge = error instanceof BodySizeLimitError;
    if (tooLarge || error instanceof GzipError) return { kind: 'failed', reason: error.message, tooLarge };
    const shownUrl = JSON.stringify(url);
    if (!deadline.expired) {
      const what = answered ? `reading the body of ${shownUrl}` : `Get ${shownUrl}`;
      return { kind: 'failed', reason: `${what}: ${errorText(error)}`, tooLarge };
    }
    const where = answered
      ? `scrape_timeout ${formatDuration(timeoutMs)}, after ${progress.receivedBytes} bytes of the body`
      : `scrape_timeout ${formatDuration(timeoutMs)}, no answer yet`;
    return { kind: 'failed', reason: `Get ${shownUrl}: context deadline exceeded (${where})`, tooLarge };
  } finally {
    deadline.dispose();
  }
}

async function readAnswer(
  response: HttpResponse,
  options: FetchOptions,
  progress: BodyProgress,
): Promise<FetchOutcome> {
  if (response.status !== 200) {
    response.discard();
    const text = STATUS_TEXTS[response.status];
    const status = text === undefined ? String(response.status) : `${response.status} ${text}`;
    return { kind: 'failed', reason: `server returned HTTP status ${status}`, tooLarge: false };
  }
  const isGzip = response.headers['content-encoding'] === 'gzip';
  const { bodySizeLimitBytes, clock, buffers } = options;
  const limitBytes = bodySizeLimitBytes > 0 ? bodySizeLimitBytes : Infinity;
  const said = Number(response.headers['content-length'] ?? 0);
  const expectedBytes = isGzip || !(said > 0) ? 0 : said;
  const body = await readBody(response.body, { isGzip, limitBytes, expectedBytes, clock, buffers }, progress);
  return { kind: 'body', body, contentType: response.headers['content-type'] ?? '' };
}
