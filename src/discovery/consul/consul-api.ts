import { z } from 'zod';
import { TocsinError } from '../../core/errors.ts';
import type { Secret } from '../../core/secret.ts';
import type { Clock } from '../../core/clock.ts';
import { shownUrl } from '../../core/shown-url.ts';
import { fetchJson, fetchJsonList } from '../fetch-json.ts';
import type { JsonAnswer, JsonHttp, JsonRequest } from '../fetch-json.ts';
import { listOf, number, part, text, texts } from '../go-json.ts';

/** How long Consul may keep a question open until something changes. */
const WAIT_MS = 2 * 60 * 1000;
/** How much longer than that the answer may take. */
const MARGIN_MS = 15_000;

/** Names of the services with the tags of each. */
const servicesSchema = z
  .record(z.string(), listOf(z.string()))
  .nullable()
  .transform((services) => services ?? {});

const instanceSchema = z.object({
  Node: part({ Node: text, Address: text, Meta: texts, TaggedAddresses: texts }),
  Service: part({
    ID: text,
    Address: text,
    Port: number,
    Tags: listOf(z.string()),
    Meta: texts,
    Namespace: text,
    Partition: text,
  }),
  Checks: listOf(z.object({ CheckID: text, Status: text })),
});

/** An instance of a service, as `/v1/health/service` tells of it. */
export type ConsulInstance = z.output<typeof instanceSchema>;

const agentSchema = z.object({ Config: z.object({ Datacenter: z.string() }) });

/** An answer that was waited for. */
export interface Indexed<T> {
  readonly value: T;
  /** State of the servers that it shows; asked with it again, they answer when it is no longer that one. */
  readonly index: string;
}

/** What {@link ConsulApi} works with. */
export interface ConsulApiOptions {
  readonly http: JsonHttp;
  readonly clock: Clock;
  readonly userAgent: string;
  /** Without a slash at its end. */
  readonly baseUrl: string;
  readonly token: Secret | undefined;
  readonly datacenter: string;
  readonly namespace: string;
  readonly partition: string;
  readonly allowStale: boolean;
  readonly nodeMeta: Readonly<Record<string, string>>;
}

/**
 * The parts of Consul's HTTP API that discovery asks. Methods reject with a TocsinError or the signal's reason.
 *
 * @see github.com/hashicorp/consul/api
 */
export class ConsulApi {
  readonly #options: ConsulApiOptions;

  constructor(options: ConsulApiOptions) {
    this.#options = options;
  }

  /** Name of the datacenter that the agent is in. */
  async ownDatacenter(signal: AbortSignal): Promise<string> {
    const request = this.#request('/v1/agent/self', this.#parameters(), signal);
    const { value } = await fetchJson({ ...request, schema: agentSchema });
    return value.Config.Datacenter;
  }

  /** All services; with the `index` of the last answer, as soon as they are others. */
  async services(
    filter: string,
    index: string,
    signal: AbortSignal,
  ): Promise<Indexed<Record<string, string[]>>> {
    const parameters = this.#watchParameters(filter, index);
    const request = this.#request('/v1/catalog/services', parameters, signal);
    return indexed(await fetchJson({ ...request, schema: servicesSchema }), request.url);
  }

  /** The instances of a service that have all `tags`; with the `index` of the last answer, as soon as they are others. */
  async instances(
    service: string,
    question: { readonly filter: string; readonly index: string; readonly tags: readonly string[] },
    signal: AbortSignal,
  ): Promise<Indexed<ConsulInstance[]>> {
    const parameters = this.#watchParameters(question.filter, question.index);
    for (const tag of question.tags) parameters.append('tag', tag);
    const path = `/v1/health/service/${encodeURIComponent(service)}`;
    const request = this.#request(path, parameters, signal);
    return indexed(await fetchJsonList({ ...request, schema: instanceSchema }), request.url);
  }

  #watchParameters(filter: string, index: string): URLSearchParams {
    const { allowStale, nodeMeta } = this.#options;
    const parameters = this.#parameters();
    if (allowStale) parameters.set('stale', '');
    if (index !== '') parameters.set('index', index);
    parameters.set('wait', `${WAIT_MS}ms`);
    for (const [key, value] of Object.entries(nodeMeta)) parameters.append('node-meta', `${key}:${value}`);
    if (filter !== '') parameters.set('filter', filter);
    return parameters;
  }

  #request(
    path: string,
    parameters: URLSearchParams,
    signal: AbortSignal,
  ): Omit<JsonRequest<unknown>, 'schema'> {
    const { http, clock, baseUrl, token, userAgent } = this.#options;
    const secret = token?.reveal() ?? '';
    const query = parameters.size === 0 ? '' : `?${parameters.toString()}`;
    return {
      // The token goes in a header of its own; a server that says it back must not get it into the log.
      http:
        secret === ''
          ? http
          : {
              request: (request) => http.request(request),
              redact: (shown) => http.redact(shown).replaceAll(secret, '<secret>'),
            },
      clock,
      url: `${baseUrl}${path}${query}`,
      headers: { 'User-Agent': userAgent, ...(secret !== '' && { 'X-Consul-Token': secret }) },
      timeoutMs: WAIT_MS + MARGIN_MS,
      signal,
    };
  }

  #parameters(): URLSearchParams {
    const { datacenter, namespace, partition } = this.#options;
    const parameters = new URLSearchParams();
    if (datacenter !== '') parameters.set('dc', datacenter);
    if (namespace !== '') parameters.set('ns', namespace);
    if (partition !== '') parameters.set('partition', partition);
    return parameters;
  }
}

function indexed<T>({ value, headers }: JsonAnswer<T>, url: string): Indexed<T> {
  const index = headers['x-consul-index'] ?? '';
  if (!/^\d*$/.test(index)) {
    const message = `${shownUrl(url)}: X-Consul-Index is not a number: ${index}`;
    throw new TocsinError('TOCSIN_ERR_PARSE', message);
  }
  return { value, index: /^0*$/.test(index) ? '' : index };
}
