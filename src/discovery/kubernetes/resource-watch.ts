import { z } from 'zod';
import { startDeadline } from '../../core/clock.ts';
import type { Clock } from '../../core/clock.ts';
import { errorText, TocsinError } from '../../core/errors.ts';
import type { Logger } from '../../core/log.ts';
import type { HttpResponse, Random } from '../../core/ports.ts';
import { readBody } from '../../core/read-body.ts';
import { shownUrl } from '../../core/shown-url.ts';
import { fetchJson, StatusError } from '../fetch-json.ts';
import { Backoff } from './backoff.ts';
import type { KubernetesApi } from './kubernetes-api.ts';
import { LineSplitter } from './line-splitter.ts';
import { objectKey } from './objects.ts';
import type { PlainObject } from './objects.ts';
import type { Resource } from './resources.ts';

/** Objects of a page of a list. Small enough that reading one does not hold other work up for long. */
const PAGE_OBJECTS = 250;
/** After so many objects taken over in a row others get a turn. */
const OBJECTS_A_TURN = 500;
const MAX_PAGE_BYTES = 256 * 1024 * 1024;
/** etcd takes objects of 1.5 MB; their JSON is a little longer. */
const MAX_LINE_BYTES = 16 * 1024 * 1024;
const MAX_ERROR_BYTES = 64 * 1024;
/** A list must have been answered by then. */
const LIST_TIMEOUT_MS = 60_000;
/** The server is asked to end a watch after this long, and up to twice that at random. */
const WATCH_TIMEOUT_S = 300;
/** A watch that the server should have ended counts as lost after this. */
const WATCH_GRACE_MS = 30_000;
/** A watch that ends sooner and told nothing is a failure. */
const SHORT_WATCH_MS = 1000;
/** After so many failed watches in a row everything is listed again: what is to be resumed may be what fails. */
const MAX_FAILED_WATCHES = 3;

/** How an object changed. */
export type ObjectChange = 'add' | 'update' | 'delete';

/** What a {@link ResourceWatch} works with. */
export interface ResourceWatchOptions<T extends PlainObject> {
  readonly api: KubernetesApi;
  readonly userAgent: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly resource: Resource<T>;
  /** Objects of one namespace; of all when it is ''. */
  readonly namespace: string;
  readonly labelSelector: string;
  readonly fieldSelector: string;
  /** Called when the objects that are there are known for the first time. */
  readonly onSynced: () => void;
  readonly onChange: (change: ObjectChange, key: string, object: T) => void;
  /** Called for each failed request. */
  readonly onFailure: () => void;
}

const listSchema = z.object({
  metadata: z
    .object({ resourceVersion: z.string().default(''), continue: z.string().default('') })
    .default({ resourceVersion: '', continue: '' }),
  items: z.array(z.unknown()).nullish(),
});
const eventSchema = z.object({ type: z.string(), object: z.unknown() });
const statusSchema = z.object({
  code: z.number().optional(),
  reason: z.string().optional(),
  message: z.string().optional(),
});
const bookmarkSchema = z.object({ metadata: z.object({ resourceVersion: z.string() }) });

/** The server does not know any more what happened since the version asked for. */
class ExpiredError extends TocsinError {}

/**
 * Keeps the objects of one resource as the server has them: lists them in pages, then watches from there on. A watch that
 * ends is taken up where it ended; where the server does not know that any more (410 Gone) everything is listed again and
 * only what differs is told. Failures change nothing: what is known stays until the server says otherwise.
 *
 * @see kubernetes.io/docs/reference/using-api/api-concepts "Efficient detection of changes"
 */
export class ResourceWatch<T extends PlainObject> {
  readonly #options: ResourceWatchOptions<T>;
  readonly #backoff: Backoff;
  readonly #objects = new Map<string, T>();
  #resourceVersion = '';
  #isSynced = false;

  constructor(options: ResourceWatchOptions<T>) {
    this.#options = options;
    this.#backoff = new Backoff(options.clock, options.random);
  }

  /** The objects of this watch by their key. */
  get objects(): ReadonlyMap<string, T> {
    return this.#objects;
  }

  /** Watches until `signal` fires, then rejects with its reason. */
  async run(signal: AbortSignal): Promise<never> {
    for (;;) {
      try {
        await this.#list(signal);
        await this.#watchOn(signal);
      } catch (error) {
        signal.throwIfAborted();
        this.#failed(error, 'list');
      }
      await this.#backoff.wait(signal);
    }
  }

