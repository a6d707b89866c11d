import { errorText } from '../../core/errors.ts';
import { goQuote } from '../../core/go-quote.ts';
import { sortTexts, isValidLabelName, type Labels } from '../../core/labels.ts';
import type { Matcher } from '../../core/matcher.ts';
import type { Querier } from '../../storage/index.ts';
import { ApiError } from '../api-error.ts';
import { labelsJson } from '../../promql/index.ts';
import { jsonList, jsonTexts } from '../json-text.ts';
import { MAX_TIME_MS, MIN_TIME_MS } from '../params.ts';
import type { Success } from '../reply.ts';
import type { V1Context, V1Route } from './handler.ts';

const TRUNCATED = 'results truncated due to limit';

/** Series looked at in one turn of the loop. */
const TURN_SERIES = 2000;

/** Routes about which series, label names and label values there are. */
export const SERIES_ROUTES: readonly V1Route[] = [
  { path: '/series', methods: ['GET', 'POST'], handler: series },
  { path: '/labels', methods: ['GET', 'POST'], handler: labelNames },
  { path: '/label/:name/values', methods: ['GET'], handler: labelValues },
];

async function series(context: V1Context): Promise<Success> {
  const { params, deps } = context;
  if (params.all('match[]').length === 0) throw new ApiError('bad_data', 'no match[] parameter provided');
  const limit = params.limit();
  const [minMs, maxMs] = span(context);
  const sets = seriesMatchers(context);
  return withQuerier(context, minMs, maxMs, async (querier) => {
    let all: Labels[] = [];
    let isTruncated = false;
    for (const matchers of sets) {
      const cursor = await querier.select(matchers, {
        minMs,
        maxMs,
        limit: hintLimit(limit),
        labelsOnly: true,
      });
      while (!isTruncated && cursor.next()) {
        all.push(cursor.labels());
        isTruncated = sets.length === 1 && limit > 0 && all.length > limit;
        if (all.length % TURN_SERIES === 0) await deps.clock.yieldTurn();
      }
    }
    // Those of one set differ and are in order.
    if (sets.length > 1) {
      const unique = new Map(all.map((labels) => [labels.key, labels]));
      all = [...unique.values()].sort((a, b) => a.compare(b));
    }
    isTruncated = limit > 0 && all.length > limit;
    if (isTruncated) all = all.slice(0, limit);
    const warnings = [...(querier.warnings ?? []), ...(isTruncated ? [TRUNCATED] : [])];
    return { data: jsonList(all, labelsJson), warnings };
  });
}

function seriesMatchers({ params }: V1Context): (readonly Matcher[])[] {
  try {
    return params.matcherSets();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    throw new ApiError('bad_data', `invalid parameter "match[]": ${error.message}`);
  }
}

async function labelNames(context: V1Context): Promise<Success> {
  const limit = context.params.limit();
  const [minMs, maxMs] = span(context);
  const sets = context.params.matcherSets();
  return withQuerier(context, minMs, maxMs, async (querier) =>
    texts(await union(sets, (matchers) => querier.labelNames(matchers, hintLimit(limit))), limit),
  );
}

async function labelValues(context: V1Context): Promise<Success> {
  const { name: asked } = context.request.params as { readonly name: string };
  const name = asked.startsWith('U__') ? unescapeName(asked) : asked;
  if (!isValidLabelName(name)) throw new ApiError('bad_data', `invalid label name: ${goQuote(name)}`);
  const limit = context.params.limit();
  const [minMs, maxMs] = span(context);
  const sets = context.params.matcherSets();
  return withQuerier(context, minMs, maxMs, async (querier) =>
    texts(await union(sets, (matchers) => querier.labelValues(name, matchers, hintLimit(limit))), limit),
  );
}

/** One more than asked for tells whether there are more. */
function hintLimit(limit: number): number {
  return limit === 0 ? 0 : limit + 1;
}

function span({ params }: V1Context): [minMs: number, maxMs: number] {
  return [params.timeMs('start', MIN_TIME_MS), params.timeMs('end', MAX_TIME_MS)];
}

async function union(
  sets: readonly (readonly Matcher[])[],
  find: (matchers: readonly Matcher[]) => Promise<string[]>,
): Promise<string[]> {
  if (sets.length <= 1) return find(sets[0] ?? []);
  const all = new Set<string>();
  for (const matchers of sets) for (const text of await find(matchers)) all.add(text);
  return sortTexts([...all]);
}

function texts(all: readonly string[], limit: number): Success {
  const isTruncated = limit > 0 && all.length > limit;
  const shown = isTruncated ? all.slice(0, limit) : all;
  return { data: jsonTexts(shown), warnings: isTruncated ? [TRUNCATED] : [] };
}

async function withQuerier(
  { ports }: V1Context,
  minMs: number,
  maxMs: number,
  read: (querier: Querier) => Promise<Success>,
): Promise<Success> {
  const querier = ports.readable.querier(minMs, maxMs);
  try {
    return await read(querier);
  } catch (error) {
    if (error instanceof ApiError || !(error instanceof Error) || error.name !== 'TocsinError') throw error;
    throw new ApiError('execution', errorText(error), { cause: error });
  } finally {
    querier.close();
  }
}

/**
 * A name of any characters out of one of letters, digits and underscores: `U__` in front, `__` for `_`, `_2e_` for a
 * code point. What is not well-formed stays as it is.
 *
 * @see prometheus/common model/metric.go UnescapeName
 */
function unescapeName(name: string): string {
  const escaped = name.slice(3);
  if (!/^(?:[A-Za-z0-9:]|__|_[0-9a-fA-F]{1,6}_)*$/.test(escaped)) return name;
  return escaped.replaceAll(/__|_([0-9a-fA-F]{1,6})_/g, (all, hex?: string) => {
    if (hex === undefined) return '_';
    const code = Number.parseInt(hex, 16);
    return code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff) ? all : String.fromCodePoint(code);
  });
}
