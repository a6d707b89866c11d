import type { FastifyRequest } from 'fastify';
import type { JsonPieces } from '../json-text.ts';
import type { Params } from '../params.ts';
import type { AlertmanagerPorts, ApiDeps } from '../ports.ts';

/** What a handler of `/api/v2/*` works with. */
export interface V2Context {
  readonly deps: ApiDeps;
  readonly ports: AlertmanagerPorts;
  readonly params: Params;
  readonly request: FastifyRequest;
}

/** Answers a request, with an empty body for undefined; throws AlertmanagerApiError. */
export type V2Handler = (context: V2Context) => JsonPieces | undefined | Promise<JsonPieces | undefined>;

/** A path below `/api/v2`. */
export interface V2Route {
  readonly path: string;
  readonly handlers: Readonly<Partial<Record<'GET' | 'POST' | 'DELETE', V2Handler>>>;
}
