import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../../../src/core/seeded-random.ts';
import type { BlockMeta } from '../../../src/storage/tsdb/block/index.ts';
import { blockRanges, planCompaction } from '../../../src/storage/tsdb/compact/compaction-plan.ts';
import { expiredBlocks } from '../../../src/storage/tsdb/compact/retention.ts';
import { isUlid, makeUlid, ulidTimeMs } from '../../../src/storage/tsdb/compact/ulid.ts';

const RANGES = [20, 60, 180, 540, 1620];

interface More {
  readonly series?: number;
  readonly deleted?: number;
  readonly failed?: boolean;
  readonly hints?: readonly string[];
}

function meta(minTime: number, maxTime: number, more: More = {}): BlockMeta {
  const ulid = `${minTime}-${maxTime}`;
  return {
    ulid,
    minTime,
    maxTime,
    stats: {
      numSamples: 1,
      numFloatSamples: 1,
      numHistogramSamples: 0,
      numSeries: more.series ?? 0,
      numChunks: 1,
      numTombstones: more.deleted ?? 0,
    },
    compaction: {
      level: 1,
      sources: [ulid],
      parents: [],
      hints: more.hints ?? [],
      deletable: false,
      failed: more.failed ?? false,
    },
  };
}

function plan(metas: readonly BlockMeta[]): string[] {
  const blocks = metas.map((each) => ({ folder: each.ulid, meta: each }));
  return planCompaction(blocks, RANGES).map(({ folder }) => folder);
}

describe('planning', () => {
  const stale = { hints: ['from-stale-series'] };
  const cases: [name: string, metas: BlockMeta[], expected: string[]][] = [
    ['nothing', [], []],
    ['one block', [meta(0, 20)], []],
    ['the newest is left alone', [meta(0, 20), meta(20, 40), meta(40, 60)], []],
    ['a full range', [meta(0, 20), meta(20, 40), meta(40, 60), meta(60, 80)], ['0-20', '20-40', '40-60']],
    [
      'in whatever order they come',
      [meta(60, 80), meta(40, 60), meta(0, 20), meta(20, 40)],
      ['0-20', '20-40', '40-60'],
    ],
    [
      'a range with a gap that can not be filled any more',
      [meta(0, 20), meta(40, 60), meta(60, 80), meta(80, 100)],
      ['0-20', '40-60'],
    ],
    ['a range that may still be filled', [meta(60, 80), meta(80, 100), meta(100, 120)], []],
    [
      'not where one failed before',
      [meta(0, 20), meta(20, 40, { failed: true }), meta(40, 60), meta(60, 80)],
      [],
    ],
    [
      'the shorter range first',
      [
        meta(0, 60),
        meta(60, 120),
        meta(120, 180),
        meta(180, 200),
        meta(200, 220),
        meta(240, 260),
        meta(260, 280),
      ],
      ['180-200', '200-220'],
    ],
    [
      'overlapping blocks first, the newest included',
      [meta(0, 20), meta(20, 40), meta(30, 50)],
      ['20-40', '30-50'],
    ],
    [
      'a chain of overlaps as a whole',
      [meta(0, 20), meta(10, 40), meta(30, 50), meta(60, 80)],
      ['0-20', '10-40', '30-50'],
    ],
    [
      'more than a twentieth deleted in a wide block',
      [meta(0, 540, { series: 10, deleted: 1 }), meta(540, 560)],
      ['0-540'],
    ],
    [
      'a twentieth of a wide block is not enough',
      [meta(0, 540, { series: 19, deleted: 1 }), meta(540, 560)],
      [],
    ],
    ['a little deleted in a short block', [meta(0, 20, { series: 10, deleted: 3 }), meta(540, 560)], []],
    ['all of a short block deleted', [meta(0, 20, { series: 3, deleted: 3 }), meta(540, 560)], ['0-20']],
    ['blocks of stale series overlap whole ones and stay apart', [meta(0, 20), meta(0, 20, stale)], []],
  ];
  it.each(cases)('%s', (_name, metas, expected) => {
    expect(plan(metas)).toEqual(expected);
  });

  it('has ranges up to the longest, and at least one', () => {
    expect(blockRanges(2, 54)).toEqual([2, 6, 18, 54]);
    expect(blockRanges(2, 53)).toEqual([2, 6, 18]);
    expect(blockRanges(2, 1)).toEqual([2]);
  });
});

describe('retention', () => {
  const blocks = [0, 1, 2, 3, 4].map((i) => ({ meta: meta(i * 10, i * 10 + 10), sizeBytes: 100 }));
  const cases: [
    name: string,
    timeMs: number,
    sizeBytes: number,
    other: number,
    byTime: number,
    bySize: number,
  ][] = [
    ['no limit', 0, 0, 1000, 0, 0],
    ['time, exactly reached', 20, 0, 0, 3, 0],
    ['time, not reached', 41, 0, 0, 0, 0],
    ['time never takes the newest', 1, 0, 0, 4, 0],
    ['size, exactly reached', 0, 500, 0, 0, 0],
    ['size, passed by a byte', 0, 499, 0, 0, 1],
    ['the log counts', 0, 500, 101, 0, 2],
    ['size takes even the newest', 0, 99, 0, 0, 5],
    ['what goes by time is not counted twice', 20, 300, 0, 3, 0],
  ];
  it.each(cases)('%s', (_name, timeMs, sizeBytes, other, byTime, bySize) => {
    const expired = expiredBlocks(blocks, { timeMs, sizeBytes }, other);
    expect([expired.byTime.length, expired.bySize.length]).toEqual([byTime, bySize]);
    const kept = blocks.filter((block) => ![...expired.byTime, ...expired.bySize].includes(block));
    expect(kept).toEqual(blocks.slice(blocks.length - kept.length));
  });

  it('of nothing', () => {
    expect(expiredBlocks([], { timeMs: 1, sizeBytes: 1 }, 10)).toEqual({ byTime: [], bySize: [] });
  });
});

describe('ULIDs', () => {
  it.each([0, 1, 31, 32, 1_700_000_000_000, 2 ** 48 - 1])('tell when they were made: %d', (timeMs) => {
    const ulid = makeUlid(timeMs, new SeededRandom(1));
    expect(isUlid(ulid)).toBe(true);
    expect(ulidTimeMs(ulid)).toBe(timeMs);
  });

  it('sort by time, and differ within one', () => {
    const random = new SeededRandom(1);
    expect(makeUlid(999, random) < makeUlid(1000, random)).toBe(true);
    expect(makeUlid(5, random)).not.toBe(makeUlid(5, random));
  });

  it.each([
    'wal',
    '',
    '01HF000000000000000000000',
    '01HF00000000000000000000IL',
    '81HF0000000000000000000000',
  ])('are not %j', (name) => {
    expect(isUlid(name)).toBe(false);
  });
});
