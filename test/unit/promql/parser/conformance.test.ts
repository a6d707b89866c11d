import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseExpr, parseSeriesDescription, printExpr } from '../../../../src/promql/parser/index.ts';

const folder = process.env['TOCSIN_CONFORMANCE'];
const features = {
  experimentalFunctions: true,
  durationExpressions: true,
  extendedRangeSelectors: true,
  fillModifiers: true,
};

interface Script {
  readonly expressions: readonly string[];
  readonly series: readonly string[];
}

/** The expressions that are meant to work and the series of a promqltest script. */
function readScript(text: string): Script {
  const expressions: string[] = [];
  const series: string[] = [];
  let block: 'load' | 'eval' | undefined;
  for (const raw of text.split('\n')) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    if (!/^\s/.test(raw)) {
      block = line.startsWith('load') ? 'load' : undefined;
      const found =
        /^eval(?:_ordered|_warn|_info)?\s+(?:instant\s+at\s+\S+|range\s+from\s+\S+\s+to\s+\S+\s+step\s+\S+)\s+(.*)$/.exec(
          line,
        );
      if (found !== null) {
        block = 'eval';
        expressions.push(found[1]!);
      }
    } else if (block === 'load' && !/@st\b|^eval\b/.test(line)) {
      series.push(line);
    } else if (block === 'eval' && line.startsWith('expect fail')) {
      expressions.pop();
      block = undefined;
    }
  }
  return { expressions, series };
}

if (folder === undefined) {
  test.skip("needs TOCSIN_CONFORMANCE, the folder of the reference programs' test data", () => undefined);
} else {
  const scripts = join(folder, 'promqltest');
  describe.each(readdirSync(scripts).filter((name) => name.endsWith('.test')))('%s', (name) => {
    const { expressions, series } = readScript(readFileSync(join(scripts, name), 'utf8'));

    test('every expression parses, and its print is stable', () => {
      for (const text of expressions) {
        const printed = printExpr(parseExpr(text, { features }));
        expect(printExpr(parseExpr(printed, { features }))).toBe(printed);
      }
    });

    test('every series parses', () => {
      for (const text of series) expect(() => parseSeriesDescription(text), text).not.toThrow();
    });
  });
}
