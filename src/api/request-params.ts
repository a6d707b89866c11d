import type { FastifyRequest } from 'fastify';
import { Params } from './params.ts';

/** The parameters of a request: of its URL and, for POST and PUT, of the form in its body. */
export function requestParams(request: FastifyRequest): Params {
  const { url } = request.raw;
  const mark = url?.indexOf('?') ?? -1;
  const query = mark < 0 ? '' : (url ?? '').slice(mark + 1);
  const type = (request.headers['content-type'] ?? '').split(';')[0]!.trim().toLowerCase();
  const isForm = type === 'application/x-www-form-urlencoded' && typeof request.body === 'string';
  return new Params(query, isForm ? (request.body as string) : '');
}
