import { goQuote } from '../../core/go-quote.ts';
import {
  QueryError,
  parseExpr,
  prettifyExpr,
  translateAst,
  type Expr,
  type QueryResult,
  type QueryStats,
  type QueryValue,
} from '../../promql/index.ts';
import { ApiError } from '../api-error.ts';
import { json, jsonObject, resultPieces, type JsonPieces } from '../json-text.ts';
import { invalidParam, type Params } from '../params.ts';
import type { Success } from '../reply.ts';
import type { V1Context, V1Route } from './handler.ts';

/** Most points of a series that one range query may ask for. */
const MAX_POINTS = 11_000;

/** Routes that evaluate or print PromQL. */
export const QUERY_ROUTES: readonly V1Route[] = [
  { path: '/query', methods: ['GET', 'POST'], handler: instantQuery },
  { path: '/query_range', methods: ['GET', 'POST'], handler: rangeQuery },
  { path: '/format_query', methods: ['GET', 'POST'], handler: formatQuery },
  { path: '/parse_query', methods: ['GET', 'POST'], handler: parseQuery },
];

async function instantQuery({ deps, ports, params, reply }: V1Context): Promise<Success> {
  const limit = params.limit();
  const timeMs = params.timeMs('time', deps.clock.nowMs());
  const options = queryOptions(params);
  const result = await withAbort(reply.raw, (signal) =>
    ports.engine.instant(params.get('query'), timeMs, { ...options, signal }),
  );
  return answer(result, limit, params.get('stats'));
}

async function rangeQuery({ ports, params, reply }: V1Context): Promise<Success> {
  const limit = params.limit();
  const startMs = params.requiredTimeMs('start');
  const endMs = params.requiredTimeMs('end');
  if (endMs < startMs) throw invalidParam('end', 'end timestamp must not be before start time');
  const stepMs = params.requiredDurationMs('step');
  if (stepMs <= 0) {
    const reason = 'zero or negative query resolution step widths are not accepted. Try a positive integer';
    throw invalidParam('step', reason);
  }
  if (stepMs < 1) throw invalidParam('step', 'query resolution steps shorter than 1ms are not possible');
  if (Math.trunc((endMs - startMs) / stepMs) > MAX_POINTS) {
    const message =
      'exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)';
    throw new ApiError('bad_data', message);
  }
  const options = queryOptions(params);
  const result = await withAbort(reply.raw, (signal) =>
    ports.engine.range(params.get('query'), startMs, endMs, Math.trunc(stepMs), { ...options, signal }),
  );
  return answer(result, limit, params.get('stats'));
}

function formatQuery(context: V1Context): Success {
  return { data: json(prettifyExpr(parsed(context))) };
}

function parseQuery(context: V1Context): Success {
  return { data: json(translateAst(parsed(context))) };
}

function parsed({ ports, params }: V1Context): Expr {
  try {
    return parseExpr(params.get('query'), ports.parseOptions);
  } catch (error) {
    throw queryError(error);
  }
}

function queryOptions(params: Params): { lookbackMs?: number; timeoutMs?: number } {
  const timeoutMs = params.durationMs('timeout');
  let lookbackMs: number | undefined;
  try {
    lookbackMs = params.durationMs('lookback_delta');
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    const reason = error.message.replace(/^invalid parameter "lookback_delta": /, '');
    throw new ApiError('bad_data', `error parsing lookback delta duration: ${reason}`);
  }
  return {
    ...(timeoutMs !== undefined && { timeoutMs }),
    ...(lookbackMs !== undefined && lookbackMs > 0 && { lookbackMs }),
  };
}

/** Runs a query that is given up when nobody waits for the answer any more. */
async function withAbort(
  response: NodeJS.EventEmitter & { readonly writableFinished: boolean },
  run: (signal: AbortSignal) => Promise<QueryResult>,
): Promise<QueryResult> {
  const controller = new AbortController();
  const onClose = (): void => {
    if (!response.writableFinished) controller.abort(new QueryError('canceled', 'the client went away'));
  };
  response.once('close', onClose);
  try {
    return await run(controller.signal);
  } catch (error) {
    throw queryError(error);
  } finally {
    response.off('close', onClose);
  }
}

/** As the API words what went wrong with a query. */
function queryError(error: unknown): unknown {
  if (!(error instanceof QueryError)) return error;
  if (error.kind !== 'bad_data') return new ApiError(error.kind, error.message, { cause: error });
  return new ApiError('bad_data', `invalid parameter "query": ${error.message}`, { cause: error });
}

function answer(result: QueryResult, limit: number, stats: string): Success {
  const { value, isTruncated } = truncate(result.value, limit);
  const warnings = [...result.warnings];
  if (isTruncated) warnings.push('results truncated due to limit');
  if (stats !== '' && stats !== 'true' && stats !== 'all') {
    const advice = 'is deprecated and will be rejected in the next major release, use "true" or "all"';
    warnings.push(`value ${goQuote(stats)} for parameter "stats" ${advice}`);
  }
  const fields: Record<string, JsonPieces> = { resultType: json(value.type), result: resultPieces(value) };
  if (stats !== '') fields['stats'] = json(statsView(result.stats));
  return { data: jsonObject(fields), warnings, infos: result.infos };
}

function truncate(value: QueryValue, limit: number): { value: QueryValue; isTruncated: boolean } {
  if (limit > 0 && value.type === 'vector' && value.samples.length > limit) {
    return { value: { ...value, samples: value.samples.slice(0, limit) }, isTruncated: true };
  }
  if (limit > 0 && value.type === 'matrix' && value.series.length > limit) {
    return { value: { ...value, series: value.series.slice(0, limit) }, isTruncated: true };
  }
  return { value, isTruncated: false };
}

/** The parts of Prometheus' query statistics; those that are not measured apart are 0. */
function statsView(stats: QueryStats): Record<string, Record<string, number>> {
  const seconds = stats.evalMs / 1000;
  return {
    timings: {
      evalTotalTime: seconds,
      resultSortTime: 0,
      queryPreparationTime: 0,
      innerEvalTime: seconds,
      execQueueTime: 0,
      execTotalTime: seconds,
    },
    samples: { totalQueryableSamples: stats.samplesRead, peakSamples: stats.peakSamples },
  };
}
