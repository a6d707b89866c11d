import { metaJson } from '../../storage/index.ts';
import { ApiError } from '../api-error.ts';
import { json, jsonObject, type JsonPieces } from '../json-text.ts';
import { parseInteger } from '../params.ts';
import type { Success } from '../reply.ts';
import type { V1Context, V1Route } from './handler.ts';

const DEFAULT_ROWS = 10;
const MAX_ROWS = 10_000;
/** Times of an empty head: Go's largest and smallest numbers. */
const NO_MIN_TIME = '9223372036854775807';
const NO_MAX_TIME = '-9223372036854775808';

/** Routes about the program itself. */
export const STATUS_ROUTES: readonly V1Route[] = [
  { path: '/status/config', methods: ['GET'], handler: ({ ports }) => success({ yaml: ports.configText() }) },
  { path: '/status/flags', methods: ['GET'], handler: ({ deps }) => success(deps.options.flags) },
  { path: '/status/buildinfo', methods: ['GET'], handler: ({ deps }) => success(deps.options.buildInfo) },
  { path: '/status/runtimeinfo', methods: ['GET'], handler: ({ ports }) => success(ports.runtimeInfo()) },
  {
    path: '/status/walreplay',
    methods: ['GET'],
    handler: ({ ports }) => success(ports.walReplay()),
    early: ({ walReplay }) => walReplay && success(walReplay()),
  },
  { path: '/status/tsdb', methods: ['GET'], handler: tsdbStatus },
  { path: '/status/tsdb/blocks', methods: ['GET'], handler: tsdbBlocks },
];

function success(value: unknown): Success {
  return { data: json(value) };
}

function tsdbBlocks({ ports }: V1Context): Success {
  return success({ blocks: ports.tsdb.blocks.map(({ meta }) => metaJson(meta)) });
}

function tsdbStatus({ ports, params }: V1Context): Success {
  const text = params.get('limit');
  const limit = text === '' ? DEFAULT_ROWS : parseInteger(text);
  if (limit === undefined || limit < 1) throw new ApiError('bad_data', 'limit must be a positive number');
  if (limit > MAX_ROWS) throw new ApiError('bad_data', `limit must not exceed ${MAX_ROWS}`);
  const stats = ports.storage.stats();
  const headStats = jsonObject({
    numSeries: json(stats.seriesCount),
    numLabelPairs: json(stats.labelPairCount),
    chunkCount: json(stats.chunkCount),
    minTime: stats.minTimeMs === undefined ? [NO_MIN_TIME] : json(stats.minTimeMs),
    maxTime: stats.maxTimeMs === undefined ? [NO_MAX_TIME] : json(stats.maxTimeMs),
  });
  const tables = Object.entries(ports.storage.cardinality(limit)).map(([name, rows]) => [name, json(rows)]);
  return { data: jsonObject({ headStats, ...(Object.fromEntries(tables) as Record<string, JsonPieces>) }) };
}
