import { z } from 'zod';
import type { AuthorizedHttp } from '../../core/authorized-http.ts';
import { startDeadline } from '../../core/clock.ts';
import { TocsinError } from '../../core/errors.ts';
import type { HttpClientConfig } from '../../core/http-config.ts';
import { shownUrl } from '../../core/shown-url.ts';
import { StatusError, fetchJsonList } from '../fetch-json.ts';
import { flag, text, texts } from '../go-json.ts';
import { sanitizeLabelName } from '../label-text.ts';
import type { ProviderContext } from '../provider.ts';

/** Where Docker's daemon listens, and how it is talked to. */
export interface DockerHost {
  /** Without a slash at its end. */
  readonly baseUrl: string;
  readonly socketPath: string | undefined;
  readonly http: HttpClientConfig;
}

/** One entry of `filters`: several values of a name are alternatives. */
export interface DockerFilter {
  readonly name: string;
  readonly values: readonly string[];
}

/** The newest version of the API that this code knows; older daemons are asked in theirs. */
const NEWEST_VERSION = '1.51';
/** What a daemon speaks that does not say. */
const OLDEST_VERSION = '1.24';

const networkSchema = z.object({
  Id: text,
  Name: text,
  Scope: text,
  Internal: flag,
  Ingress: flag,
  Labels: texts,
});

/** Meta labels by name. */
export type MetaLabels = Record<string, string>;

/**
 * The parts of Docker's HTTP API that discovery asks. Methods reject with a TocsinError or the signal's reason.
 *
 * @see docs.docker.com/reference/api/engine
 */
export class DockerApi {
  readonly #context: ProviderContext;
  readonly #host: DockerHost;
  readonly #http: AuthorizedHttp;
  readonly #timeoutMs: number;

  /** `timeoutMs` is for each request. */
  constructor(host: DockerHost, timeoutMs: number, context: ProviderContext) {
    this.#context = context;
    this.#host = host;
    this.#http = context.httpFor(host.http, host.socketPath);
    this.#timeoutMs = timeoutMs;
  }

  /** The version of the API to ask in, for {@link list}; asked for each time, since daemons are replaced by newer ones. */
  async version(signal: AbortSignal): Promise<string> {
    const { clock, userAgent } = this.#context;
    const url = `${this.#host.baseUrl}/_ping`;
    const late = (): TocsinError =>
      new TocsinError('TOCSIN_ERR_TIMEOUT', `${shownUrl(url)}: no answer within ${this.#timeoutMs} ms`);
    const deadline = startDeadline(clock, this.#timeoutMs, late, signal);
    let version: string;
    try {
      const headers = { 'User-Agent': userAgent };
      const answer = await this.#http.request({ method: 'GET', url, headers, signal: deadline.signal });
      answer.discard();
      if (answer.status !== 200) throw new StatusError(shownUrl(url), answer.status, '');
      version = answer.headers['api-version'] ?? '';
    } finally {
      deadline.dispose();
    }
    if (!/^\d+\.\d+$/.test(version)) return OLDEST_VERSION;
    return isOlder(version, NEWEST_VERSION) ? version : NEWEST_VERSION;
  }

  /** A list: `containers/json`, `networks` … */
  async list<T>(
    version: string,
    what: string,
    item: z.ZodType<T>,
    filters: readonly DockerFilter[],
    signal: AbortSignal,
  ): Promise<T[]> {
    const { clock, userAgent } = this.#context;
    const query = filters.length === 0 ? '' : `?filters=${encodeURIComponent(filterText(filters))}`;
    const answer = await fetchJsonList({
      http: this.#http,
      clock,
      url: `${this.#host.baseUrl}/v${version}/${what}${query}`,
      headers: { 'User-Agent': userAgent },
      timeoutMs: this.#timeoutMs,
      schema: item,
      signal,
    });
    return answer.value;
  }

  /** Meta labels of every network by its id; `prefix` is `__meta_docker_` or the like. */
  async networkLabels(
    version: string,
    prefix: string,
    signal: AbortSignal,
  ): Promise<Map<string, MetaLabels>> {
    const networks = await this.list(version, 'networks', networkSchema, [], signal);
    return new Map(
      networks.map((network) => [
        network.Id,
        {
          [`${prefix}network_id`]: network.Id,
          [`${prefix}network_name`]: network.Name,
          [`${prefix}network_scope`]: network.Scope,
          [`${prefix}network_internal`]: String(network.Internal),
          [`${prefix}network_ingress`]: String(network.Ingress),
          ...labelled(`${prefix}network_label_`, network.Labels),
        },
      ]),
    );
  }
}

/** Labels of another system as meta labels. */
export function labelled(prefix: string, labels: Readonly<Record<string, string>>): MetaLabels {
  return Object.fromEntries(
    Object.entries(labels).map(([name, value]) => [prefix + sanitizeLabelName(name), value]),
  );
}

/** Filters as the API takes them: `{"label":{"a=b":true}}`. */
function filterText(filters: readonly DockerFilter[]): string {
  const byName = new Map<string, Set<string>>();
  for (const { name, values } of filters) {
    byName.set(name, new Set([...(byName.get(name) ?? []), ...values]));
  }
  const entries = [...byName].map(([name, values]) => {
    const chosen = [...values].sort().map((value) => [value, true]);
    return [name, Object.fromEntries(chosen)] as const;
  });
  return JSON.stringify(Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1))));
}

function isOlder(a: string, b: string): boolean {
  const [majorA = 0, minorA = 0] = a.split('.').map(Number);
  const [majorB = 0, minorB = 0] = b.split('.').map(Number);
  return majorA < majorB || (majorA === majorB && minorA < minorB);
}
