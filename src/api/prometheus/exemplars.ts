import { errorText } from '../../core/errors.ts';
import { formatFloatPlain } from '../../core/float-text.ts';
import type { Matcher } from '../../core/matcher.ts';
import { QueryError, labelsJson, parseExpr, secondsText, walkExpr } from '../../promql/index.ts';
import type { Expr } from '../../promql/index.ts';
import type { Exemplar } from '../../storage/index.ts';
import { ApiError } from '../api-error.ts';
import { jsonList } from '../json-text.ts';
import { MAX_TIME_MS, MIN_TIME_MS } from '../params.ts';
import type { Success } from '../reply.ts';
import type { V1Context, V1Route } from './handler.ts';

/** The route about exemplars. */
export const EXEMPLAR_ROUTES: readonly V1Route[] = [
  { path: '/query_exemplars', methods: ['GET', 'POST'], handler: queryExemplars },
];

/**
 * Exemplars of the series that an expression's selectors match; an expression without selectors has no answer.
 *
 * @see prometheus web/api/v1/api.go queryExemplars
 */
function queryExemplars({ ports, params }: V1Context): Promise<Success | undefined> {
  const startMs = params.timeMs('start', MIN_TIME_MS);
  const endMs = params.timeMs('end', MAX_TIME_MS);
  if (endMs < startMs) throw new ApiError('bad_data', 'end timestamp must not be before start timestamp');
  let expr: Expr;
  try {
    expr = parseExpr(params.get('query'), ports.parseOptions);
  } catch (error) {
    if (!(error instanceof QueryError)) throw error;
    throw new ApiError('bad_data', errorText(error), { cause: error });
  }
  const selectors = selectorsOf(expr);
  if (selectors.length === 0) return Promise.resolve(undefined);
  const found = ports.storage.exemplars?.select(startMs, endMs, selectors) ?? [];
  return Promise.resolve({
    data: jsonList(
      found,
      ({ labels, exemplars }) =>
        `{"seriesLabels":${labelsJson(labels)},"exemplars":[${exemplars.map(exemplarJson).join(',')}]}`,
    ),
  });
}

function selectorsOf(expr: Expr): (readonly Matcher[])[] {
  const found: (readonly Matcher[])[] = [];
  walkExpr(expr, (node) => {
    if (node.kind === 'vectorSelector') found.push(node.matchers);
  });
  return found;
}

function exemplarJson({ labels, value, timestampMs }: Exemplar): string {
  return `{"labels":${labelsJson(labels)},"value":"${formatFloatPlain(value)}","timestamp":${secondsText(timestampMs)}}`;
}
