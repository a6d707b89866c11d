import { z } from 'zod';
import { QueryError } from '../query-engine.ts';
import type { QueryDescription, QueryValue } from '../query-engine.ts';
import type { RemoteAnswer, RemoteRequest } from './remote-api.ts';

/** How a query is asked for at the HTTP API. */
export function queryParams(
  { kind, query, startMs, endMs, stepMs }: Omit<QueryDescription, 'origin'>,
  lookbackMs: number | undefined,
): Pick<RemoteRequest, 'path' | 'params'> {
  const params: [string, string][] = [['query', query]];
  if (kind === 'instant') params.push(['time', secondsText(startMs)]);
  else {
    params.push(['start', secondsText(startMs)], ['end', secondsText(endMs)], ['step', secondsText(stepMs)]);
  }
  if (lookbackMs !== undefined) params.push(['lookback_delta', secondsText(lookbackMs)]);
  return { path: kind === 'instant' ? '/api/v1/query' : '/api/v1/query_range', params };
}

/** Milliseconds as the API takes times and durations: seconds with up to three decimals. */
export function secondsText(milliseconds: number): string {
  return (milliseconds / 1000).toFixed(3).replace(/\.?0+$/, '');
}

const dataSchema = z.object({ resultType: z.enum(['scalar', 'string', 'vector', 'matrix']) });

/** The type of an answer's result. Throws QueryError when it says none. */
export function resultTypeOf({ data }: RemoteAnswer): QueryValue['type'] {
  const parsed = dataSchema.safeParse(data);
  if (parsed.success) return parsed.data.resultType;
  throw new QueryError('execution', 'the answer of the remote storage says no type of result');
}
