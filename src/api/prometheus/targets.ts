import { formatDuration } from '../../core/duration.ts';
import { matchesAll } from '../../core/matcher.ts';
import { ApiError } from '../api-error.ts';
import { labelsJson } from '../../promql/index.ts';
import { json, jsonList, jsonObject, pairsJson, timeText } from '../json-text.ts';
import { parseInteger, selector, type Params } from '../params.ts';
import type { Success } from '../reply.ts';
import type { V1Context, V1Route } from './handler.ts';

type TargetsView = ReturnType<V1Context['ports']['scrape']['targets']>;
type Metadata = ReturnType<V1Context['ports']['scrape']['targetMetadata']>[number]['metrics'][number];

/** Routes about targets, what they say of their metrics, and outside Alertmanagers. */
export const TARGET_ROUTES: readonly V1Route[] = [
  { path: '/targets', methods: ['GET'], handler: targets },
  { path: '/targets/metadata', methods: ['GET'], handler: targetMetadata },
  { path: '/scrape_pools', methods: ['GET'], handler: scrapePools },
  { path: '/metadata', methods: ['GET'], handler: metadata },
  { path: '/alertmanagers', methods: ['GET'], handler: alertmanagers },
];

function targets({ ports, params }: V1Context): Success {
  const pool = params.fromUrl('scrapePool');
  const state = params.fromUrl('state').toLowerCase();
  const view = ports.scrape.targets();
  const inPool = <T extends { readonly scrapePool: string }>(all: readonly T[]): readonly T[] =>
    pool === '' ? all : all.filter(({ scrapePool }) => scrapePool === pool);
  const wants = (kind: string): boolean => state === '' || state === 'any' || state === kind;
  const active = wants('active') ? inPool(view.active) : [];
  const dropped = wants('dropped') ? inPool(view.dropped) : [];
  return {
    data: jsonObject({
      activeTargets: jsonList(active, targetJson),
      droppedTargets: jsonList(dropped, ({ discoveredLabels, scrapePool }) =>
        joinFields({
          discoveredLabels: labelsJson(discoveredLabels),
          scrapePool: JSON.stringify(scrapePool),
        }),
      ),
      droppedTargetCounts: json(wants('dropped') ? view.droppedCounts : null),
    }),
  };
}

function targetJson(target: TargetsView['active'][number]): string {
  return joinFields({
    discoveredLabels: labelsJson(target.discoveredLabels),
    labels: labelsJson(target.labels),
    scrapePool: JSON.stringify(target.scrapePool),
    scrapeUrl: JSON.stringify(target.scrapeUrl),
    globalUrl: JSON.stringify(target.globalUrl),
    lastError: JSON.stringify(target.lastError),
    lastScrape: JSON.stringify(timeText(target.lastScrapeMs)),
    lastScrapeDuration: String(target.lastScrapeDurationMs / 1000),
    health: JSON.stringify(target.health),
    scrapeInterval: JSON.stringify(formatDuration(target.scrapeIntervalMs)),
    scrapeTimeout: JSON.stringify(formatDuration(target.scrapeTimeoutMs)),
  });
}

function joinFields(fields: Readonly<Record<string, string>>): string {
  const parts = Object.entries(fields).map(([name, text]) => `${JSON.stringify(name)}:${text}`);
  return `{${parts.join(',')}}`;
}

/** A count; undefined when there is none, and so without bound. */
function countParam(params: Params, name: string): number | undefined {
  const text = params.get(name);
  if (text === '') return undefined;
  const count = parseInteger(text);
  if (count === undefined) throw new ApiError('bad_data', `${name} must be a number`);
  return count;
}

function targetMetadata({ ports, params }: V1Context): Success {
  const limit = countParam(params, 'limit');
  const matchTarget = params.get('match_target');
  const matchers = matchTarget === '' ? [] : matchTargetSelector(matchTarget);
  const metric = params.get('metric');
  const found: string[] = [];
  for (const { target, metrics } of ports.scrape.targetMetadata()) {
    if (limit !== undefined && limit >= 0 && found.length >= limit) break;
    if (!matchesAll(matchers, target)) continue;
    for (const entry of metrics) {
      if (metric !== '' && entry.family !== metric) continue;
      const { type, help, unit } = entry;
      const pairs = Object.entries({ ...(metric === '' && { metric: entry.family }), type, help, unit });
      found.push(`{"target":${labelsJson(target)},${pairsJson(pairs).slice(1)}`);
    }
  }
  return { data: jsonList(found, (text) => text) };
}

function matchTargetSelector(text: string): ReturnType<typeof selector> {
  try {
    return selector(text);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    throw new ApiError('bad_data', `invalid parameter "match_target": ${error.message}`);
  }
}

function scrapePools({ ports }: V1Context): Success {
  return { data: json({ scrapePools: ports.scrape.scrapePools() }) };
}

function metadata({ ports, params }: V1Context): Success {
  const limit = countParam(params, 'limit') ?? -1;
  const perMetric = countParam(params, 'limit_per_metric') ?? -1;
  const metric = params.get('metric');
  const families = new Map<string, Map<string, Metadata>>();
  for (const { metrics } of ports.scrape.targetMetadata()) {
    for (const entry of metrics) {
      if (metric !== '' && entry.family !== metric) continue;
      let different = families.get(entry.family);
      if (different === undefined) families.set(entry.family, (different = new Map()));
      if (perMetric > 0 && different.size >= perMetric) continue;
      different.set(JSON.stringify([entry.type, entry.unit, entry.help]), entry);
    }
  }
  const shown = limit >= 0 ? [...families].slice(0, limit) : [...families];
  return {
    data: objectOf(shown, (different) =>
      JSON.stringify([...different.values()].map(({ type, help, unit }) => ({ type, unit, help }))),
    ),
  };
}

function* objectOf<T>(
  entries: readonly (readonly [string, T])[],
  toText: (value: T) => string,
): Generator<string> {
  yield '{';
  for (const [i, [name, value]] of entries.entries()) {
    yield `${i === 0 ? '' : ','}${JSON.stringify(name)}:${toText(value)}`;
  }
  yield '}';
}

function alertmanagers({ ports }: V1Context): Success {
  const { active, dropped } = ports.alertmanagers();
  return {
    data: json({
      activeAlertmanagers: active.map((url) => ({ url })),
      droppedAlertmanagers: dropped.map((url) => ({ url })),
    }),
  };
}
