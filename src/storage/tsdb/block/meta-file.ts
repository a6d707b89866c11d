import type { BlockMeta } from './block-meta.ts';
import { damaged } from './block-format.ts';

type JsonObject = Readonly<Record<string, unknown>>;

/** Contents of `meta.json`. */
export function encodeMeta(meta: BlockMeta): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(metaJson(meta), undefined, '\t'));
}

/** A block as `meta.json` and `/api/v1/status/tsdb/blocks` tell of it: what is nothing is left out. */
export function metaJson(meta: BlockMeta): JsonObject {
  const { stats, compaction } = meta;
  return {
    ulid: meta.ulid,
    minTime: meta.minTime,
    maxTime: meta.maxTime,
    stats: {
      numSamples: stats.numSamples || undefined,
      numFloatSamples: stats.numFloatSamples || undefined,
      numHistogramSamples: stats.numHistogramSamples || undefined,
      numSeries: stats.numSeries || undefined,
      numChunks: stats.numChunks || undefined,
      numTombstones: stats.numTombstones || undefined,
    },
    compaction: {
      level: compaction.level,
      sources: filled(compaction.sources),
      deletable: compaction.deletable || undefined,
      parents: filled(compaction.parents),
      failed: compaction.failed || undefined,
      hints: filled(compaction.hints),
    },
    version: 1,
  };
}

function filled<T>(list: readonly T[]): readonly T[] | undefined {
  return list.length === 0 ? undefined : list;
}

/** Reads `meta.json`; throws TOCSIN_ERR_STORAGE. */
export function decodeMeta(bytes: Uint8Array, path: string): BlockMeta {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder().decode(bytes));
  } catch (error) {
    throw damaged(path, 0, error instanceof Error ? error.message : 'it is no JSON');
  }
  const fail = (what: string): never => {
    throw damaged(path, 0, what);
  };
  const object = (value: unknown, name: string): JsonObject =>
    isObject(value) ? value : fail(`${name} is not an object`);
  const number = (value: unknown, name: string): number => {
    const found = value ?? 0;
    return typeof found === 'number' && Number.isFinite(found) ? found : fail(`${name} is not a number`);
  };
  const text = (value: unknown, name: string): string =>
    typeof value === 'string' ? value : fail(`${name} is not a text`);
  const list = (value: unknown, name: string): readonly unknown[] => {
    const found = value ?? [];
    return Array.isArray(found) ? found : fail(`${name} is not a list`);
  };
  const meta = object(json, 'it');
  if (meta['version'] !== 1) fail(`version ${String(meta['version'])} is unknown`);
  const stats = object(meta['stats'] ?? {}, 'stats');
  const compaction = object(meta['compaction'] ?? {}, 'compaction');
  const minTime = number(meta['minTime'], 'minTime');
  const maxTime = number(meta['maxTime'], 'maxTime');
  return {
    ulid: text(meta['ulid'], 'ulid'),
    minTime,
    maxTime,
    stats: {
      numSamples: number(stats['numSamples'], 'numSamples'),
      numFloatSamples: number(stats['numFloatSamples'], 'numFloatSamples'),
      numHistogramSamples: number(stats['numHistogramSamples'], 'numHistogramSamples'),
      numSeries: number(stats['numSeries'], 'numSeries'),
      numChunks: number(stats['numChunks'], 'numChunks'),
      numTombstones: number(stats['numTombstones'], 'numTombstones'),
    },
    compaction: {
      level: number(compaction['level'], 'level'),
      sources: list(compaction['sources'], 'sources').map((source) => text(source, 'a source')),
      parents: list(compaction['parents'], 'parents').map((each) => {
        const parent = object(each, 'a parent');
        return {
          ulid: text(parent['ulid'], 'ulid'),
          minTime: number(parent['minTime'], 'minTime'),
          maxTime: number(parent['maxTime'], 'maxTime'),
        };
      }),
      hints: list(compaction['hints'], 'hints').map((hint) => text(hint, 'a hint')),
      deletable: compaction['deletable'] === true,
      failed: compaction['failed'] === true,
    },
  };
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
