import { expect, test } from 'vitest';
import { Labels } from '../../../src/core/labels.ts';
import { SeriesTable } from '../../../src/storage/remote/send/series-table.ts';

test('a series keeps to one order on its way out, under whichever number the log has it', () => {
  const table = new SeriesTable({ externalLabels: Labels.fromObject({ cluster: 'a' }), relabelConfigs: [] });
  table.add(1, ['__name__', 'm'], 0);
  table.add(2 ** 40, ['__name__', 'm'], 3);
  table.add(3, ['__name__', 'n'], 3);
  const hashes = [1, 2 ** 40, 3].map((walId) => table.find(walId)?.hash);
  expect(hashes[0]).toBe(hashes[1]);
  expect(hashes[2]).not.toBe(hashes[0]);
});
