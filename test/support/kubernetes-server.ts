import type { IncomingMessage } from 'node:http';
import type { Http2ServerRequest } from 'node:http2';
import type { Writable } from 'node:stream';
import { serveHttp, serveHttp2 } from './http-server.ts';
import type { SecureTestServer, TestServer } from './http-server.ts';

/** An object as the API has it. */
export interface ApiObject {
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly [field: string]: unknown;
  };
  readonly [field: string]: unknown;
}

/** A request that the server got. */
export interface SeenRequest {
  readonly path: string;
  readonly query: URLSearchParams;
  readonly authorization: string;
}

/** `kind` and `apiVersion` of the objects of a resource, without which Go's client does not understand them. */
const KINDS: Readonly<Record<string, readonly [kind: string, apiVersion: string]>> = {
  nodes: ['Node', 'v1'],
  namespaces: ['Namespace', 'v1'],
  pods: ['Pod', 'v1'],
  services: ['Service', 'v1'],
  endpoints: ['Endpoints', 'v1'],
  endpointslices: ['EndpointSlice', 'discovery.k8s.io/v1'],
  ingresses: ['Ingress', 'networking.k8s.io/v1'],
  replicasets: ['ReplicaSet', 'apps/v1'],
  jobs: ['Job', 'batch/v1'],
};

/** An answer of HTTP/1.1 or HTTP/2. */
interface Answer extends Writable {
  statusCode: number;
  setHeader(name: string, value: string): unknown;
  flushHeaders?(): void;
}

interface OpenWatch {
  readonly path: string;
  readonly query: URLSearchParams;
  readonly response: Answer;
}

/**
 * A server that speaks the part of the Kubernetes API that discovery uses: lists in pages, and watches that tests feed
 * line by line. It keeps what it was asked, and can be told to answer otherwise.
 */
export class KubernetesServer {
  readonly requests: SeenRequest[] = [];
  /** Bearer token that is asked for; none when ''. */
  token = '';
  /** Answers instead of the usual one when it returns something. */
  override: ((request: SeenRequest) => { status: number; body: unknown } | undefined) | undefined;
  readonly #objects = new Map<string, Map<string, ApiObject>>();
  readonly #watches = new Set<OpenWatch>();
  #version = 100;
  #server: TestServer | undefined;
  #scheme = 'http';

  async start(): Promise<void> {
    this.#server = await serveHttp((request, response) => {
      this.#answer(request, response);
    });
  }

  /** Serves HTTP/2 over TLS instead; resolves to the server, whose sessions tests may end. */
  async startSecure(tls: { readonly key: string; readonly cert: string }): Promise<SecureTestServer> {
    this.#scheme = 'https';
    const server = await serveHttp2(tls, (request, response) => {
      this.#answer(request, response);
    });
    this.#server = server;
    return server;
  }

  get url(): string {
    return `${this.#scheme}://${this.#server!.address}`;
  }

  async close(): Promise<void> {
    await this.#server!.close();
  }

  /** Lists and watches of a resource that were asked for. */
  asked(plural: string, kind: 'list' | 'watch'): SeenRequest[] {
    return this.requests.filter(
      ({ path, query }) => path.endsWith(`/${plural}`) && query.has('watch') === (kind === 'watch'),
    );
  }

  /** How many watches of a resource are open. */
  openWatches(plural: string): number {
    return [...this.#watches].filter(({ path }) => path.endsWith(`/${plural}`)).length;
  }

  /** Puts an object there, or takes it away, without telling those who watch. */
  put(plural: string, object: ApiObject): ApiObject {
    const [kind, apiVersion] = KINDS[plural]!;
    const stored = {
      kind,
      apiVersion,
      ...object,
      metadata: { ...object.metadata, resourceVersion: String(++this.#version) },
    };
    this.#all(plural).set(keyOf(object), stored);
    return stored;
  }

  drop(plural: string, object: ApiObject): void {
    this.#all(plural).delete(keyOf(object));
  }

  /** Adds, changes or deletes an object and tells those who watch. */
  tell(type: 'ADDED' | 'MODIFIED' | 'DELETED', plural: string, object: ApiObject): void {
    const stored = this.put(plural, object);
    if (type === 'DELETED') this.drop(plural, object);
    this.sendEvent(plural, { type, object: stored });
  }

  /** Sends any event to those who watch. */
  sendEvent(plural: string, event: unknown): void {
    this.sendText(plural, `${JSON.stringify(event)}\n`);
  }

  /** Sends any text to those who watch. */
  sendText(plural: string, text: string | Uint8Array): void {
    for (const watch of this.#watchesOf(plural)) watch.response.write(text);
  }

  /** Ends watches as a server does whose time is up, or cuts the connections. */
  endWatches(plural: string, how: 'end' | 'cut'): void {
    for (const watch of this.#watchesOf(plural)) {
      if (how === 'end') watch.response.end();
      else watch.response.destroy();
    }
  }

  #watchesOf(plural: string): OpenWatch[] {
    return [...this.#watches].filter(({ path }) => path.endsWith(`/${plural}`));
  }

  #all(plural: string): Map<string, ApiObject> {
    const known = this.#objects.get(plural) ?? new Map<string, ApiObject>();
    this.#objects.set(plural, known);
    return known;
  }

  #answer(request: IncomingMessage | Http2ServerRequest, response: Answer): void {
    const { pathname: path, searchParams: query } = new URL(request.url!, this.url);
    const authorization = request.headers.authorization ?? '';
    response.setHeader('Content-Type', 'application/json');
    const seen = { path, query, authorization };
    this.requests.push(seen);
    const json = (status: number, body: unknown): void => {
      response.statusCode = status;
      response.end(JSON.stringify(body));
    };
    if (this.token !== '' && authorization !== `Bearer ${this.token}`) {
      json(401, { kind: 'Status', code: 401, reason: 'Unauthorized', message: 'Unauthorized' });
      return;
    }
    const other = this.override?.(seen);
    if (other !== undefined) {
      json(other.status, other.body);
      return;
    }
    if (query.has('watch')) {
      response.flushHeaders?.();
      const watch = { path, query, response };
      this.#watches.add(watch);
      response.on('close', () => this.#watches.delete(watch));
      return;
    }
    json(200, this.#list(path, query));
  }

  #list(path: string, query: URLSearchParams): unknown {
    const parts = path.split('/');
    const namespace = parts.at(-3) === 'namespaces' ? parts.at(-2) : undefined;
    const all = [...this.#all(parts.at(-1)!).values()].filter(
      ({ metadata }) => namespace === undefined || metadata.namespace === namespace,
    );
    const start = Number(query.get('continue') ?? 0);
    const end = query.has('limit') ? start + Number(query.get('limit')) : all.length;
    return {
      kind: `${KINDS[parts.at(-1)!]![0]}List`,
      apiVersion: KINDS[parts.at(-1)!]![1],
      metadata: { resourceVersion: String(this.#version), continue: end < all.length ? String(end) : '' },
      items: all.length === 0 ? null : all.slice(start, end),
    };
  }
}

function keyOf({ metadata }: ApiObject): string {
  return `${metadata.namespace ?? ''}/${metadata.name}`;
}
