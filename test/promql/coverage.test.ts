import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import {
  AGGREGATES_WITH_PARAM,
  parseExpr,
  PROMQL_FUNCTIONS,
  PromqlParseError,
  walkExpr,
} from '../../src/promql/index.ts';
import type { Expr } from '../../src/promql/index.ts';
import { ALL_FEATURES } from './promqltest.ts';
import { parseScript } from './script.ts';

/** The scripts of this folder use all of PromQL. */

const OPERATORS = [
  '+',
  '-',
  '*',
  '/',
  '%',
  '^',
  'atan2',
  '==',
  '!=',
  '<',
  '<=',
  '>',
  '>=',
  'and',
  'or',
  'unless',
  '>/',
  '</',
];
const AGGREGATES = [
  'sum',
  'avg',
  'min',
  'max',
  'count',
  'group',
  'stddev',
  'stdvar',
  ...AGGREGATES_WITH_PARAM,
];
const MODIFIERS = [
  'offset',
  'negative offset',
  'offset expression',
  '@ time',
  '@ start()',
  '@ end()',
  'anchored',
  'smoothed',
  'range expression',
  'subquery',
  'subquery default resolution',
  'on',
  'ignoring',
  'group_left',
  'group_right',
  'bool',
  'fill left',
  'fill right',
  'by',
  'without',
  '=',
  '!=',
  '=~',
  '!~',
  'unary +',
  'unary -',
];

function* partsOf(node: Expr): Generator<string> {
  switch (node.kind) {
    case 'call':
      yield `function ${node.func.name}`;
      return;
    case 'aggregate':
      yield `aggregate ${node.op}`;
      yield node.without ? 'without' : 'by';
      return;
    case 'unary':
      yield `unary ${node.op}`;
      return;
    case 'binary':
      yield `operator ${node.op}`;
      if (node.returnBool) yield 'bool';
      if (node.matching === undefined) return;
      yield node.matching.on ? 'on' : 'ignoring';
      if (node.matching.card === 'many-to-one') yield 'group_left';
      if (node.matching.card === 'one-to-many') yield 'group_right';
      if (node.matching.fill.left !== undefined) yield 'fill left';
      if (node.matching.fill.right !== undefined) yield 'fill right';
      return;
    case 'matrixSelector':
      if (node.rangeExpr !== undefined) yield 'range expression';
      return;
    case 'subquery':
      yield node.stepMs === 0 && node.stepExpr === undefined ? 'subquery default resolution' : 'subquery';
      return;
    case 'vectorSelector':
      for (const { op } of node.matchers) yield op;
      if (node.extended !== undefined) yield node.extended;
      if (node.offsetMs !== 0) yield node.offsetMs > 0 ? 'offset' : 'negative offset';
      if (node.offsetExpr !== undefined) yield 'offset expression';
      if (node.at !== undefined) yield node.at.kind === 'time' ? '@ time' : `@ ${node.at.kind}()`;
      return;
    case 'numberLiteral':
    case 'stringLiteral':
    case 'paren':
      return;
  }
}

test('the scripts use every function, aggregation, operator and modifier', () => {
  const used = new Set<string>();
  for (const file of readdirSync(import.meta.dirname).filter((name) => name.endsWith('.test'))) {
    for (const command of parseScript(readFileSync(join(import.meta.dirname, file), 'utf8'))) {
      if (command.kind !== 'eval') continue;
      try {
        walkExpr(parseExpr(command.expr, ALL_FEATURES), (node) => {
          for (const part of partsOf(node)) used.add(part);
        });
      } catch (error) {
        if (!(error instanceof PromqlParseError)) throw error;
        // A script may expect that it doesn't parse.
      }
    }
  }
  const wanted = [
    ...[...PROMQL_FUNCTIONS.keys()].map((name) => `function ${name}`),
    ...AGGREGATES.map((name) => `aggregate ${name}`),
    ...OPERATORS.map((name) => `operator ${name}`),
    ...MODIFIERS,
  ];
  expect(wanted.filter((part) => !used.has(part))).toEqual([]);
});
