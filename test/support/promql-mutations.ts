import * as fc from 'fast-check';
import { printExpr } from '../../src/promql/parser/index.ts';
import { exprArbitrary } from './promql-arbitrary.ts';
import type { ExprChoice } from './promql-arbitrary.ts';

/** Pieces that change what stands around them. */
const PIECES: readonly string[] = [
  ...String.raw`( ) { } [ ] , : = == =~ !~ != ! < > >= </ >/ + - * / % ^ @ # " ' \ . _ $ é 日`.split(' '),
  ...`5m 1h30m 5 0x1f 1e3 .5 5. 1_000 Inf NaN 0 1w2d 5ms3s "a" 'b' __name__ {a="b"} [5m] [5m:1m] [5m:]`.split(
    ' ',
  ),
  ...'a rate abs sum topk count_values histogram_quantile label_replace time unknown min_of max_of (a)'.split(
    ' ',
  ),
  ...'by without on ignoring group_left group_right bool offset and or unless atan2 start end fill'.split(
    ' ',
  ),
  ...'start() end() step() range() anchored smoothed'.split(' '),
  '`',
  ' ',
  '\n',
  '@ 5',
  'offset 5m',
  'offset -5m',
];

interface Edit {
  readonly at: number;
  readonly kind: 'delete' | 'insert' | 'replace' | 'repeat' | 'cut' | 'swap';
  readonly piece: string;
}

const edit: fc.Arbitrary<Edit> = fc.record({
  at: fc.nat(1_000_000),
  kind: fc.constantFrom('delete', 'insert', 'replace', 'repeat', 'cut', 'swap'),
  piece: fc.oneof(
    { weight: 9, arbitrary: fc.constantFrom(...PIECES) },
    { weight: 1, arbitrary: fc.string({ unit: 'binary', minLength: 1, maxLength: 2 }) },
  ),
});

function apply(parts: readonly string[], { at, kind, piece }: Edit): readonly string[] {
  if (parts.length === 0) return [piece];
  const i = at % parts.length;
  const part = parts[i]!;
  switch (kind) {
    case 'delete':
      return parts.toSpliced(i, 1);
    case 'insert':
      return parts.toSpliced(i, 0, piece);
    case 'replace':
      return parts.toSpliced(i, 1, piece);
    case 'repeat':
      return parts.toSpliced(i, 0, part);
    case 'cut':
      return parts.slice(0, i + 1);
    case 'swap':
      return parts.with(i, parts[i + 1] ?? part).with(Math.min(i + 1, parts.length - 1), part);
  }
}

/** Texts a few edits away from expressions: some still are expressions, most are not. */
export function mutatedExprArbitrary(choice: ExprChoice = {}): fc.Arbitrary<string> {
  return fc
    .tuple(exprArbitrary(choice), fc.array(edit, { minLength: 1, maxLength: 3 }))
    .map(([expr, edits]) => {
      const parts: readonly string[] = printExpr(expr).match(/\w+|\s+|[^\w\s]/gu) ?? [];
      return edits.reduce(apply, parts).join('');
    });
}
