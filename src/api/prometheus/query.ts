import { goQuote } from '../../core/go-quote.ts';
import {
  QueryError,
  noPieces,
  queryStatsView,
  type PrintForm,
  type QueryAnswer,
  type QueryOrigin,
  type QueryRequest,
} from '../../promql/index.ts';
import { ApiError } from '../api-error.ts';
import { invalidParam, type Params } from '../params.ts';
import type { BytesAnswer } from '../reply.ts';
import { withAbort } from '../with-abort.ts';
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

async function instantQuery(context: V1Context): Promise<BytesAnswer> {
  const { deps, params } = context;
  const limit = params.limit();
  const timeMs = params.timeMs('time', deps.clock.nowMs());
  return await evaluate(context, 'instant', { startMs: timeMs, endMs: timeMs, stepMs: 0, limit });
}

async function rangeQuery(context: V1Context): Promise<BytesAnswer> {
  const { params } = context;
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
  return await evaluate(context, 'range', { startMs, endMs, stepMs: Math.trunc(stepMs), limit });
}

async function evaluate(
  { ports, params, request, reply }: V1Context,
  kind: QueryRequest['kind'],
  times: Pick<QueryRequest, 'startMs' | 'endMs' | 'stepMs' | 'limit'>,
): Promise<BytesAnswer> {
  const stats = params.get('stats');
  const [path = ''] = request.url.split('?', 1);
  const origin: QueryOrigin = { kind: 'http', clientIp: request.ip, method: request.method, path };
  const asked: QueryRequest = {
    ...queryOptions(params),
    kind,
    query: params.get('query'),
    ...times,
    perStepStats: stats === 'all',
    origin,
  };
  try {
    const answer = await withAbort(reply.raw, (signal) => ports.queries.answer(asked, signal));
    return bytesAnswer(answer, stats);
  } catch (error) {
    throw queryError(error);
  }
}

function formatQuery(context: V1Context): Promise<BytesAnswer> {
  return print(context, 'text');
}

function parseQuery(context: V1Context): Promise<BytesAnswer> {
  return print(context, 'tree');
}

async function print({ ports, params, reply }: V1Context, form: PrintForm): Promise<BytesAnswer> {
  try {
    const query = params.get('query');
    const text = await withAbort(reply.raw, (signal) => ports.queries.print(query, form, signal));
    return { before: '', text, pieces: noPieces(), after: '', warnings: [], infos: [] };
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

/** As the API words what went wrong with a query. */
function queryError(error: unknown): unknown {
  if (!(error instanceof QueryError)) return error;
  if (error.kind !== 'bad_data') return new ApiError(error.kind, error.message, { cause: error });
  return new ApiError('bad_data', `invalid parameter "query": ${error.message}`, { cause: error });
}

function bytesAnswer(answer: QueryAnswer, stats: string): BytesAnswer {
  const warnings = [...answer.warnings];
  if (answer.isTruncated) warnings.push('results truncated due to limit');
  if (stats !== '' && stats !== 'true' && stats !== 'all') {
    const advice = 'is deprecated and will be rejected in the next major release, use "true" or "all"';
    warnings.push(`value ${goQuote(stats)} for parameter "stats" ${advice}`);
  }
  const shownStats = stats === '' ? '' : `,"stats":${JSON.stringify(queryStatsView(answer.stats))}`;
  return {
    before: `{"resultType":"${answer.resultType}","result":`,
    text: answer.text,
    pieces: answer.pieces,
    after: `${shownStats}}`,
    warnings,
    infos: answer.infos,
  };
}
