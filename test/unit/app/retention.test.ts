import { expect, it } from 'vitest';
import type { TocsinOptions } from '../../../src/app/options.ts';
import { BASE, Machine } from './machine.ts';

const DAY_MS = 24 * 3600_000;
const GB = 1024 ** 3;

type Given = Pick<TocsinOptions, 'retentionMs' | 'retentionBytes'>;

const CASES: readonly (readonly [
  name: string,
  flags: Partial<Given>,
  tsdb: object | undefined,
  expected: object,
])[] = [
  ['nothing', {}, undefined, { timeMs: 15 * DAY_MS, sizeBytes: 0, percentage: 0 }],
  ['a flag for time', { retentionMs: DAY_MS }, undefined, { timeMs: DAY_MS, sizeBytes: 0, percentage: 0 }],
  ['a time of 0', { retentionMs: 0 }, undefined, { timeMs: 15 * DAY_MS, sizeBytes: 0, percentage: 0 }],
  ['a flag for size', { retentionBytes: GB }, undefined, { timeMs: 0, sizeBytes: GB, percentage: 0 }],
  [
    'a file without a section',
    { retentionMs: DAY_MS, retentionBytes: GB },
    {},
    { timeMs: DAY_MS, sizeBytes: GB, percentage: 0 },
  ],
  [
    'a section in the place of both flags',
    { retentionMs: DAY_MS, retentionBytes: GB },
    { retention: { percentage: 80 } },
    { timeMs: 0, sizeBytes: 0, percentage: 80 },
  ],
  [
    'a time in the file in the place of a size in a flag',
    { retentionBytes: GB },
    { retention: { time: '2d' } },
    { timeMs: 2 * DAY_MS, sizeBytes: 0, percentage: 0 },
  ],
  [
    'an empty section',
    { retentionMs: DAY_MS },
    { retention: {} },
    { timeMs: 0, sizeBytes: 0, percentage: 0 },
  ],
];

it.each(CASES)('retention with %s', async (_name, flags, tsdb, expected) => {
  const machine = new Machine();
  machine.configure({ ...BASE, ...(tsdb && { storage: { tsdb } }) });
  const tocsin = await machine.load({ retentionMs: undefined, ...flags });
  expect(tocsin.retention).toEqual(expected);
});
