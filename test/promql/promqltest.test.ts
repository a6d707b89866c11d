import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ALL_FEATURES, ScriptRunner, type Outcome } from './promqltest.ts';

/**
 * Runs the scripts of this folder, and those of Prometheus where TOCSIN_CONFORMANCE names a folder that has them.
 */

/** What this version doesn't have yet. An `eval` that passes all the same is not excluded by anything. */
const EXCLUDED: readonly { readonly reason: string; readonly applies: (outcome: Outcome) => boolean }[] = [
  { reason: 'experimental function', applies: refusal('the experimental function ') },
  { reason: 'experimental aggregation', applies: refusal('the experimental aggregation ') },
  { reason: 'anchored, smoothed, fill', applies: refusal('the experimental modifier ') },
  { reason: 'function of native histograms', applies: refusal('which reads native histograms, ') },
  { reason: 'operator on native histograms', applies: refusal('which trims native histograms, ') },
  {
    reason: 'native histograms are not stored',
    applies: ({ touchesNativeHistograms }) => touchesNativeHistograms,
  },
  {
    reason: 'start timestamps are not stored',
    applies: ({ touchesStartTimestamps }) => touchesStartTimestamps,
  },
];

function refusal(text: string): (outcome: Outcome) => boolean {
  return ({ failure }) => failure?.includes(text) === true && failure.endsWith('is not in this version');
}

function shown(outcomes: readonly Outcome[]): string[] {
  return outcomes.map(({ line, expr, failure }) => `line ${line}: ${expr}: ${failure}`);
}

function failures(outcomes: readonly Outcome[]): readonly Outcome[] {
  return outcomes.filter(({ failure }) => failure !== undefined);
}

describe('own scripts', () => {
  const scripts = readdirSync(import.meta.dirname).filter((file) => file.endsWith('.test'));

  test.each(scripts)('%s', async (file) => {
    const text = readFileSync(join(import.meta.dirname, file), 'utf8');
    const outcomes = await new ScriptRunner().run(text);
    expect(outcomes.length).toBeGreaterThan(0);
    expect(shown(failures(outcomes))).toEqual([]);
  });
});

const folder = join(process.env['TOCSIN_CONFORMANCE'] ?? '', 'promqltest');
const present = process.env['TOCSIN_CONFORMANCE'] !== undefined && existsSync(folder);
if (!present)
  console.log("skipped: Prometheus' PromQL scripts; TOCSIN_CONFORMANCE names no folder with them");

describe.skipIf(!present)("Prometheus' scripts", () => {
  const scripts = present ? readdirSync(folder).filter((file) => file.endsWith('.test')) : [];
  const used = new Set<string>();

  test.each(scripts)('%s', async (file) => {
    const runner = new ScriptRunner({ delayedNameRemoval: true, parseOptions: ALL_FEATURES });
    const outcomes = await runner.run(readFileSync(join(folder, file), 'utf8'));
    const unexplained = failures(outcomes).filter((outcome) => {
      const row = EXCLUDED.find(({ applies }) => applies(outcome));
      if (row !== undefined) used.add(row.reason);
      return row === undefined;
    });
    expect(shown(unexplained)).toEqual([]);
  });

  test('every row of the table of exclusions is needed', () => {
    expect(EXCLUDED.map(({ reason }) => reason).filter((reason) => !used.has(reason))).toEqual([]);
  });
});
