import { z } from 'zod';
import { TocsinError } from '../../core/errors.ts';
import type { Secret } from '../../core/secret.ts';
import type { Clock } from '../../core/clock.ts';
import { fetchJson, shownUrl } from '../fetch-json.ts';
import type { JsonHttp } from '../fetch-json.ts';
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

const instancesSchema = listOf(
  z.object({
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
  }),
);

/** An instance of a service, as `/v1/health/service` tells of it. */
export type ConsulInstance = z.output<typeof instancesSchema>[number];

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
    const { value } = await this.#get('/v1/agent/self', this.#parameters(), agentSchema, signal);
    return value.Config.Datacenter;
  }

  /** All services; with the `index` of the last answer, as soon as they are others. */
  services(filter: string, index: string, signal: AbortSignal): Promise<Indexed<Record<string, string[]>>> {
    return this.#watch('/v1/catalog/services', servicesSchema, { filter, index, tags: [] }, signal);
  }

  /** The instances of a service that have all `tags`; with the `index` of the last answer, as soon as they are others. */
  instances(
    service: string,
    question: { readonly filter: string; readonly index: string; readonly tags: readonly string[] },
    signal: AbortSignal,
  ): Promise<Indexed<ConsulInstance[]>> {
    const path = `/v1/health/service/${encodeURIComponent(service)}`;
    return this.#watch(path, instancesSchema, question, signal);
  }

  async #watch<T>(
    path: string,
    schema: z.ZodType<T>,
    question: { readonly filter: string; readonly index: string; readonly tags: readonly string[] },
    signal: AbortSignal,
  ): Promise<Indexed<T>> {
    const { allowStale, nodeMeta } = this.#options;
    const parameters = this.#parameters();
    if (allowStale) parameters.set('stale', '');
    if (question.index !== '') parameters.set('index', question.index);
    parameters.set('wait', `${WAIT_MS}ms`);
    for (const [key, value] of Object.entries(nodeMeta)) parameters.append('node-meta', `${key}:${value}`);
    if (question.filter !== '') parameters.set('filter', question.filter);
    for (const tag of question.tags) parameters.append('tag', tag);
    const { value, headers } = await this.#get(path, parameters, schema, signal);
    const index = headers['x-consul-index'] ?? '';
    if (!/^\d*$/.test(index)) {
      const where = shownUrl(this.#options.baseUrl + path);
      throw new TocsinError('TOCSIN_ERR_PARSE', `${where}: X-Consul-Index is not a number: ${index}`);
    }
    return { value, index: /^0*$/.test(index) ? '' : index };
  }

  #get<T>(path: string, parameters: URLSearchParams, schema: z.ZodType<T>, signal: AbortSignal) {
    const { http, clock, baseUrl, token, userAgent } = this.#options;
    const secret = token?.reveal() ?? '';
    const query = parameters.size === 0 ? '' : `?${parameters.toString()}`;
    return fetchJson({
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
      schema,
      signal,
    });
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
