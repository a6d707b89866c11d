import { goQuote } from '../../core/go-quote.ts';
import { TocsinError, errorText } from '../../core/errors.ts';
import type { Matcher } from '../../core/matcher.ts';
import { ApiError } from '../api-error.ts';
import { json } from '../json-text.ts';
import { MAX_TIME_MS, MIN_TIME_MS, invalidParam, selector } from '../params.ts';
import type { Params } from '../params.ts';
import type { Success } from '../reply.ts';
import type { V1Context, V1Route } from './handler.ts';

const METHODS = ['POST', 'PUT'] as const;

/** Routes that change or copy what is stored; refused unless `--web.enable-admin-api` is given. */
export const ADMIN_ROUTES: readonly V1Route[] = [
  { path: '/admin/tsdb/delete_series', methods: METHODS, handler: deleteSeries },
  { path: '/admin/tsdb/clean_tombstones', methods: METHODS, handler: cleanTombstones },
  { path: '/admin/tsdb/snapshot', methods: METHODS, handler: snapshot },
];

/** @see prometheus web/api/v1/api.go deleteSeries */
async function deleteSeries(context: V1Context): Promise<undefined> {
  requireAdmin(context);
  const { params, ports } = context;
  const sets = matcherSets(params);
  const minMs = params.timeMs('start', MIN_TIME_MS);
  const maxMs = params.timeMs('end', MAX_TIME_MS);
  for (const matchers of sets) {
    await asInternal('', () => ports.tsdb.admin.deleteSeries(matchers(), minMs, maxMs));
  }
}

/** @see prometheus web/api/v1/api.go cleanTombstones */
async function cleanTombstones(context: V1Context): Promise<undefined> {
  requireAdmin(context);
  await asInternal('', () => context.ports.tsdb.admin.cleanTombstones());
}

/** @see prometheus web/api/v1/api.go snapshot */
async function snapshot(context: V1Context): Promise<Success> {
  requireAdmin(context);
  const skipHead = flag(context.params, 'skip_head');
  const name = await asInternal('create snapshot: ', () => context.ports.tsdb.admin.snapshot(skipHead));
  return { data: json({ name }) };
}

function requireAdmin({ deps }: V1Context): void {
  if (deps.options.enableAdmin !== true) throw new ApiError('unavailable', 'admin APIs disabled');
}

/** Each selector is parsed when its turn comes, after the times: what precedes a bad one is done. */
function matcherSets(params: Params): readonly (() => readonly Matcher[])[] {
  const texts = params.all('match[]');
  if (texts.length === 0) throw new ApiError('bad_data', 'no match[] parameter provided');
  return texts.map((text) => () => {
    try {
      return selector(text);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      throw invalidParam('match[]', error.message);
    }
  });
}

/** Go's strconv.ParseBool; false when it is not given. */
function flag(params: Params, name: string): boolean {
  const text = params.get(name);
  if (text === '' || /^(0|f|F|FALSE|false|False)$/.test(text)) return false;
  if (/^(1|t|T|TRUE|true|True)$/.test(text)) return true;
  const reason = `unable to parse boolean: strconv.ParseBool: parsing ${goQuote(text)}: invalid syntax`;
  throw invalidParam(name, reason);
}

async function asInternal<T>(before: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof TocsinError)) throw error;
    throw new ApiError('internal', before + errorText(error), { cause: error });
  }
}
