import { ApiError } from '../api-error.ts';
import { json } from '../json-text.ts';
import { parseInteger } from '../params.ts';
import type { Success } from '../reply.ts';
import type { V1Context, V1Route } from './handler.ts';

const DEFAULT_ROWS = 10;
const MAX_ROWS = 10_000;

/** Routes about the program itself. */
export const STATUS_ROUTES: readonly V1Route[] = [
  { path: '/status/config', methods: ['GET'], handler: ({ ports }) => success({ yaml: ports.configText() }) },
  { path: '/status/flags', methods: ['GET'], handler: ({ deps }) => success(deps.options.flags) },
  { path: '/status/buildinfo', methods: ['GET'], handler: ({ deps }) => success(deps.options.buildInfo) },
  { path: '/status/runtimeinfo', methods: ['GET'], handler: ({ ports }) => success(ports.runtimeInfo()) },
  { path: '/status/walreplay', methods: ['GET'], handler: ({ ports }) => success(ports.walReplay()) },
  { path: '/status/tsdb', methods: ['GET'], handler: tsdbStatus },
];

function success(value: unknown): Success {
  return { data: json(value) };
}

function tsdbStatus({ ports, params }: V1Context): Success {
  const text = params.get('limit');
  const limit = text === '' ? DEFAULT_ROWS : parseInteger(text);
  if (limit === undefined || limit < 1) throw new ApiError('bad_data', 'limit must be a positive number');
  if (limit > MAX_ROWS) throw new ApiError('bad_data', `limit must not exceed ${MAX_ROWS}`);
  const stats = ports.storage.stats();
  return success({
    headStats: {
      numSeries: stats.seriesCount,
      numLabelPairs: stats.labelPairCount,
      chunkCount: stats.chunkCount,
      minTime: stats.minTimeMs ?? 0,
      maxTime: stats.maxTimeMs ?? 0,
    },
    ...ports.storage.cardinality(limit),
  });
}
