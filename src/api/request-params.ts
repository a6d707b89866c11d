import type { FastifyRequest } from 'fastify';
import { ApiError } from './api-error.ts';
import { Params } from './params.ts';

/** Go's limit for forms: what is longer can only be a mistake, and parsing it would hold up everybody else. */
const MAX_FORM_LENGTH = 10 * 1024 * 1024;

/**
 * The parameters of a request: of its URL and, for POST and PUT, of the form in its body. Throws ApiError `bad_data` when
 * the form is longer than 10 MiB.
 */
export function requestParams(request: FastifyRequest): Params {
  const { url } = request.raw;
  const mark = url?.indexOf('?') ?? -1;
  const query = mark < 0 ? '' : (url ?? '').slice(mark + 1);
  const type = (request.headers['content-type'] ?? '').split(';')[0]!.trim().toLowerCase();
  const isForm = type === 'application/x-www-form-urlencoded' && typeof request.body === 'string';
  if (isForm && (request.body as string).length > MAX_FORM_LENGTH) {
    throw new ApiError('bad_data', 'error parsing form values: http: POST too large (at most 10 MiB)');
  }
  return new Params(query, isForm ? (request.body as string) : '');
}
