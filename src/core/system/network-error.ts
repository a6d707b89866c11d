import { TocsinError, errorText } from '../errors.ts';

/** Texts of Go's net package for Node's error codes: what people of Prometheus search for. */
const NETWORK_REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset by peer',
  EHOSTUNREACH: 'no route to host',
  ENETUNREACH: 'network is unreachable',
  ENOTFOUND: 'no such host',
  EAI_AGAIN: 'temporary failure in name resolution',
  EPIPE: 'broken pipe',
  ETIMEDOUT: 'connection timed out',
  UND_ERR_SOCKET: 'connection closed before the response was complete',
  UND_ERR_CONNECT_TIMEOUT: 'connection timed out',
  UND_ERR_HEADERS_OVERFLOW: 'response headers are too large',
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'the body is not as long as Content-Length says',
  HPE_INVALID_CONSTANT: 'malformed HTTP response',
};

/** What went wrong with a request, as TOCSIN_ERR_HTTP: names the host and nothing more of the URL. */
export function networkError(error: unknown, url: string): TocsinError {
  const { host } = new URL(url);
  const causes: unknown[] = error instanceof AggregateError ? error.errors : [error];
  const last = (causes.at(-1) ?? error) as NodeJS.ErrnoException;
  const reason = NETWORK_REASONS[last.code ?? ''] ?? errorText(last);
  // Only the host: paths and queries of webhook URLs are secrets.
  return new TocsinError('TOCSIN_ERR_HTTP', `${host}: ${reason}`, { cause: error });
}