  #failed(error: unknown, request: 'list' | 'watch'): void {
    const { logger, onFailure, resource } = this.#options;
    onFailure();
    logger.error(
      { resource: resource.plural, request, err: errorText(error) },
      'Failed to ask the Kubernetes API; the last good targets stay',
    );
  }

  async #list(signal: AbortSignal): Promise<void> {
    try {
      await this.#listPages(PAGE_OBJECTS, signal);
    } catch (error) {
      if (!(error instanceof ExpiredError)) throw error;
      // The pages took so long that the server forgot the list: all in one go, then.
      await this.#listPages(0, signal);
    }
  }

  async #listPages(pageObjects: number, signal: AbortSignal): Promise<void> {
    const { clock, resource } = this.#options;
    const found = new Map<string, T>();
    let next = '';
    for (;;) {
      const parameters: Record<string, string> = {};
      if (pageObjects > 0) parameters['limit'] = String(pageObjects);
      if (next !== '') parameters['continue'] = next;
      const page = await this.#fetchPage(parameters, signal);
      await clock.yieldTurn();
      for (const item of page.items ?? []) {
        const object = this.#read(item);
        found.set(objectKey(object), object);
      }
      next = page.metadata.continue;
      if (next === '') {
        this.#resourceVersion = page.metadata.resourceVersion;
        break;
      }
      await clock.yieldTurn();
    }
    this.#options.logger.debug({ resource: resource.plural, objects: found.size }, 'Listed');
    await this.#replace(found);
  }

  async #fetchPage(
    parameters: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<z.output<typeof listSchema>> {
    const { api, clock, userAgent } = this.#options;
    try {
      const { value } = await fetchJson({
        http: api.http,
        clock,
        url: this.#url(parameters),
        headers: { 'User-Agent': userAgent },
        timeoutMs: LIST_TIMEOUT_MS,
        maxBodyBytes: MAX_PAGE_BYTES,
        schema: listSchema,
        signal,
      });
      return value;
    } catch (error) {
      if (error instanceof StatusError && error.status === 410)
        throw new ExpiredError(error.code, error.message);
      throw error;
    }
  }

  async #replace(found: ReadonlyMap<string, T>): Promise<void> {
    for (const [key, object] of this.#objects) if (!found.has(key)) this.#change('delete', object);
    let put = 0;
    for (const object of found.values()) {
      this.#put(object);
      if (++put % OBJECTS_A_TURN === 0) await this.#options.clock.yieldTurn();
    }
    if (this.#isSynced) return;
    this.#isSynced = true;
    this.#options.onSynced();
  }

  #put(object: T): void {
    this.#change(this.#objects.has(objectKey(object)) ? 'update' : 'add', object);
  }

  #change(change: ObjectChange, object: T): void {
    const key = objectKey(object);
    if (change === 'delete') this.#objects.delete(key);
    else this.#objects.set(key, object);
    this.#options.onChange(change, key, object);
  }

  /** Watches again and again; resolves when everything is to be listed anew. */
  async #watchOn(signal: AbortSignal): Promise<void> {
    let failures = 0;
    while (failures < MAX_FAILED_WATCHES) {
      try {
        await this.#watchOnce(signal, () => {
          failures = 0;
        });
        failures = 0;
      } catch (error) {
        signal.throwIfAborted();
        if (error instanceof ExpiredError) {
          this.#options.logger.debug({ err: errorText(error) }, 'Listing again');
          return;
        }
        failures++;
        this.#failed(error, 'watch');
        if (failures < MAX_FAILED_WATCHES) await this.#backoff.wait(signal);
      }
    }
  }

  /** Resolves when the server ended the watch, which it does every few minutes. */
  async #watchOnce(signal: AbortSignal, onEvent: () => void): Promise<void> {
    const { clock, random } = this.#options;
    const timeoutS = Math.floor(WATCH_TIMEOUT_S * (1 + random.next()));
    const startMs = clock.monotonicMs();
    const isLost = (): Error =>
      new TocsinError('TOCSIN_ERR_TIMEOUT', 'the server did not end the watch in time');
    const deadline = startDeadline(clock, timeoutS * 1000 + WATCH_GRACE_MS, isLost, signal);
    let events = 0;
    try {
      const response = await this.#openWatch(
        {
          watch: '1',
          allowWatchBookmarks: 'true',
          resourceVersion: this.#resourceVersion,
          timeoutSeconds: String(timeoutS),
        },
        deadline.signal,
      );
      try {
        const lines = new LineSplitter(MAX_LINE_BYTES);
        for await (const chunk of response.body) {
          for (const line of lines.push(chunk)) {
            this.#take(line);
            events++;
            onEvent();
          }
        }
      } catch (error) {
        response.discard();
        throw error;
      }
    } finally {
      deadline.dispose();
    }
    if (events === 0 && clock.monotonicMs() - startMs < SHORT_WATCH_MS) {
      throw new TocsinError('TOCSIN_ERR_HTTP', 'the watch ended at once without having told anything');
    }
  }

  #take(line: string): void {
    const event = parse(eventSchema, line, 'an event of a watch');
    switch (event.type) {
      case 'ADDED':
      case 'MODIFIED': {
        const object = this.#read(event.object);
        this.#put(object);
        this.#resourceVersion = object.metadata.resourceVersion;
        return;
      }
      case 'DELETED': {
        const object = this.#read(event.object);
        if (this.#objects.has(objectKey(object))) this.#change('delete', object);
        this.#resourceVersion = object.metadata.resourceVersion;
        return;
      }
      case 'BOOKMARK':
        this.#resourceVersion = check(bookmarkSchema, event.object, 'a bookmark').metadata.resourceVersion;
        return;
      case 'ERROR':
        throw statusError(check(statusSchema, event.object, 'an error of a watch'), 0);
      default:
        throw new TocsinError('TOCSIN_ERR_PARSE', `unknown event ${JSON.stringify(event.type)} of a watch`);
    }
  }

  #read(value: unknown): T {
    return check(this.#options.resource.schema, value, `an object of ${this.#options.resource.plural}`);
  }

  #url(parameters: Readonly<Record<string, string>>): string {
    const { api, resource, namespace, labelSelector, fieldSelector } = this.#options;
    const query = new URLSearchParams(parameters);
    if (labelSelector !== '') query.set('labelSelector', labelSelector);
    if (fieldSelector !== '') query.set('fieldSelector', fieldSelector);
    const within = namespace === '' ? '' : `/namespaces/${encodeURIComponent(namespace)}`;
    return `${api.url}${resource.api}${within}/${resource.plural}?${query.toString()}`;
  }

  async #openWatch(parameters: Readonly<Record<string, string>>, signal: AbortSignal): Promise<HttpResponse> {
    const { api, userAgent } = this.#options;
    const url = this.#url(parameters);
    const headers = { Accept: 'application/json', 'User-Agent': userAgent };
    const response = await api.http.request({ method: 'GET', url, headers, signal });
    if (response.status === 200) return response;
    const text = await readBody(response, shownUrl(url), MAX_ERROR_BYTES);
    throw statusError(readStatus(text), response.status);
  }
}

function readStatus(text: string): z.output<typeof statusSchema> {
  try {
    return parse(statusSchema, text, 'an answer');
  } catch {
    // Something other than the API answered, a proxy perhaps; the status says enough.
    return {};
  }
}

function statusError(status: z.output<typeof statusSchema>, httpStatus: number): TocsinError {
  const code = httpStatus === 0 ? (status.code ?? 0) : httpStatus;
  const message = `the server answered ${code}: ${(status.message ?? status.reason ?? 'no reason given').slice(0, 500)}`;
  const isExpired = code === 410 || status.reason === 'Expired' || status.reason === 'Gone';
  return isExpired
    ? new ExpiredError('TOCSIN_ERR_HTTP', message)
    : new TocsinError('TOCSIN_ERR_HTTP', message);
}

function parse<T>(schema: z.ZodType<T>, text: string, what: string): T {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new TocsinError('TOCSIN_ERR_PARSE', `${what} is not valid JSON: ${errorText(error)}`);
  }
  return check(schema, value, what);
}

function check<T>(schema: z.ZodType<T>, value: unknown, what: string): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  throw new TocsinError(
    'TOCSIN_ERR_PARSE',
    `${what} is not as expected: ${issue.path.join('.')}: ${issue.message}`,
  );
}
