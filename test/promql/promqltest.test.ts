import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { LocalQueryEngineOptions } from '../../src/promql/index.ts';
import type { SampleStorage } from '../../src/storage/index.ts';
import { HeadStorage } from '../../src/storage/tsdb/head/head-storage.ts';
import { MemoryStorage } from '../support/memory-storage.ts';
import { ALL_FEATURES, ScriptRunner } from './promqltest.ts';

/**
 * Runs the scripts of this folder and its `regressions/`; those of Prometheus in the subfolder `promqltest` of
 * TOCSIN_CONFORMANCE; and every `*.test` of the folder that TOCSIN_PROMQLTEST names, such as a checkout's
 * promql/promqltest/testdata. Each runs over the plain storage of tests and over the real one.
 */
const STORAGES: Readonly<Record<string, () => SampleStorage>> = {
  'plain storage': () => new MemoryStorage(),
  'real storage': () => new HeadStorage({ chunkRangeMs: 10 * 365 * 86_400_000 }),
};

/** As upstream's NewTestEngine sets its engine. */
const UPSTREAM: Partial<LocalQueryEngineOptions> = {
  delayedNameRemoval: true,
  useStartTimestamps: true,
  parseOptions: ALL_FEATURES,
};

/** Our own scripts drop names at once, as is the default, unless they say something else in their first line. */
const OWN_HEADERS: Readonly<Record<string, Partial<LocalQueryEngineOptions>>> = {
  '# engine: delayed name removal': UPSTREAM,
  '# engine: stock': {},
};

function optionsFor(text: string, own: boolean): Partial<LocalQueryEngineOptions> {
  if (!own) return UPSTREAM;
  return OWN_HEADERS[text.split('\n', 1)[0]!] ?? { ...UPSTREAM, delayedNameRemoval: false };
}

async function failuresOf(path: string, makeStorage: () => SampleStorage): Promise<string[]> {
  const text = readFileSync(path, 'utf8');
  const own = path.startsWith(import.meta.dirname);
  const outcomes = await new ScriptRunner(makeStorage, optionsFor(text, own)).run(text);
  expect(outcomes.length).toBeGreaterThan(0);
  return outcomes.flatMap(({ line, expr, failure }) =>
    failure === undefined ? [] : [`line ${line}: ${expr}: ${failure}`],
  );
}

function scriptsIn(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((file) => file.endsWith('.test'))
    .map((file) => join(folder, file));
}

const conformance = process.env['TOCSIN_CONFORMANCE'];
const outside = process.env['TOCSIN_PROMQLTEST'];
const groups: Readonly<Record<string, readonly string[]>> = {
  'own scripts': scriptsIn(import.meta.dirname),
  regressions: scriptsIn(join(import.meta.dirname, 'regressions')),
  "Prometheus' scripts": conformance === undefined ? [] : scriptsIn(join(conformance, 'promqltest')),
  'scripts of TOCSIN_PROMQLTEST': outside === undefined ? [] : scriptsIn(outside),
};
if (conformance === undefined) {
  console.log("skipped: Prometheus' PromQL scripts; TOCSIN_CONFORMANCE names no folder with them");
}

for (const [group, scripts] of Object.entries(groups)) {
  describe.skipIf(scripts.length === 0)(group, () => {
    const rows = scripts.flatMap((path) => Object.keys(STORAGES).map((storage) => ({ path, storage })));

    test.each(rows)('$path over the $storage', async ({ path, storage }) => {
      expect(await failuresOf(path, STORAGES[storage]!)).toEqual([]);
    });
  });
}

test('a folder that TOCSIN_PROMQLTEST names has scripts', () => {
  if (outside !== undefined) expect(groups['scripts of TOCSIN_PROMQLTEST']).not.toEqual([]);
});
