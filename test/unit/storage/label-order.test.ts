import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Labels } from '../../../src/core/labels.ts';
import { HeadStorage } from '../../../src/storage/index.ts';

const text = fc.constantFrom('a', 'b', 'ab', 'ü', '😀', '~', 'z10', 'z9');
const someLabels = fc
  .dictionary(text, text, { minKeys: 1, maxKeys: 5 })
  .map((labels) => Labels.fromObject(labels));

it('series come in the order of their labels, few or many', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(
        fc.array(someLabels, { maxLength: 10 }),
        fc.array(someLabels, { minLength: 100, maxLength: 300 }),
      ),
      async (all) => {
        const storage = new HeadStorage();
        const appender = storage.appender(1);
        for (const labels of all) appender.append(appender.series(labels), 1, 1);
        await appender.commit();
        const querier = storage.querier(0, 1);
        const cursor = await querier.select([], { minMs: 0, maxMs: 1, limit: 0 });
        const got: string[] = [];
        while (cursor.next()) got.push(cursor.labels().key);
        querier.close();
        const unique = new Map(all.map((labels) => [labels.key, labels]));
        const wanted = [...unique.values()].sort((a, b) => a.compare(b)).map(({ key }) => key);
        expect(got).toEqual(wanted);
      },
    ),
    { numRuns: 50 },
  );
});
