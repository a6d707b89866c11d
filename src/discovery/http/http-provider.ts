import { TocsinError } from '../../core/errors.ts';
import type { HttpClientConfig } from '../../core/http-config.ts';
import type { HttpResponse } from '../../core/ports.ts';
import { shownUrl } from '../../core/shown-url.ts';
import { fetchJsonList } from '../fetch-json.ts';
import { mapPaced } from '../paced.ts';
import type { Provider, ProviderContext } from '../provider.ts';
import { RefreshProvider } from '../refresh-provider.ts';
import { makeTargetGroup } from '../target-group.ts';
import { writtenGroupSchema } from '../written-group.ts';

/** What an entry of `http_sd_configs` says. */
export interface HttpDiscoveryOptions {
  readonly url: string;
  /** Also the time limit of a request. */
  readonly refreshIntervalMs: number;
  readonly http: HttpClientConfig;
}

const CONTENT_TYPE = /^application\/json(?:;\s*charset=(?:"utf-8"|utf-8))?$/i;

/**
 * `http_sd_configs`: target groups as a service lists them, each known by its place in the list.
 *
 * @see prometheus discovery/http/http.go
 */
export function createHttpProvider(options: HttpDiscoveryOptions, context: ProviderContext): Provider {
  const { url, refreshIntervalMs } = options;
  const { clock, metrics, userAgent } = context;
  const failures = metrics.counter(
    'prometheus_sd_http_failures_total',
    'Number of HTTP service discovery refresh failures.',
  );
  const http = context.httpFor(options.http);
  const headers = {
    'User-Agent': userAgent,
    'X-Prometheus-Refresh-Interval-Seconds': String(refreshIntervalMs / 1000),
  };
  const request = { http, clock, url, headers, timeoutMs: refreshIntervalMs, checkHead };
  return new RefreshProvider(
    {
      mechanism: 'http',
      intervalMs: refreshIntervalMs,
      async refresh(signal) {
        try {
          const { value } = await fetchJsonList({ ...request, schema: writtenGroupSchema, signal });
          return await mapPaced(clock, value, (group, i) =>
            makeTargetGroup(`${url}:${i}`, group.targets, group.labels.with('__meta_url', url)),
          );
        } catch (error) {
          if (!signal.aborted) failures.inc();
          throw error;
        }
      },
    },
    context,
  );
}

function checkHead({ status, headers, url }: HttpResponse): void {
  if (status !== 200) {
    throw new TocsinError('TOCSIN_ERR_HTTP', `${shownUrl(url)}: server returned HTTP status ${status}`);
  }
  const type = headers['content-type'] ?? '';
  if (CONTENT_TYPE.test(type.trim())) return;
  const message = `${shownUrl(url)}: unsupported content type ${JSON.stringify(type)}; it must be application/json`;
  throw new TocsinError('TOCSIN_ERR_HTTP', message);
}
