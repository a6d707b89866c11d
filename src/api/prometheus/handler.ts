import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ApiDeps, PrometheusPorts } from '../ports.ts';
import type { Params } from '../params.ts';
import type { BytesAnswer, Success } from '../reply.ts';

/** What a handler of `/api/v1/*` works with. */
export interface V1Context {
  readonly deps: ApiDeps;
  readonly ports: PrometheusPorts;
  readonly params: Params;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
}

/** Answers a request; undefined is an answer without content. Throws ApiError and QueryError. */
type V1Handler = (context: V1Context) => Success | Promise<Success | BytesAnswer | undefined>;

/** A path below `/api/v1` with its methods and handler. */
export interface V1Route {
  readonly path: string;
  readonly methods: readonly ('GET' | 'POST' | 'PUT')[];
  readonly handler: V1Handler;
  /** Answers while the program starts or stops; where it is absent, or gives nothing, the answer is 503. */
  readonly early?: (deps: ApiDeps) => Success | undefined;
}
